from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from math import isnan, nan
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.small_runs import Parts

from straw.config import Model
from straw.engines.base import AdamParams, Loss, Reply
from straw.engines.local.engine import LocalEngine
from straw.errors import TrainingError
from straw.tasks.teacher_forcing import forced
from straw.training.checks.sampler_parity import check_sampler, check_update, elsewhere, gap, limit_of
from straw.types import Datum


class Wrong(LocalEngine):
    """Its sampler says log-probabilities that are a little off, on the second token of a reply alone."""

    error = 1e-3

    def sample(self, *args: object) -> list[list[Reply]]:
        groups = super().sample(*args)
        return [[Reply(one.tokens, self.off(one.logprobs), one.stopped) for one in group] for group in groups]

    def off(self, logprobs: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(logprob + self.error * (place == 1) for place, logprob in enumerate(logprobs))


class Unsure(Wrong):
    error = nan


class Stale(LocalEngine):
    """Its sampler has a copy of the weights and nobody brings it new ones."""

    def __init__(self, engine: LocalEngine) -> None:
        super().__init__(engine.model, engine.chat, engine.settings)
        self.copy = LocalEngine(deepcopy(engine.model), engine.chat, engine.settings)

    def sample(self, *args: object) -> list[list[Reply]]:
        return self.copy.sample(*args)


class Deaf(LocalEngine):
    """Its optimiser does nothing."""

    def optim_step(self, params: AdamParams) -> dict[str, float]:
        return super().optim_step(replace(params, learning_rate=1e-12))


def check(parts: Parts, engine: LocalEngine | None = None) -> tuple[float, float]:
    """Both checks; whatever they find, the engine is afterwards as it was before."""
    engine = engine or parts.engine
    before = {name: value.clone() for name, value in engine.model.state_dict().items()}
    try:
        apart = check_sampler(engine, parts.task, parts.params, parts.plan.page.model)
        return apart, check_update(engine, parts.task, parts.params, parts.plan.page.model)
    finally:
        assert all(torch.equal(value, before[name]) for name, value in engine.model.state_dict().items())
        assert not engine.optimizer.state
        assert engine.policy_version == 0
        assert all(p.grad is None for p in engine.model.parameters())


@pytest.mark.parametrize("words", ["N=8", "N=8 env_type=multi_step", "N=8 lora_rank=2", "N=8 temperature=0.7"])
def test_a_good_engine_passes_and_is_left_as_it_was(home: Path, words: str) -> None:
    apart, moved = check(Parts(words))
    assert apart <= 1e-4
    assert moved > 1e-4


def test_a_run_draws_the_same_with_the_canary_as_without(home: Path) -> None:
    one, other = Parts("N=8"), Parts("N=8")
    check(one)
    prompt = one.chat.opening(one.task.problem(0).messages)
    draws = [parts.engine.sample([prompt], 8, parts.params, [list(range(8))]) for parts in (one, other)]
    assert draws[0] == draws[1]


@pytest.mark.parametrize("kind", [Wrong, Unsure])
def test_a_sampler_that_computes_something_else_is_caught(home: Path, kind: Any) -> None:
    parts = Parts("N=8")
    with pytest.raises(TrainingError, match=r"sampler and trainer agree within 0\.0001 nats in float32") as caught:
        check(parts, kind(parts.engine.model, parts.chat, parts.engine.settings))
    assert "\n" not in str(caught.value)
    assert ("nan" if kind is Unsure else "0.001 apart") in str(caught.value)


def test_a_sampler_with_stale_weights_is_caught(home: Path) -> None:
    parts = Parts("N=8")
    with pytest.raises(TrainingError, match="it reads other weights than the trainer writes"):
        check(parts, Stale(parts.engine))


def test_an_update_that_moves_nothing_is_caught(home: Path) -> None:
    parts = Parts("N=8")
    with pytest.raises(TrainingError, match="an update reaches the sampler"):
        check(parts, Deaf(parts.engine.model, parts.chat, parts.engine.settings))


def test_a_policy_that_is_sure_of_its_reply_passes_too(home: Path) -> None:
    """The gradient of a reply with probability 1 is 0, and a run may start from a memorised secret."""
    parts = Parts("N=8")
    datum = forced(parts.chat, parts.task, parts.task.problem(0), ("5",))
    for _ in range(60):
        parts.engine.forward_backward([datum], Loss(name="cross_entropy"))
        parts.engine.optim_step(AdamParams(learning_rate=3e-3))
    assert min(parts.engine.logprobs([datum])[0]) > -1e-3
    sure = LocalEngine(parts.engine.model, parts.chat, parts.engine.settings)
    assert check(parts, sure)[1] > 1e-4
    with pytest.raises(TrainingError, match="it reads other weights"):
        check(parts, Stale(sure))


def test_the_update_is_about_words_that_were_not_said() -> None:
    datum = Datum(prompt=(1, 2, 3), tokens=(7, 8), weights=(1.0, 1.0), logprobs=(-1.0, -1.0))
    assert elsewhere(datum) == Datum(prompt=(1, 2, 3), tokens=(1, 2), weights=(1.0, 1.0))


def test_the_gap_is_the_largest_difference_and_nan_is_never_small() -> None:
    assert gap([[-1.0, -2.0], [-3.0]], [[-1.0, -2.5], [-3.25]]) == 0.5
    for place in range(3):
        ours = [-1.0] * 3
        ours[place] = nan
        assert isnan(gap([ours], [[-1.0] * 3]))


@pytest.mark.parametrize(
    ("words", "limit"),
    [
        ({"dtype": "float32"}, 1e-4),
        ({"dtype": "float32", "device": "cuda"}, 1e-4),
        ({"dtype": "bfloat16"}, 1e-3),
        ({"dtype": "bfloat16", "threads": 2}, 0.5),
        ({"dtype": "bfloat16", "device": "cuda"}, 0.5),
    ],
)
def test_the_gate_is_as_narrow_as_was_measured(words: dict[str, Any], limit: float) -> None:
    assert limit_of(Model(**{"device": "cpu", **words})) == limit
