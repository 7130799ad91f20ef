"""Absorbed: what has reached the weights, as a level in bits, and how far they moved for it.

    answers can be listed   log2 N + log2 p(S)                                      bound: the law of the ledger
    they cannot             log2 (pass rate / pass rate at the start)               bound: none
                            gold text's gain in log2 p, less that of decoys         bound: none

A decoy is another problem's reference: it has the format and not the answer, so that what was learned of the format
cancels. KL from the start is effort, not information: a confident wrong answer is far from the start as well.

The start is asked for when it is first needed, from the weights that the engine keeps of it, so a run that goes on
finds what the uninterrupted one knew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, log

from straw.engines.base import Engine, Policy
from straw.information import kl_bits, nats_to_bits, smoothed_absorbed_bits
from straw.measure.bits_known import (
    Known,
    answer_logprobs,
    answer_nats,
    asked,
    known_among,
    places_kept,
    standing_for,
)
from straw.measure.recent_replies import Said
from straw.tasks.base import Enumerable, HeldOut, Task
from straw.types import Problem

NUM_GOLD, NUM_DECOYS = 8, 3
DUST = 1e-9  # of probability: below it, what is left of one is rounding
Nats = dict[int, float]


@dataclass(slots=True)
class Start:
    """What the policy gave to each answer before it was trained, by problem; fetched once a process."""

    answers: dict[str, Nats] = field(default_factory=dict)
    gold: list[list[float]] = field(default_factory=list)


def measure_secrets(
    engine: Engine, task: Enumerable, start: Start, *, is_start: bool, max_answers: int = 1024,
    said: Said | None = None, seed: int = 0,
) -> tuple[list[Known], float]:  # fmt: skip
    """What is known of every secret, and how many bits the answers are from those of the start.

    Where not all answers are asked for, some are drawn once and for all, and what the run said of late joins them.
    """
    known, effort = [], 0.0
    own_places = places_kept(max_answers) if task.space > max_answers else 0
    for problem in (task.problem(index) for index in range(task.num_problems or 1)):
        target = task.target_index(problem)
        own = said.of_late(problem.key, target, own_places) if said is not None else []
        drawn = asked(task.space, max_answers - own_places, [target], seed)
        now = answer_nats(engine, task, problem, sorted({*drawn, *own}))
        if problem.key not in start.answers:
            at_start = is_start and not own
            start.answers[problem.key] = now if at_start else answer_nats(engine, task, problem, drawn, "start")
        before = start.answers[problem.key]
        if said is not None and own:
            before = before | started(engine, task, problem, said, [index for index in own if index not in before])
        known.append(known_among(task.space, now, target, own))
        effort += answers_kl_bits(task.space, now, before, target, own)
    return known, effort


def started(engine: Engine, task: Enumerable, problem: Problem, said: Said, own: Sequence[int]) -> Nats:
    """What the start gave to the run's own answers; each is asked for once in a run, and kept with it."""
    new = [index for index in own if index not in said.at_start(problem.key)]
    said.keep(problem.key, answer_nats(engine, task, problem, new, "start") if new else {})
    return {index: said.at_start(problem.key)[index] for index in own}


def answers_kl_bits(space: int, now: Nats, before: Nats, target: int, own: Sequence[int] = ()) -> float:
    """KL over the answers, with all that is none as one more; where some answers stand for others, an estimate."""
    alone = [target, *own]
    ps = [exp(nats) for nats in standing_for(space, now, alone)]
    qs = [max(exp(nats), DUST * DUST) for nats in standing_for(space, {one: before[one] for one in now}, alone)]
    rest, rest_before = max(1 - sum(ps), DUST), max(1 - sum(qs), DUST)
    return max(0.0, kl_bits([*ps, rest], [*qs, rest_before]))


def absorbed_of(space: int, known: Sequence[Known]) -> dict[str, float]:
    """Sums over the prompts of a run, of levels: knowledge of one may come from the rewards of another."""
    return {
        "absorbed_bits": sum(one.bits for one in known),
        "absorbed_normalised_bits": sum(one.normalised for one in known),
        "absorbed_smoothed_bits": sum(smoothed_absorbed_bits(space, one.bits * log(2) - log(space)) for one in known),
    }


# --- tasks whose answers cannot be listed --------------------------------------------------------


def gold_bits(engine: Engine, task: Task, start: Start, *, is_start: bool) -> float | None:
    """How much likelier references have become than decoys have; None for conversations, and without two answers."""
    cases = gold_cases(task)
    if not cases:
        return None
    now = case_logprobs(engine, task, cases)
    if not start.gold:
        start.gold = now if is_start else case_logprobs(engine, task, cases, "start")
    gains = [[a - b for a, b in zip(*row, strict=True)] for row in zip(now, start.gold, strict=True)]
    return nats_to_bits(sum(gain - sum(decoys) / len(decoys) for gain, *decoys in gains) / len(gains))


def gold_cases(task: Task) -> list[tuple[Problem, list[Sequence[str]]]]:
    """Problems, each with its reference first and some decoys behind it."""
    if task.max_turns > 1:
        return []
    ask = task.held_out if isinstance(task, HeldOut) else task.problem
    problems = [ask(index) for index in range(min(NUM_GOLD, task.num_problems or NUM_GOLD))]
    cases: list[tuple[Problem, list[Sequence[str]]]] = []
    for place, problem in enumerate(problems):
        others = [one.reference for one in (*problems[place + 1 :], *problems[:place])]
        decoys = [text for text in dict.fromkeys(others) if text != problem.reference][:NUM_DECOYS]
        if decoys:
            cases.append((problem, [problem.reference, *decoys]))
    return cases


def case_logprobs(
    engine: Engine, task: Task, cases: Sequence[tuple[Problem, Sequence[Sequence[str]]]], policy: Policy = "current"
) -> list[list[float]]:
    return [answer_logprobs(engine, task, problem, texts, policy) for problem, texts in cases]


def rollouts_kl_bits(sampled: Sequence[Sequence[float]], before: Sequence[Sequence[float]]) -> float:
    """KL from the start for a whole reply, estimated from the policy's own replies: the mean of sums of e^d - d - 1.

    d is what the start gives to a token less what the policy gave, in nats. No term is below 0, and the mean is right.
    """
    sums = [
        sum(exp(d) - d - 1 for d in (b - a for a, b in zip(*row, strict=True)))
        for row in zip(sampled, before, strict=True)
    ]
    return nats_to_bits(sum(sums) / len(sums))
