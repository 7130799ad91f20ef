"""The canary: does the sampler compute what the trainer does, before and after an update?

    sampler = trainer     the log-probabilities of the same replies agree      within `limit_of`: 1e-4 nats in float32
    update arrives        after an update they have moved, and they still agree

The first catches a sampler that computes something else than the trainer does, the second one that
samples from stale weights: both are silent otherwise, and both have cost people weeks. The update is taken back
bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan

from straw.config import Model
from straw.engines.base import AdamParams, Engine, Loss, SamplingParams
from straw.errors import TrainingError
from straw.seeds import seed_for
from straw.tasks.base import Task
from straw.types import Datum

NUM_ROWS = 4
MOST_STEPS = 20
EXACT, COARSE, LOOSE = 1e-4, 1e-3, 0.5
OTHER_KERNELS = 1e-2  # in float32


def limit_of(model: Model, exact: bool = True) -> float:
    """`exact`: of the generator. One of somebody else computes with other kernels, in float32 too."""
    if model.dtype == "auto":  # nobody here chose: a service computes as it likes
        return LOOSE
    if not exact:
        return OTHER_KERNELS if model.dtype == "float32" else LOOSE
    return limit_here(model)


def limit_here(model: Model) -> float:
    """Nats. In bfloat16 sampler and trainer were measured to agree within 5e-5 on one CPU thread, on processors with
    and without instructions for it; on other devices and more threads nobody measured, and one rounding may be 0.4."""
    if model.dtype == "float32":
        return EXACT
    return COARSE if model.device == "cpu" and model.threads == 1 else LOOSE


def check_sampler(engine: Engine, task: Task, params: SamplingParams, model: Model, exact: bool = True) -> float:
    """How many nats sampler and trainer are apart, or a TrainingError where that is too many."""
    limit = limit_of(model, exact)
    apart = disagreement(engine, drawn(engine, task, params), params)
    if not apart <= limit:
        raise TrainingError(
            f"sampler and trainer agree within {limit} nats in {model.dtype}; here they are {apart:.3g} apart: "
            f"importance ratios would be wrong. Try {'fast_llama=false' if exact else 'generator=straw'}, or "
            "dtype=float32."
        )
    return apart


def check_update(engine: Engine, task: Task, params: SamplingParams, model: Model, exact: bool = True) -> float:
    """How many nats an update moved the sampler, or a TrainingError where it went on as before."""
    limit, moved = limit_of(model, exact), 0.0
    data = drawn(engine, task, params)
    before = engine.logprobs(data, "current", params.temperature)
    with engine.undone():
        for _ in range(MOST_STEPS):
            engine.forward_backward([elsewhere(datum) for datum in data], Loss(name="cross_entropy"))
            engine.optim_step(AdamParams(learning_rate=1e-3))
            engine.publish()
            moved = gap(before, engine.logprobs(data, "current", params.temperature))
            if moved > limit:  # far enough to be seen: a policy that is sure of its replies takes a few steps
                break
        after = disagreement(engine, drawn(engine, task, params), params)
    if not (after <= limit and moved > limit / 10):
        raise TrainingError(
            f"an update reaches the sampler; after steps that moved the trainer by {moved:.3g} nats the sampler is "
            f"{after:.3g} apart from it (limit {limit}): it reads other weights than the trainer writes."
        )
    return moved


def drawn(engine: Engine, task: Task, params: SamplingParams) -> list[Datum]:
    """A few replies as data, with the sampler's log-probabilities."""
    prompt = engine.chat.opening(task.problem(0).messages)
    seeds = [[seed_for("gate", row) for row in range(NUM_ROWS)]]
    return [
        Datum(prompt=prompt, tokens=reply.tokens, weights=(1.0,) * len(reply.tokens), logprobs=reply.logprobs)
        for reply in engine.sample([prompt], NUM_ROWS, params, seeds)[0]
    ]


def disagreement(engine: Engine, data: Sequence[Datum], params: SamplingParams) -> float:
    return gap([datum.logprobs for datum in data], engine.logprobs(data, "current", params.temperature))


def elsewhere(datum: Datum) -> Datum:
    """The datum with words of its prompt in place of the reply, whose own gradient may be 0."""
    size = min(len(datum.prompt), len(datum.tokens))
    return Datum(prompt=datum.prompt, tokens=datum.prompt[:size], weights=datum.weights[:size])


def gap(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> float:
    """The largest difference; nan when any is, which passes no limit."""
    apart = [abs(a - b) for one, other in zip(ours, theirs, strict=True) for a, b in zip(one, other, strict=True)]
    return nan if any(map(isnan, apart)) else max(apart)
