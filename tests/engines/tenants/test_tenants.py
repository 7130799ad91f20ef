"""Tenants beside each other, on disk and back, and their snapshots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.engines.local.small_models import make_small, save_small
from tests.engines.tenants.made import ADAM, backward, engine_of, equal, gradients, group, perturbed, weights

from straw.engines.base import AdamParams
from straw.engines.tenants.engine import TenantEngine
from straw.engines.tenants.open import open_backend
from straw.engines.tenants.records import Example, Shape
from straw.errors import ConfigError, TrainingError

SHAPES = {"a": Shape(rank=3, seed=1), "b": Shape(rank=2, seed=2, unembed=False), "c": Shape(rank=5, seed=3, mlp=False)}
LOSSES = {"a": "importance_sampling", "b": "ppo", "c": "cross_entropy"}


def call(engine: TenantEngine, name: str, step: int) -> Any:
    data = group(100 * step + SHAPES[name].seed)
    if LOSSES[name] == "cross_entropy":
        data = [type(e)(e.tokens, {"target_tokens": e.inputs["target_tokens"]}) for e in data]
    return engine.forward_backward(name, data, LOSSES[name], {}, forward_only=False)


def train(engine: TenantEngine, name: str, steps: range) -> None:
    for step in steps:
        for _ in call(engine, name, step):
            pass
        engine.optim_step(name, ADAM)


def alone(name: str, steps: int) -> dict[str, torch.Tensor]:
    engine = engine_of(tokens_per_microbatch=14)
    engine.create(name, SHAPES[name])
    train(engine, name, range(steps))
    return weights(engine, name)


@pytest.mark.parametrize("most", [16, 1])
def test_tenants_that_take_turns_are_each_as_if_alone(most: int) -> None:
    """Also where all but one go to disk whenever they wait."""
    engine = engine_of(tokens_per_microbatch=14, tenants_in_memory=most)
    for name, shape in SHAPES.items():
        engine.create(name, shape)
    for step in range(4):
        running = {name: call(engine, name, step) for name in SHAPES}
        while running:
            for name in list(running):
                if next(running[name], "over") == "over":
                    del running[name]
        for name in SHAPES:
            engine.optim_step(name, ADAM)
    assert len(engine.tenants.here) == min(most, 3)
    for name in SHAPES:
        assert equal(weights(engine, name), alone(name, 4)), name
    assert not engine.model.training and all(p.grad is None for p in engine.model.parameters())


def test_the_base_is_what_it_was() -> None:
    engine = engine_of()
    engine.create("a", SHAPES["a"])
    train(engine, "a", range(3))
    before = dict(make_small("llama").named_parameters())
    after = {name.replace(".base.", "."): p for name, p in engine.model.named_parameters()}
    assert equal(before, after)


def test_saving_and_loading_in_the_middle_changes_no_bit(tmp_path: Path) -> None:
    engine = engine_of()
    engine.create("a", SHAPES["a"])
    train(engine, "a", range(2))
    engine.save("a", tmp_path / "two", optimizer=True)
    train(engine, "a", range(2, 4))
    other = engine_of()
    shape = other.load("new", tmp_path / "two", optimizer=True)
    assert (shape.rank, shape.alpha, shape.attn, shape.mlp, shape.unembed) == (3, 32.0, True, True, True)
    train_as(other, "new", "a", range(2, 4))
    assert equal(weights(other, "new"), weights(engine, "a"))
    engine.load("a", tmp_path / "two", optimizer=True)  # into one that is there
    train(engine, "a", range(2, 4))
    assert equal(weights(other, "new"), weights(engine, "a"))
    assert other.tenants.find("new").version == 4


def train_as(engine: TenantEngine, name: str, other: str, steps: range) -> None:
    """With the other's data."""
    for step in steps:
        backward(engine, name, group(100 * step + SHAPES[other].seed), LOSSES[other])
        engine.optim_step(name, ADAM)


def test_weights_without_the_optimizer_begin_afresh(tmp_path: Path) -> None:
    engine = engine_of()
    engine.create("b", SHAPES["b"])
    train(engine, "b", range(2))
    engine.save("b", tmp_path / "two", optimizer=False)
    assert sorted(file.name for file in (tmp_path / "two").iterdir()) == [
        "adapter_config.json", "adapter_model.safetensors"]  # fmt: skip
    shape = engine.load("new", tmp_path / "two", optimizer=False)
    assert not shape.unembed and equal(weights(engine, "new"), weights(engine, "b"))
    train_as(engine, "new", "b", range(2, 3))
    train(engine, "b", range(2, 3))
    assert not equal(weights(engine, "new"), weights(engine, "b"))
    with pytest.raises(ConfigError, match="two holds weights and no optimizer"):
        engine.load("new", tmp_path / "two", optimizer=True)


