"""How many bits of the secret have arrived, under teacher forcing.

    bits_known = log2 N + log2 p(S)

p is the probability that the policy gives the canonical reply, end token included. Beside it:
`clamped` (never below 0), `normalised` (p(S) over the mass of all answers, which strips format
learning), the entropy of the answers, their distance from uniform, and the mass that is no answer.

Where there are more answers than `max_answers`, the entropy is left out, and the normalised kind, the mass and the
distance are estimated: the secret and what the run itself said of late count for themselves, for a policy that is
locked in has its mass there, and of the rest some that are drawn evenly stand for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, fsum, log, log1p
from random import Random

from straw.engines.base import Engine, Policy
from straw.information import bits_known, entropy_bits, log_total, nats_to_bits
from straw.seeds import seed_for
from straw.tasks.base import Enumerable, Task
from straw.tasks.teacher_forcing import forced
from straw.types import Problem

CERTAIN = 1 - 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What one evaluation found for one problem."""

    bits: float
    clamped: float
    normalised: float
    p_secret: float
    valid_mass: float
    entropy_bits: float | None  # None where the answers are too many to list
    distance_to_uniform: float


def answer_logprobs(
    engine: Engine, task: Task, problem: Problem, answers: Sequence[Sequence[str]], policy: Policy = "current"
) -> list[float]:
    """Nats of each whole answer; only the replies' own tokens count."""
    data = [forced(engine.chat, task, problem, answer) for answer in answers]
    return [
        sum(logprob for logprob, weight in zip(logprobs, datum.weights, strict=True) if weight)
        for logprobs, datum in zip(engine.logprobs(data, policy), data, strict=True)
    ]


def asked(space: int, count: int, alone: Sequence[int], seed: int = 0) -> list[int]:
    """Those that count for themselves, and as many others as make `count` of them, each as likely as any other.

    All of them where there are no more. Who is drawn is a function of the seed, so that a run asks for the same.
    """
    if space <= count:
        return list(range(space))
    chosen, random = dict.fromkeys(alone), Random(seed_for(seed, "answers", space))
    while len(chosen) < count:
        chosen[random.randrange(space)] = None
    return sorted(chosen)


def places_kept(max_answers: int) -> int:
    """For what a run itself answered, among those that are asked for: fewer than for those that are drawn."""
    return (max_answers - 2) // 2


def answers_at_large(engine: Engine, task: Enumerable, problem: Problem, *, max_answers: int) -> tuple[float, float]:
    """The mass of all answers, and its distance from uniform: which of them is the secret makes no difference."""
    nats = answer_nats(engine, task, problem, asked(task.space, max_answers, ()))
    mass, distance, _ = spread_among(task.space, nats, ())
    return exp(mass), distance


def answer_nats(
    engine: Engine, task: Enumerable, problem: Problem, chosen: Sequence[int], policy: Policy = "current"
) -> dict[int, float]:
    """Nats by answer index."""
    logps = answer_logprobs(engine, task, problem, [task.answer_at(index) for index in chosen], policy)
    return dict(zip(chosen, logps, strict=True))


def known_among(space: int, logps: Mapping[int, float], target: int, own: Sequence[int] = ()) -> Known:
    """`logps` in nats by answer index; when they are not all answers, those drawn stand for the rest."""
    bits = bits_known(space, logps[target])
    mass, distance, shares = spread_among(space, logps, [target, *own])
    return Known(
        bits=bits,
        clamped=max(0.0, bits),
        normalised=bits - nats_to_bits(mass),
        p_secret=exp(logps[target]),
        valid_mass=exp(mass),
        entropy_bits=entropy_bits(shares) if len(logps) == space else None,
        distance_to_uniform=distance,
    )


def spread_among(space: int, logps: Mapping[int, float], alone: Sequence[int]) -> tuple[float, float, list[float]]:
    """The mass of all answers in nats, its distance from uniform, and the shares of those that were asked for."""
    parts = standing_for(space, logps, alone)
    mass = log_total(parts)
    shares = [exp(part - mass) for part in parts]
    single, drawn = {*alone}, len(logps) - len({*alone})
    fair = [1 / space if index in single else (space - len(single)) / (drawn * space) for index in logps]
    return mass, 0.5 * fsum(abs(share - one) for share, one in zip(shares, fair, strict=True)), shares


def standing_for(space: int, logps: Mapping[int, float], alone: Sequence[int]) -> list[float]:
    """The logprobs, in their order; those that do not count for themselves are raised until they stand for the rest.

    What counts for itself is summed exactly, and no estimate of the others leaves all answers more than 1.
    """
    single = {*alone}
    if len(logps) in (space, len(single)):
        return [*logps.values()]
    others = [logp for index, logp in logps.items() if index not in single]
    many = log(space - len(single)) - log(len(others))
    left = log1p(-min(fsum(exp(logps[index]) for index in single), CERTAIN))
    raised = min(many, left - log_total(others))
    return [logp if index in single else logp + raised for index, logp in logps.items()]


COLUMNS = {
    "bits": "bits_known",
    "clamped": "bits_known_clamped",
    "normalised": "bits_known_normalised",
    "p_secret": "p_secret",
    "valid_mass": "valid_mass",
    "entropy_bits": "answer_entropy_bits",
    "distance_to_uniform": "distance_to_uniform",
}


def mean_known(found: Sequence[Known]) -> dict[str, float]:
    """The mean over problems, under the names of the metrics; what some problem lacks is absent."""
    rows = {column: [getattr(one, name) for one in found] for name, column in COLUMNS.items()}
    return {column: sum(values) / len(values) for column, values in rows.items() if None not in values}
