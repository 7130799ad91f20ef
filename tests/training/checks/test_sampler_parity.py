from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from math import isnan, nan
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.small_runs import Parts

from straw.config import Model
from straw.engines.base import AdamParams, Loss, Reply, SamplingParams
from straw.engines.local.engine import LocalEngine
from straw.errors import TrainingError
from straw.seeds import seed_for
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


@pytest.mark.parametrize(
    ("words", "limit"),
    [
        ({"dtype": "auto"}, 0.5), ({"dtype": "auto", "device": "cpu", "threads": 1}, 0.5),
        ({"dtype": "bfloat16", "device": "cpu", "threads": 1}, 1e-3),
        ({"dtype": "float32", "device": "cuda", "threads": 2}, 1e-4),
    ],
)  # fmt: skip
def test_a_generator_is_taken_for_exact_where_nobody_says_otherwise(words: dict[str, Any], limit: float) -> None:
    assert limit_of(Model(**words)) == limit
    others = 1e-2 if words["dtype"] == "float32" else 0.5
    assert limit_of(Model(**words), exact=False) == others


FLOAT = Model(dtype="float32", device="cpu")


class Numbers:
    """A trainer whose tokens move by so much with each step, and a sampler that is so far from it."""

    def __init__(self, step: float = 0.0, apart: float = 0.0, apart_after: float | None = None) -> None:
        self.step, self.apart, self.apart_after = step, apart, apart if apart_after is None else apart_after
        self.at, self.told, self.seeds = 0.0, list[Any](), list[Any]()
        self.chat = SimpleNamespace(opening=lambda messages: (1, 2, 3))

    def sample(self, prompts: Any, count: int, params: Any, seeds: Any) -> Any:
        self.seeds.append((prompts, count, seeds))
        off = self.apart_after if self.at else self.apart
        return [[Reply((7, 8), (self.at + off, self.at), True) for _ in range(count)]]

    def logprobs(self, data: Any, policy: str, temperature: float) -> list[list[float]]:
        assert (policy, temperature) == ("current", 0.5)
        return [[self.at] * 2 for _ in data]

    def forward_backward(self, data: Any, loss: Loss) -> None:
        self.told.append(([one.tokens for one in data], loss.name))

    def optim_step(self, params: AdamParams) -> None:
        self.told.append(params.learning_rate)
        self.at += self.step

    def publish(self) -> None:
        self.told.append("publish")

    @contextmanager
    def undone(self) -> Iterator[None]:
        yield
        self.at = 0.0


TASK: Any = SimpleNamespace(problem=lambda index: SimpleNamespace(messages=index))
PARAMS = SamplingParams(max_tokens=2, temperature=0.5)


def test_a_sampler_is_asked_for_four_replies_by_seeds_of_their_own_and_may_be_just_so_far_apart() -> None:
    engine: Any = Numbers(apart=1e-4)
    assert check_sampler(engine, TASK, PARAMS, FLOAT) == 1e-4
    assert engine.seeds == [([(1, 2, 3)], 4, [[seed_for("gate", row) for row in range(4)]])]
    further: Any = Numbers(apart=1.1e-4)
    with pytest.raises(TrainingError, match=r"0\.00011 apart: .* Try fast_llama=false, or dtype=float32"):
        check_sampler(further, TASK, PARAMS, FLOAT)
    assert check_sampler(further, TASK, PARAMS, FLOAT, exact=False) == 1.1e-4
    foreign: Any = Numbers(apart=0.02)
    with pytest.raises(TrainingError, match=r"agree within 0\.01 nats .* Try generator=straw, or dtype=float32"):
        check_sampler(foreign, TASK, PARAMS, FLOAT, exact=False)


def test_an_update_stops_as_soon_as_it_can_be_seen_and_is_taken_back() -> None:
    engine: Any = Numbers(step=2**-14)  # 6e-5: two of them are beyond 1e-4
    assert check_update(engine, TASK, PARAMS, FLOAT) == 2**-13
    assert engine.told == [([(1, 2)] * 4, "cross_entropy"), 1e-3, "publish"] * 2 and engine.at == 0.0


def test_an_update_takes_twenty_steps_at_the_most_and_has_to_move_a_tenth_of_the_limit() -> None:
    slow: Any = Numbers(step=1.1e-5 / 20)
    assert check_update(slow, TASK, PARAMS, FLOAT) == pytest.approx(1.1e-5)
    assert slow.told.count("publish") == 20
    for still in (0.9e-5 / 20, 0.0):
        engine: Any = Numbers(step=still)
        with pytest.raises(TrainingError, match="it reads other weights than the trainer writes"):
            check_update(engine, TASK, PARAMS, FLOAT)


def test_a_sampler_that_an_update_does_not_reach_is_caught_though_the_trainer_moved() -> None:
    stale: Any = Numbers(step=1.0, apart_after=-1.0)
    with pytest.raises(TrainingError, match=r"moved the trainer by 1 nats the sampler is 1 apart from it \(limit 0"):
        check_update(stale, TASK, PARAMS, FLOAT)
    near: Any = Numbers(step=1.0, apart_after=0.9e-4)
    assert check_update(near, TASK, PARAMS, FLOAT) == 1.0


def test_a_long_reply_is_taught_as_many_words_as_its_prompt_has() -> None:
    datum = Datum(prompt=(1, 2), tokens=(7, 8, 9), weights=(1.0, 0.5, 0.25), logprobs=(-1.0, -1.0, -1.0))
    assert elsewhere(datum) == Datum(prompt=(1, 2), tokens=(1, 2), weights=(1.0, 0.5))