def test_a_gradient_that_waits_survives_the_disk() -> None:
    engine = engine_of(tenants_in_memory=1)
    engine.create("a", SHAPES["a"])
    list(call(engine, "a", 0))
    before, kept = gradients(engine, "a"), weights(engine, "a")
    engine.create("b", SHAPES["b"])
    assert list(engine.tenants.away) == ["a"]
    assert equal(gradients(engine, "a"), before) and equal(weights(engine, "a"), kept)


def test_a_disk_that_is_full_leaves_tenants_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    engine = engine_of(tenants_in_memory=1)
    engine.create("a", SHAPES["a"])
    kept = weights(engine, "a")
    monkeypatch.setattr("straw.engines.tenants.training.tenant.save_file", full)
    engine.create("b", SHAPES["b"])
    assert list(engine.tenants.here) == ["a", "b"] and equal(weights(engine, "a"), kept)


def test_a_snapshot_stays_what_it_was() -> None:
    engine = engine_of()
    engine.create("a", SHAPES["a"])
    train(engine, "a", range(1))
    before = weights(engine, "a")
    engine.snapshot("s", "a")
    shared = engine.snapshots["s"].tensors()  # type: ignore[union-attr, operator]
    assert all(
        x.data_ptr() == p.data_ptr()
        for x, p in zip(shared.values(), engine.tenants.find("a").trained.values(), strict=True)
    )
    train(engine, "a", range(1, 3))
    assert equal(shared, before) and not equal(weights(engine, "a"), before)
    engine.unload("a")
    assert equal(shared, before)
    engine.forget("s")
    engine.forget("s")
    assert engine.snapshots == {}


def test_a_snapshot_comes_back_from_a_folder(tmp_path: Path) -> None:
    engine = engine_of()
    perturbed(engine, "a", SHAPES["a"])
    engine.save("a", tmp_path / "kept", optimizer=False)
    engine.load_snapshot("s", tmp_path / "kept")
    assert equal(engine.snapshots["s"].tensors(), weights(engine, "a"))  # type: ignore[union-attr, operator]


def test_what_breaks_or_is_given_up_adds_nothing() -> None:
    engine = engine_of(tokens_per_microbatch=14)
    engine.create("a", SHAPES["a"])
    list(call(engine, "a", 0))
    before = gradients(engine, "a")
    pieces = call(engine, "a", 1)
    next(pieces)
    assert not equal(gradients(engine, "a"), before)
    pieces.close()
    assert equal(gradients(engine, "a"), before) and engine.bank is not None and engine.bank.switch.route is None


def test_a_gradient_that_is_not_finite_is_no_step() -> None:
    engine = engine_of()
    engine.create("a", SHAPES["a"])
    before = weights(engine, "a")
    data = group(1)
    for example in data:
        example.inputs["logprobs"][-1] = -1e4  # e^10000
    backward(engine, "a", data, "importance_sampling")
    with pytest.raises(TrainingError, match="no step was taken"):
        engine.optim_step("a", ADAM)
    assert equal(weights(engine, "a"), before) and gradients(engine, "a") == {}
    assert engine.optim_step("a", AdamParams(learning_rate=1.0)) == {"grad_norm": 0.0}


# --- all weights


def test_all_weights_are_for_one_alone_and_the_base_comes_back(tmp_path: Path) -> None:
    engine = engine_of(full=True)
    base = {name: p.detach().clone() for name, p in engine.model.named_parameters()}
    engine.create("a", Shape(rank=0))
    with pytest.raises(ConfigError, match="one model alone"):
        engine.create("b", Shape(rank=0))
    with pytest.raises(ConfigError, match="one model alone"):
        engine.load("b", tmp_path, optimizer=False)
    train(engine, "a", range(2))
    engine.snapshot("s", "a")
    after = weights(engine, "a")
    train(engine, "a", range(2, 3))
    with engine.acting(engine.snapshots["s"]):
        assert equal(dict(engine.model.named_parameters()), after)
    with engine.acting(None):
        assert equal(dict(engine.model.named_parameters()), base)
    engine.save("a", tmp_path / "three", optimizer=True)
    third = weights(engine, "a")
    train(engine, "a", range(3, 5))
    fifth = weights(engine, "a")
    engine.unload("a")
    assert engine.load("again", tmp_path / "three", optimizer=True) == Shape(rank=0)
    assert equal(weights(engine, "again"), third)
    train_as(engine, "again", "a", range(3, 5))
    assert equal(weights(engine, "again"), fifth)


