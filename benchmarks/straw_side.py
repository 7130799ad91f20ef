"""straw's side: the engine verbs that a training step is made of, with a clock between them.

    converse   reads the prompt once       prefill
    generate   draws the replies           decode
    forward_backward, optim_step, publish  training

Texts are decoded too, since that is what a task would grade.
"""

from __future__ import annotations

import time
from itertools import pairwise
from multiprocessing.connection import Connection

import torch
from job import BETAS, Clock, Job, Round, TokenCount, Work, describe, fingerprints, num_updates, reward, share_moved
from machine_limits import Limits, Needs, measure_limits, needs_of
from same_work import Agreement, FirstStep, agreement

from straw.algorithms.advantages import zscore
from straw.engines.base import AdamParams, Loss, Reply, SamplingParams
from straw.engines.local.engine import LocalEngine, LocalSettings
from straw.engines.local.models.resolve import load_model
from straw.types import Datum

PHASES = ("prefill", "decode", "training")


class StrawSide:
    def __init__(self, job: Job, fast_llama: bool) -> None:
        loaded = load_model(job.model)
        self.job = job
        self.engine = LocalEngine(loaded.model, loaded.chat(), LocalSettings(fast_llama=fast_llama))
        self.adam = AdamParams(learning_rate=job.learning_rate, beta1=BETAS[0], beta2=BETAS[1], grad_clip=job.grad_clip)
        self.sampling = SamplingParams(max_tokens=job.reply_tokens)
        self.num_drawn = 0
        self.count = TokenCount(loaded.model)

    @property
    def settings(self) -> dict[str, object]:
        """As every step has them: the optimiser keeps none."""
        adam = self.adam
        return {
            "lr": adam.learning_rate, "betas": (adam.beta1, adam.beta2), "eps": adam.eps,
            "weight_decay": adam.weight_decay,
        }  # fmt: skip

    def data(self, replies: list[Reply], rewards: list[float]) -> list[Datum]:
        weight = 1.0 / sum(len(reply.tokens) for reply in replies)
        return [
            Datum(
                prompt=self.job.prompt,
                tokens=reply.tokens,
                weights=(weight,) * len(reply.tokens),
                advantages=(advantage,) * len(reply.tokens),
                logprobs=reply.logprobs,
            )
            for reply, advantage in zip(replies, zscore(rewards), strict=True)
        ]

    def step(self) -> tuple[list[Datum], list[float], list[float]]:
        """One step: its data, its rewards and the CPU-seconds of its phases."""
        clock = [time.process_time()]
        conversation = self.engine.converse(self.job.prompt, self.job.group_size)
        clock.append(time.process_time())
        seeds = range(self.num_drawn, self.num_drawn + self.job.group_size)
        self.num_drawn += self.job.group_size
        replies = conversation.generate(self.sampling, seeds)
        for reply in replies:
            self.engine.chat.decode(reply.tokens)
        clock.append(time.process_time())
        rewards = [reward(reply.tokens) for reply in replies]
        data = self.data(replies, rewards)
        self.engine.forward_backward(data, Loss(name="importance_sampling"))
        self.engine.optim_step(self.adam)
        self.engine.publish()
        clock.append(time.process_time())
        return data, rewards, [after - before for before, after in pairwise(clock)]

    def round(self, num_steps: int) -> Round:
        before, updates = fingerprints(self.engine.trained.values()), num_updates(self.engine.optimizer)
        read, start = self.count.total, Clock.now()
        steps = [self.step() for _ in range(num_steps)]
        spent = Clock.now().since(start)
        data, rewards, _ = steps[-1]
        work = Work(
            steps=num_steps,
            updates=num_updates(self.engine.optimizer) - updates,
            tokens_read=(self.count.total - read) // num_steps,
            prompt=data[0].prompt,
            replies=tuple(datum.tokens for datum in data),
            rewards=tuple(rewards),
            advantages=tuple(datum.advantages[0] for datum in data),
            moved=share_moved(before, fingerprints(self.engine.trained.values())),
            optimizer=describe(self.settings, self.adam.grad_clip),
            dtypes=tuple(sorted({str(p.dtype) for p in self.engine.trained.values()})),
            threads=torch.get_num_threads(),
        )
        phases = {name: sum(parts[index] for _, _, parts in steps) / num_steps for index, name in enumerate(PHASES)}
        return Round(spent=spent, work=work, phases=phases)

    def compare(self, first: FirstStep) -> Agreement:
        return agreement(self.engine, self.job, first)

    def limits(self) -> tuple[Limits, dict[str, Needs]]:
        return measure_limits(self.engine.model, self.job), needs_of(self.engine.model, self.job)


def serve(pipe: Connection, job: Job, fast_llama: bool) -> None:
    """Answer (verb, arguments) until there is no more to do."""
    side = StrawSide(job, fast_llama)
    for verb, *arguments in iter(pipe.recv, None):
        pipe.send(getattr(side, verb)(*arguments))
