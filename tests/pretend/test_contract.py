"""The local engine keeps the contract on a device that is not the CPU; what has paths of its own is asked apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.engines.contract import STEP, Contract, datum, gap, learn, lesson, prompts_of, stops_of
from tests.engines.local.kinds import make_engine
from tests.pretend.device import NAME, Pretend, without_float64

from straw.engines.base import Engine, Loss, SamplingParams, Tokens
from straw.engines.local import sampler
from straw.engines.local.engine import LocalEngine
from straw.engines.local.forward import attention

NEAR = 1e-4  # nats; the other way to compute attention is some 1e-7 away
KINDS: dict[str, dict[str, object]] = {
    "modules": {},
    "gemma3": {},
    "qwen2": {},
    "lora": {},
    "lora again": {"gradient_checkpointing": True},
    "modules again": {"gradient_checkpointing": True},
}


def made(kind: str, device: str = NAME, **settings: object) -> LocalEngine:
    return make_engine(kind.removesuffix(" again"), device=device, **{**KINDS.get(kind, {}), **settings})


@pytest.fixture(scope="module")
def pair() -> tuple[Engine, Engine]:
    return made("embedded"), made("embedded")


class TestPretend(Contract):
    @pytest.fixture
    def engine(self, pair: tuple[Engine, Engine]) -> Iterator[Engine]:
        with pair[0].undone():
            yield pair[0]

    @pytest.fixture
    def another(self, pair: tuple[Engine, Engine]) -> Iterator[Engine]:
        with pair[1].undone():
            yield pair[1]

    @pytest.mark.parametrize("how", ["greedy", "top p"])  # the others draw as these do
    def test_a_sample_has_the_same_bits_alone_and_in_any_group(self, engine: Engine, how: str) -> None:
        super().test_a_sample_has_the_same_bits_alone_and_in_any_group(engine, how)

    @pytest.mark.parametrize("how", ["greedy", "top p"])
    def test_a_sample_does_not_see_the_other_prompts_of_its_batch(self, engine: Engine, how: str) -> None:
        super().test_a_sample_does_not_see_the_other_prompts_of_its_batch(engine, how)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_samples_learns_and_is_kept_as_on_the_cpu(kind: str, tmp_path: Path) -> None:
    """Values are the CPU's, but for the fused attention: nothing was computed elsewhere and left out."""
    there, here = made(kind), made(kind, "cpu")
    assert all(type(one) is Pretend for one in there.model.parameters())
    for engine in (there, here):
        learn(engine)
        engine.publish()
    alike(there, here, prompts_of(here)[:2], 2, max_tokens=3)
    there.save(tmp_path / "kept")
    there.load(tmp_path / "kept")
    assert {p.device.type for p in there.optimizer.state} == {NAME}
    learn(there)
    learn(here)
    for policy in ("start", "current"):
        assert gap(there.logprobs(lesson(there), policy), here.logprobs(lesson(here), policy)) < NEAR


def test_where_no_bits_are_promised_products_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two query heads share a key, prompts are longer than a tile: the values are the same to the last digits."""
    monkeypatch.setattr(attention, "keeps_bits", lambda device: False)
    here, there = made("llama", "cpu"), made("llama")
    alike(there, here, prompts_of(here)[2:4], 2, max_tokens=4)


def test_without_float64_draws_are_made_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    here = made("embedded", "cpu")
    monkeypatch.setattr(sampler, "has_float64", lambda device: device.type != NAME)
    with without_float64():
        alike(made("embedded"), here, prompts_of(here)[:2], 4, max_tokens=4)
        alike(made("embedded", rows_at_once=16), here, [prompts_of(here)[0]] * 18, 1, max_tokens=4)


def test_without_float64_states_and_vectors_are_read() -> None:
    """A critic reads states, a memory reads texts, a target reads what is likeliest."""
    there, here = made("embedded"), made("embedded", "cpu")
    data = lesson(here)
    with without_float64():
        found = there.states(data)
        there.embed(["one", "two"])
        there.likeliest(data, 3)
        there.layers(data, 2)
    for ours, theirs in zip(found, here.states(data), strict=True):
        assert abs(ours - theirs).max() < NEAR


def test_slots_are_filled_again_and_prompts_give_way_to_others() -> None:
    there, here = made("embedded", rows_at_once=16), made("embedded", "cpu", rows_at_once=16)
    alike(there, here, [prompts_of(here)[0]] * 18, 1, max_tokens=6)


def alike(there: LocalEngine, here: LocalEngine, prompts: list[Tokens], num_samples: int, max_tokens: int) -> None:
    """The same tokens, and nearly the same log-probabilities."""
    params = SamplingParams(max_tokens=max_tokens, stop=stops_of(here, 3))
    seeds = [range(at, at + num_samples) for at in range(len(prompts))]
    both = (engine.sample(prompts, num_samples, params, seeds) for engine in (there, here))
    for ours, theirs in zip(*both, strict=True):
        assert [one.tokens for one in ours] == [one.tokens for one in theirs]
        assert gap([one.logprobs for one in ours], [one.logprobs for one in theirs]) < NEAR


def test_every_loss_and_a_reference_are_computed_there() -> None:
    engine = made("embedded")
    (replies,) = engine.sample([prompts_of(engine)[1]], 2, SamplingParams(max_tokens=3), [range(2)])
    data = [replace(datum(prompts_of(engine)[1], one), advantages=(1.0,) * len(one.tokens)) for one in replies]
    learn(engine)
    settings = {"clip_low": 0.2, "clip_high": 0.2}
    for name in ("importance_sampling", "ppo"):
        engine.forward_backward(data, Loss(name=name, settings=settings, kl_coef=0.1, entropy_coef=0.1))
    assert engine.optim_step(STEP)["grad_norm"] > 0
