"""Pieces of work of several sizes, one after the other and then on all generators at once.

How long a generator takes depends on how many prompts and rows it is given, and that on how many there are of them; so
it is asked for a whole step, for parts of one, and for a single rollout.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np

from straw.engines.base import SamplingParams, Tokens
from straw.engines.monarch.engine import MonarchEngine
from straw.engines.monarch.generator import Generate, Sampling, Talk
from straw.planning.costs import TILE
from straw.planning.measuring.fit import Timed
from straw.planning.measuring.meters import Meter
from straw.planning.workload import together

ROUNDS, MESSAGES = 3, 40  # the first round does not count
KEYS = 10**9  # of conversations that no run has


class Pieces:
    def __init__(
        self, engine: MonarchEngine, prompts: Sequence[Tokens], group_size: int, params: SamplingParams, is_talk: bool,
        by_clock: bool,
    ) -> None:  # fmt: skip
        self.engine, self.prompts, self.group_size, self.params = engine, prompts, group_size, params
        self.is_talk, self.meters = is_talk, [Meter(pid, by_clock) for pid in engine.pool.pids()]
        self.keys = count(KEYS)

    def sizes(self) -> list[tuple[int, int, int]]:
        """Prompts, rows of each, and the most tokens of a reply."""
        most, size, tokens = len(self.prompts), self.group_size, self.params.max_tokens
        if self.is_talk:
            kinds = {(1, size), (1, -(-size // 2)), (1, 1)}
        else:
            kinds = {(1, 1), (1, size), (min(most, TILE), 1), *((max(1, most // part), size) for part in (1, 2, 4))}
        return sorted({(prompts, rows, limit) for prompts, rows in kinds for limit in (tokens, -(-tokens // 3))})

    def job(self, prompts: int, rows: int, tokens: int) -> Sampling:
        """The same whenever it is asked for: a reply is a function of its seed."""
        seeds = [[prompt * 10**4 + row for row in range(rows)] for prompt in range(prompts)]
        return Sampling(self.prompts[:prompts], rows, replace(self.params, max_tokens=tokens), seeds)

    def timed(self, prompts: int, rows: int, tokens: int) -> Timed:
        job = self.job(prompts, rows, tokens)
        if self.is_talk:
            return self.talked(job)
        self.meters[0].since()
        replies = self.engine.pool.submit("sample", self.engine.version, job, prefer=0).answer.result()
        seconds = self.meters[0].since()
        return Timed(prompts, *together(np.array([len(reply.tokens) for row in replies for reply in row])), seconds)

    def talked(self, job: Sampling) -> Timed:
        """The first turn of a conversation: all rows are computed until the last is done."""
        turn, rows = Generate(job.params, job.seeds[0]), job.num_samples
        self.meters[0].since()
        talk = Talk(next(self.keys), job.prompts[0], rows, (turn,))
        replies = self.engine.pool.submit("converse", self.engine.version, talk, prefer=0).answer.result()
        longest = max(len(reply.tokens) for reply in replies)
        return Timed(1, longest, max(TILE, rows) * longest, self.meters[0].since())

    def alone(self) -> list[Timed]:
        """One generator, in sizes of all kinds, each several times: what disturbs only makes longer."""
        rounds = [[self.timed(*size) for size in self.sizes()] for _ in range(1 + ROUNDS)]
        return [min(same, key=lambda one: one.seconds) for same in zip(*rounds, strict=True)]

    def crowding(self) -> float:
        """How much longer the same work takes where all generators do it, and every processor has one."""
        size = max(1, len(self.prompts) // 2), self.group_size, self.params.max_tokens
        job, alone, beside = self.job(*size), list[float](), list[float]()
        for _ in range(1 + ROUNDS):
            for number, found in ((1, alone), (len(self.meters), beside)):
                for meter in self.meters:
                    meter.since()
                self.engine.pool.work("sample", self.engine.version, [job] * number)
                found.append(sum(meter.since() for meter in self.meters[:number]) / number)
        return max(1.0, min(beside) / min(alone))

    def message(self) -> tuple[float, float, float]:
        """Of one that asks for nothing: seconds of the directing process, of a generator, and of its way."""
        pool, version, directing = self.engine.pool, self.engine.version, Meter(None)
        self.meters[0].since()
        took = [clocked(lambda: pool.submit("take", version, None, prefer=0).answer.result()) for _ in range(MESSAGES)]
        mine, theirs = directing.since() / MESSAGES, self.meters[0].since() / MESSAGES
        return mine, theirs, max(0.0, sorted(took)[MESSAGES // 4] - mine - theirs)


def clocked(act: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun
