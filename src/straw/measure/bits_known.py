"""How many bits of the secret have arrived, under teacher forcing.

    bits_known = log2 N + log2 p(S)

p is the probability that the policy gives the canonical reply, end token included. Beside it:
`clamped` (never below 0), `normalised` (p(S) over the mass of all answers, which strips format
learning), the entropy of the answers, their distance from uniform, and the mass that is no answer.

Where there are more answers than `max_answers`, the normalised kind is estimated from a stratified
sample of them, as is the distance, and the entropy is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, fsum, log, log1p

from straw.engines.base import Engine, Policy
from straw.information import bits_known, entropy_bits, log_total, nats_to_bits
from straw.tasks.base import Enumerable, Task
from straw.tasks.forced import forced
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


def stratified(count: int, limit: int) -> list[int]:
    """All indices, or `limit` of them evenly spread."""
    if count <= limit:
        return list(range(count))
    return [(2 * i + 1) * count // (2 * limit) for i in range(limit)]


def measure_known(engine: Engine, task: Enumerable, problem: Problem, *, max_answers: int = 1024) -> Known:
    return known_among(task.space, answer_nats(engine, task, problem, max_answers), task.target_index(problem))


def answer_nats(
    engine: Engine, task: Enumerable, problem: Problem, max_answers: int = 1024, policy: Policy = "current"
) -> dict[int, float]:
    """Nats by answer index: of the secret and of all others, or of some that stand for the rest."""
    chosen = sorted({task.target_index(problem), *stratified(task.space, max_answers)})
    logps = answer_logprobs(engine, task, problem, [task.answer_at(index) for index in chosen], policy)
    return dict(zip(chosen, logps, strict=True))


def known_among(space: int, logps: dict[int, float], target: int) -> Known:
    """`logps` in nats by answer index; when they are not all answers, the others' mean stands for the rest."""
    bits = bits_known(space, logps[target])
    others = [logp for index, logp in logps.items() if index != target]
    parts = [logps[target], *standing_for(space - 1, others, logps[target])]
    mass_nats = log_total(parts)
    shares = [exp(part - mass_nats) for part in parts]
    uniform = [1 / space, *[(space - 1) / (len(others) * space) for _ in others]]
    return Known(
        bits=bits,
        clamped=max(0.0, bits),
        normalised=bits - nats_to_bits(mass_nats),
        p_secret=exp(logps[target]),
        valid_mass=exp(mass_nats),
        entropy_bits=entropy_bits(shares) if len(logps) == space else None,
        distance_to_uniform=0.5 * fsum(abs(share - fair) for share, fair in zip(shares, uniform, strict=True)),
    )


def standing_for(count: int, others: Sequence[float], target: float) -> list[float]:
    """The others' logprobs, raised until they stand for `count` answers; no estimate leaves all answers more than 1."""
    if not others or len(others) == count:
        return [*others]
    many = log(count) - log(len(others))
    left = log1p(-min(exp(target), CERTAIN))
    return [logp + min(many, left - log_total(others)) for logp in others]


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