def test_adapters_and_all_weights_do_not_mix(tmp_path: Path) -> None:
    engine, full = engine_of(), engine_of(full=True)
    for wrong, shape in ((engine, Shape(rank=0)), (full, Shape(rank=4)), (engine, Shape(rank=5000))):
        with pytest.raises(ConfigError, match="rank="):
            wrong.create("a", shape)
    with pytest.raises(ConfigError, match="train_unembed=false"):
        engine.create("a", Shape(rank=4, attn=False, mlp=False, unembed=False))
    full.create("a", Shape(rank=0))
    full.save("a", tmp_path / "full", optimizer=False)
    with pytest.raises(ConfigError, match="full has no adapter_config"):
        engine.load("a", tmp_path / "full", optimizer=False)


def test_names_are_of_one_tenant_each() -> None:
    engine = engine_of()
    engine.create("a", SHAPES["a"])
    with pytest.raises(ConfigError, match="unload it"):
        engine.create("a", SHAPES["a"])
    for act in (
        lambda: engine.unload("x"),
        lambda: engine.optim_step("x", ADAM),
        lambda: backward(engine, "x", [], "ppo"),
    ):
        with pytest.raises(ConfigError, match="no training model 'x'"):
            act()  # type: ignore[no-untyped-call]


def test_a_backend_by_its_name(tmp_path: Path) -> None:
    save_small("qwen2", tmp_path / "small")
    engine = open_backend(str(tmp_path / "small"), tokens_per_microbatch=7)
    assert (engine.facts.name, engine.tokens_at_once) == (str(tmp_path / "small"), 7)
    assert open_backend("tiny-0.2M").facts.arch == "LlamaForCausalLM"
    assert open_backend("tiny-0.2M", full=True).bank is None


def test_weights_of_zero_alone_have_log_probabilities_and_a_gradient_of_zero() -> None:
    """A step behind them is a step of Adam, as it is where a loss of its own happens to be flat."""
    engine = engine_of()
    engine.create("a", SHAPES["a"])
    data = group(1)
    nothing = [
        Example(e.tokens, {"target_tokens": e.inputs["target_tokens"], "weights": np.zeros(e.num_tokens)}) for e in data
    ]
    ones = [Example(e.tokens, {"target_tokens": e.inputs["target_tokens"]}) for e in data]
    found = backward(engine, "a", nothing, "cross_entropy")
    none = gradients(engine, "a")
    assert none.keys() == weights(engine, "a").keys() and not any(one.any() for one in none.values())
    assert found.metrics["loss:sum"] == 0.0 and engine.optim_step("a", ADAM)["grad_norm"] == 0.0
    assert all(one["step"] == 1 for one in engine.tenants.find("a").optimizer.state.values())
    other = backward(engine, "a", ones, "cross_entropy", forward_only=True)
    assert all(np.array_equal(x, y) for x, y in zip(found.logprobs, other.logprobs, strict=True))


@pytest.mark.parametrize("kind", ["llama", "qwen2", "gemma3"])
def test_tokens_that_are_read_have_the_bits_that_they_have_where_they_train(kind: str) -> None:
    """A custom loss is worked out from the one and trained by the other."""
    engine = engine_of(kind)
    perturbed(engine, "a", SHAPES["a"])
    read = [Example(e.tokens, {"target_tokens": e.inputs["target_tokens"], "weights": np.zeros(e.num_tokens)})
            for e in group(1)]  # fmt: skip
    trained = [Example(e.tokens, {**e.inputs, "weights": np.ones(e.num_tokens)}) for e in read]
    alone = backward(engine, "a", read, "cross_entropy", forward_only=True)
    with_gradient = backward(engine, "a", trained, "cross_entropy")
    assert all(np.array_equal(x, y) for x, y in zip(alone.logprobs, with_gradient.logprobs, strict=True))


def test_facts() -> None:
    facts = engine_of().facts
    assert (facts.name, facts.arch, facts.num_parameters) == (
        "llama",
        "LlamaForCausalLM",
        make_small("llama").num_parameters(),
    )
    assert facts.linear_layers == (
        "down_proj",
        "gate_proj",
        "k_proj",
        "lm_head",
        "o_proj",
        "q_proj",
        "up_proj",
        "v_proj",
    )
    assert np.isclose(facts.vocabulary, len(engine_of().chat.tokenizer))
