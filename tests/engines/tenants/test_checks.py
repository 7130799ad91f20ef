"""What cannot be trained on is one line, and nothing was computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.engines.tenants.made import backward, engine_of, gradients, group

from straw.engines.tenants.engine import TenantEngine
from straw.engines.tenants.records import Example, Shape
from straw.errors import ConfigError


@pytest.fixture(scope="module")
def engine() -> TenantEngine:
    made = engine_of()
    made.create("a", Shape(rank=2))
    return made


def changed(tokens: tuple[int, ...] | None = None, **inputs: Any) -> Example:
    (example,) = group(1, replies=(3,))
    kept = {name: values for name, values in {**example.inputs, **inputs}.items() if values is not None}
    return Example(example.tokens if tokens is None else tokens, kept)


N = 11
FINE = np.zeros(N, np.float32)
WRONG = {
    "a model reads at least one token": changed(tokens=()),
    "this model reads 512 tokens; got 3000": changed(tokens=(1,) * 3000),
    "tokens are from 0 to": changed(tokens=(1,) * 10 + (10**6,)),
    "got -1: use this": changed(tokens=(1,) * 10 + (-1,)),
    "target_tokens is missing": changed(target_tokens=None),
    "logprobs is missing": changed(logprobs=None),
    "target_tokens are whole numbers; got float32": changed(target_tokens=FINE),
    "one row for each of 11 tokens": changed(target_tokens=np.zeros(10, int)),
    r"\[11, K\]; got \[11, 0\]": changed(target_tokens=np.zeros((11, 0), int)),
    r"got \[11, 2, 2\]": changed(target_tokens=np.zeros((11, 2, 2), int)),
    "target_tokens are from 0 to": changed(target_tokens=np.full(11, 2**40)),
    "got -3": changed(target_tokens=np.full(11, -3)),
    "advantages are finite": changed(advantages=np.full(11, np.nan, np.float32)),
    "logprobs are finite": changed(logprobs=np.full(11, -np.inf)),
    "finite numbers; got NaN": changed(logprobs=np.full(11, 1e300)),
    "logprobs have the shape of": changed(logprobs=np.zeros(10, np.float32)),
    "logprobs are numbers; got list": changed(logprobs=[0.0] * 11),
    "advantages are numbers; got <U1": changed(advantages=np.array(["x"] * 11)),
    "takes no 'mask'": changed(mask=FINE),
    "multiply them into the advantages": changed(weights=FINE),
}


@pytest.mark.parametrize("message", WRONG)
def test_a_datum_that_is_wrong_is_told_and_the_others_with_it_add_nothing(engine: TenantEngine, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        engine.forward_backward("a", [*group(2), WRONG[message]], "ppo", {}, forward_only=False)
    assert str(caught.value).startswith("datum 4: ") and "\n" not in str(caught.value)
    assert gradients(engine, "a") == {}


@pytest.mark.parametrize(
    ("loss", "settings", "message"),
    [
        ("pp", {}, "did you mean 'ppo'"),
        ("stable_reinforce", {}, "loss_fn=importance_sampling"),
        ("ppo", {"clip_low": 0.2}, "did you mean 'clip_low_threshold'"),
        ("importance_sampling", {"beta": 1.0}, "leave it out"),
        ("ppo", {"clip_low_threshold": 2.0}, "clip_low_threshold <= clip_high_threshold"),
        ("ppo", {"clip_low_threshold": float("nan")}, "finite numbers"),
        ("ppo", {"clip_low_threshold": "0.8"}, "finite numbers"),
        ("dro", {}, "dro needs beta"),
    ],
)
def test_losses_and_settings_that_there_are_not(
    engine: TenantEngine, loss: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        backward(engine, "a", group(1), loss, settings)


def test_no_data(engine: TenantEngine) -> None:
    with pytest.raises(ConfigError, match="at least one datum"):
        backward(engine, "a", [], "ppo")


def test_inputs_of_a_row_count_for_all_its_targets_and_those_of_other_losses_do_not_matter(
    engine: TenantEngine,
) -> None:
    (example,) = group(1, replies=(3,), width=2)
    row = {name: example.inputs[name][:, 0] for name in ("logprobs", "advantages")}
    wide = {name: np.repeat(values[:, None], 2, 1) for name, values in row.items()}
    targets = {"target_tokens": example.inputs["target_tokens"]}
    one, other = (
        backward(engine, "a", [Example(example.tokens, {**targets, **some, "sequence_ratio_mask": row["logprobs"]})],
                 "importance_sampling", forward_only=True) for some in (row, wide)
    )  # fmt: skip
    assert one.metrics == other.metrics and np.array_equal(one.elementwise_loss[0], other.elementwise_loss[0])
