"""One tenant's training is the local engine's with PEFT's adapters, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from tests.engines.local.small_models import KINDS, make_small
from tests.engines.tenants.made import CHAT, backward, engine_of

from straw.engines.base import AdamParams, Loss
from straw.engines.local.adapters.lora import add_lora
from straw.engines.local.engine import LocalEngine, LocalSettings
from straw.engines.local.models.tiny import make_embedded
from straw.engines.tenants.engine import TenantEngine
from straw.engines.tenants.records import Example, Shape
from straw.types import Datum

STEPS = 10
ADAM = AdamParams(learning_rate=1e-2, eps=1e-12, grad_clip=0.1)


def local(kind: str, **settings: Any) -> LocalEngine:
    adapted = add_lora(make_small(kind), 4, seed=3)
    return LocalEngine(adapted.get_base_model(), CHAT, LocalSettings(**settings), adapters=adapted)  # type: ignore[arg-type]


def rl_data(rng: np.random.Generator) -> list[Datum]:
    """Four groups of four, one of which has no advantage; the third prompt begins as the first does."""
    first = tuple(rng.integers(1, 80, 12).tolist())
    prompts = [first, tuple(rng.integers(1, 80, 9).tolist()), (*first, 5), tuple(rng.integers(1, 80, 3).tolist())]
    return [reply(rng, prompt, advantage=0.0 if number == 1 else float(rng.normal()))
            for number, prompt in enumerate(prompts) for _ in range(4)]  # fmt: skip


def reply(rng: np.random.Generator, prompt: tuple[int, ...], advantage: float) -> Datum:
    n = int(rng.integers(1, 7))
    heard = n - 2 if n > 4 else None  # a token that was read and not written
    return Datum(
        prompt=prompt, tokens=tuple(rng.integers(1, 80, n).tolist()),
        weights=tuple(0.0 if t == heard else 1 / n / 3 for t in range(n)), advantages=(advantage,) * n,
        logprobs=tuple(0.0 if t == heard else float(x) for t, x in enumerate(-rng.random(n) * 3)),
    )  # fmt: skip


def soft_data(rng: np.random.Generator) -> list[Datum]:
    prompt = tuple(rng.integers(1, 80, 10).tolist())
    data = []
    for _ in range(6):
        n = int(rng.integers(1, 4))
        tokens = tuple(rng.integers(1, 80, n).tolist())
        shares = rng.dirichlet(np.ones(3), n)
        soft = tuple(
            dict(zip((token, 81, 82), map(float, share), strict=True))
            for token, share in zip(tokens, shares, strict=True)
        )
        data.append(Datum(prompt=prompt, tokens=tokens, weights=(1 / n,) * n, soft_targets=soft))
    return data


def as_sent(datum: Datum) -> Example:
    """What a client makes of it: the last token is a target only, the weight goes into the advantage."""
    before = len(datum.prompt) - 1
    tokens = datum.prompt + datum.tokens[:-1]
    if datum.soft_targets is not None:
        targets, weights = np.zeros((len(tokens), 3), int), np.zeros((len(tokens), 3), np.float32)
        for place, (weight, soft) in enumerate(zip(datum.weights, datum.soft_targets, strict=True), start=before):
            targets[place], weights[place] = list(soft), [weight * share for share in soft.values()]
        return Example(tokens, {"target_tokens": targets, "weights": weights}, prompt=len(datum.prompt))
    told = {"logprobs": datum.logprobs, "advantages": np.float32(datum.weights) * np.float32(datum.advantages)}
    inputs = {name: np.concatenate([np.zeros(before), values]).astype(np.float32) for name, values in told.items()}
    return Example(tokens, {"target_tokens": np.array([*datum.prompt[1:], *datum.tokens]), **inputs})


def steps_are_equal(one: LocalEngine, other: TenantEngine, batches: Sequence[Sequence[Datum]], loss: Loss) -> None:
    for data in batches:
        norms = []
        for some in (data[: len(data) // 2], data[len(data) // 2 :]):
            one.forward_backward(some, loss)
            backward(other, "a", [as_sent(datum) for datum in some], loss.name, bounds(loss))
        norms = [one.optim_step(ADAM), other.optim_step("a", ADAM)]
        assert norms[0] == norms[1]
    trained = other.tenants.find("a").trained
    assert len(trained) == len(one.trained)
    for (name, p), q in zip(one.trained.items(), trained.values(), strict=True):
        assert torch.equal(p, q), name


def bounds(loss: Loss) -> dict[str, float]:
    if loss.name != "ppo":
        return {}
    return {"clip_low_threshold": 1 - loss.settings["clip_low"], "clip_high_threshold": 1 + loss.settings["clip_high"]}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "loss", [Loss(name="importance_sampling"), Loss(name="ppo", settings={"clip_low": 0.2, "clip_high": 0.3})]
)
def test_reinforcement_learning(kind: str, loss: Loss) -> None:
    rng = np.random.default_rng(7)
    other = engine_of(kind)
    other.create("a", Shape(rank=4, seed=3, unembed=False))
    steps_are_equal(local(kind), other, [rl_data(rng) for _ in range(STEPS)], loss)


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
def test_soft_targets(kind: str) -> None:
    rng = np.random.default_rng(8)
    other = engine_of(kind)
    other.create("a", Shape(rank=4, seed=3, unembed=False))
    steps_are_equal(local(kind), other, [soft_data(rng) for _ in range(STEPS)], Loss(name="cross_entropy"))


def test_micro_batches_are_cut_at_the_same_places() -> None:
    rng = np.random.default_rng(9)
    other = engine_of("llama", tokens_per_microbatch=30)
    other.create("a", Shape(rank=4, seed=3, unembed=False))
    one = local("llama", tokens_per_microbatch=30)
    steps_are_equal(one, other, [rl_data(rng) for _ in range(3)], Loss(name="importance_sampling"))


@pytest.mark.parametrize("settings", [{"dtype": "bfloat16"}, {"gradient_checkpointing": True}, {"fast_llama": False}])
def test_other_ways_to_compute(settings: dict[str, Any]) -> None:
    rng = np.random.default_rng(12)
    other = engine_of("llama", **settings)
    other.create("a", Shape(rank=4, seed=3, unembed=False))
    batches = [rl_data(rng) for _ in range(3)]
    steps_are_equal(local("llama", **settings), other, batches, Loss(name="importance_sampling"))


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
def test_all_weights(kind: str) -> None:
    rng = np.random.default_rng(10)
    one, other = LocalEngine(make_small(kind), CHAT), engine_of(kind, full=True)
    other.create("a", Shape(rank=0))
    steps_are_equal(one, other, [rl_data(rng) for _ in range(STEPS)], Loss(name="importance_sampling"))


def test_the_embedded_model() -> None:
    rng = np.random.default_rng(11)
    adapted = add_lora(make_embedded("tiny-0.2M", 0)[0], 8, seed=0)
    one = LocalEngine(adapted.get_base_model(), CHAT, adapters=adapted)  # type: ignore[arg-type]
    other = TenantEngine(make_embedded("tiny-0.2M", 0)[0], CHAT)
    other.create("a", Shape(rank=8, unembed=False))
    steps_are_equal(one, other, [rl_data(rng) for _ in range(STEPS)], Loss(name="importance_sampling"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_adapter_is_the_one_that_peft_draws_and_the_heads_is_drawn_after_the_others(kind: str) -> None:
    other = engine_of(kind)
    other.create("without", Shape(rank=4, seed=3, unembed=False))
    other.create("with", Shape(rank=4, seed=3))
    state = torch.random.get_rng_state()
    theirs = local(kind).trained
    ours, more = (other.tenants.find(name).trained for name in ("without", "with"))
    for (name, p), (_, q) in zip(theirs.items(), ours.items(), strict=True):
        assert torch.equal(p, q) and torch.equal(p, more[name.replace(".default", "")]), name
    assert [name for name in more if name not in ours] == ["lm_head.lora_A.weight", "lm_head.lora_B.weight"]
    assert torch.equal(torch.random.get_rng_state(), state)
