"""Gradients and log-probabilities against transformers and PEFT in float64, with the losses written out once more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.engines.local.small_models import KINDS
from tests.engines.tenants.made import (
    Judge,
    apart,
    backward,
    engine_of,
    gradients,
    group,
    perturbed,
    sparse,
    weighed,
)
from torch import Tensor

from straw.engines.tenants.records import Example, Shape

LOSSES = ("cross_entropy", "importance_sampling", "ppo", "cispo", "dro", "gspo")
FORMS = ("1-D", "2-D", "2-D with zeros")
SETTINGS = {"dro": {"beta": 0.05}}
SHAPE = Shape(rank=3, seed=1)


def data_for(loss: str, form: str) -> list[Example]:
    width = None if form == "1-D" else 3
    data = group(1, width=width) + group(2, prompt=5, replies=(2, 2), width=width) + group(3, replies=(7,), width=width)
    zeros = 0.4 if form == "2-D with zeros" else 0.0
    return weighed(data, zeros) if loss == "cross_entropy" else sparse(data, zeros)


def written_out(loss: str, lp: Tensor, example: Example) -> Tensor:
    """The sum of one datum's loss, cell by cell, from the protocol's table."""
    given = {name: torch.from_numpy(values).double() for name, values in example.inputs.items()}
    if loss == "cross_entropy":
        return sum((-w * p for w, p in zip(given["weights"].flatten(), lp.flatten(), strict=True)), torch.tensor(0.0))
    q, a = given["logprobs"].flatten(), given["advantages"].flatten()
    p = lp.flatten()
    r = (p - q).exp()
    if loss == "importance_sampling":
        return -(r * a).sum()
    if loss == "ppo":
        return -sum(min(x * y, x.clamp(0.8, 1.2) * y) for x, y in zip(r, a, strict=True))
    if loss == "cispo":
        return -sum(float(x.detach().clamp(0, 4)) * y * z for x, y, z in zip(r, a, p, strict=True))
    if loss == "dro":
        return -(p * a - 0.05 / 2 * (p - q) ** 2).sum()
    mask = given.get("sequence_ratio_mask", ((q != 0) | (a != 0)).double()).flatten()
    mean = ((p - q).detach() * mask).sum() / mask.sum()
    s = [mean.exp() * (x - x.detach()).exp() for x in p]
    return -sum(min(x * y, x.clamp(0.8, 1.2) * y) for x, y in zip(s, a, strict=True))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_has_the_gradient_of_its_formula_in_float64(loss: str, form: str, tmp_path: Path) -> None:
    engine = engine_of()
    perturbed(engine, "a", SHAPE)
    data, judge = data_for(loss, form), Judge(engine, "a", tmp_path, "llama")
    found = backward(engine, "a", data, loss, SETTINGS.get(loss))
    total = 0.0
    for example in data:
        value = written_out(loss, judge.logprobs(example), example)
        value.backward()
        total += float(value.detach())
    assert apart(gradients(engine, "a"), judge.gradients()) < 1e-5
    assert found.metrics["loss:sum"] == pytest.approx(total, rel=1e-4, abs=1e-4)
    assert sum(float(x.sum()) for x in found.elementwise_loss) == pytest.approx(total, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_log_probabilities_of_every_place_are_those_of_transformers(kind: str, tmp_path: Path) -> None:
    engine = engine_of(kind)
    perturbed(engine, "a", SHAPE)
    judge = Judge(engine, "a", tmp_path, kind)
    for form in FORMS:
        data = data_for("importance_sampling", form)
        for forward_only in (False, True):
            found = backward(engine, "a", data, "importance_sampling", forward_only=forward_only)
            for example, logprobs in zip(data, found.logprobs, strict=True):
                assert logprobs.dtype == np.float32 and logprobs.shape == example.inputs["target_tokens"].shape
                assert np.abs(judge.logprobs(example).detach().numpy() - logprobs).max() < 1e-4


def test_the_bounds_of_a_token_go_before_those_of_the_call(tmp_path: Path) -> None:
    engine = engine_of()
    perturbed(engine, "a", SHAPE)
    (example,) = group(4, replies=(5,))
    tight = {"clip_low_threshold": 0.999, "clip_high_threshold": 1.001}
    wide = {name: np.full(example.num_tokens, value, np.float32) for name, value in
            (("clip_low_threshold", 0.0), ("clip_high_threshold", 1e6))}  # fmt: skip
    backward(engine, "a", [Example(example.tokens, {**example.inputs, **wide})], "ppo", tight)
    judge = Judge(engine, "a", tmp_path, "llama")
    written_out("importance_sampling", judge.logprobs(example), example).backward()
    assert apart(gradients(engine, "a"), judge.gradients()) < 1e-5


def test_the_mask_says_whose_mean_the_ratio_of_a_sequence_is(tmp_path: Path) -> None:
    engine = engine_of()
    perturbed(engine, "a", SHAPE)
    (example,) = group(4, replies=(5,))
    mask = (np.arange(example.num_tokens) >= 11).astype(np.float32)
    masked = Example(example.tokens, {**example.inputs, "sequence_ratio_mask": mask})
    bounds = {"clip_low_threshold": 0.0, "clip_high_threshold": 1e9}
    found = backward(engine, "a", [masked], "gspo", bounds)
    lp, q = found.logprobs[0].astype(float), example.inputs["logprobs"].astype(float)
    ratio = np.exp((lp - q)[11:].mean())
    assert np.allclose(found.elementwise_loss[0], -ratio * example.inputs["advantages"], rtol=1e-4)


def test_forward_only_leaves_the_gradient_alone_and_weights_are_one_where_none_are_sent() -> None:
    engine = engine_of()
    perturbed(engine, "a", SHAPE)
    bare = [Example(e.tokens, {"target_tokens": e.inputs["target_tokens"]}) for e in group(5)]
    found = backward(engine, "a", bare, "cross_entropy", forward_only=True)
    assert gradients(engine, "a") == {}
    assert found.metrics["loss:sum"] == pytest.approx(-sum(float(x.sum()) for x in found.logprobs), rel=1e-5)


@pytest.mark.parametrize("setting", ["gradient_checkpointing", "fast_llama"])
def test_other_ways_to_compute_have_the_same_gradient(setting: str) -> None:
    found = []
    for value in (False, True):
        engine = engine_of("llama", **{setting: value})
        perturbed(engine, "a", SHAPE)
        backward(engine, "a", data_for("ppo", "1-D"), "ppo")
        found.append(gradients(engine, "a"))
    assert apart(*found) < 1e-5


def test_in_bfloat16_the_head_learns_in_about_the_same_direction() -> None:
    found = []
    for dtype in ("bfloat16", "float32"):
        engine = engine_of("llama", dtype=dtype)
        perturbed(engine, "a", SHAPE)
        backward(engine, "a", data_for("cross_entropy", "1-D"), "cross_entropy")
        found.append({name: g for name, g in gradients(engine, "a").items() if "lm_head" in name})
    assert len(found[0]) == 2 and apart(*found) < 0.05
