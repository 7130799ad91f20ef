"""The gradient that a datum has on the wire is the local engine's, for every loss and with all that is added to it."""

from __future__ import annotations

from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.engines.local.kinds import make_engine
from tests.engines.tinker.test_contract import made

from straw.engines.base import AdamParams, Loss
from straw.engines.local.engine import LocalEngine
from straw.engines.tinker.data import bounds, policy_row, row_of, supervised_row, weighted_advantages
from straw.engines.tinker.engine import TinkerEngine
from straw.types import Datum

pytest.importorskip("tinker")
CLIPS = {"clip_low": 0.2, "clip_high": 0.2}
GROUP = [  # two replies to one prompt, one to another; a token in between that nobody trains
    Datum(prompt=(5, 6, 7), tokens=(9, 10, 1), weights=(0.3, 0.0, 0.7), advantages=(0.7, 0.0, 0.7),
          logprobs=(-4.2, 0.0, -5.0)),
    Datum(prompt=(5, 6, 7), tokens=(11, 1), weights=(0.3, 0.3), advantages=(-1.1, -1.1), logprobs=(-3.0, -6.0)),
    Datum(prompt=(8,), tokens=(12,), weights=(1.0,), advantages=(0.4,), logprobs=(-4.5,)),
]  # fmt: skip
REPLAYED = [*GROUP[:2], replace(GROUP[2], logprobs=())]
SOFT = [replace(GROUP[1], soft_targets=({11: 0.5, 12: 0.25, 0: 0.25}, {1: 1.0}), logprobs=(), advantages=())]


def gradient(engine: LocalEngine) -> torch.Tensor:
    return torch.cat([p.grad.reshape(-1) for p in engine.trained.values() if p.grad is not None])


def moved(engine: TinkerEngine | LocalEngine) -> None:
    """Away from the start, where a KL to it has no gradient."""
    engine.forward_backward([replace(GROUP[0], logprobs=(), advantages=())], Loss(name="cross_entropy"))
    engine.optim_step(AdamParams(learning_rate=1e-2))
    engine.publish()


@pytest.mark.parametrize(
    ("data", "loss"),
    [
        pytest.param(GROUP, Loss(name="cross_entropy"), id="cross entropy"),
        pytest.param(SOFT, Loss(name="cross_entropy"), id="soft targets"),
        pytest.param(GROUP, Loss(name="importance_sampling"), id="importance sampling"),
        pytest.param(REPLAYED, Loss(name="importance_sampling"), id="replayed"),
        pytest.param(GROUP, Loss(name="ppo", settings=CLIPS), id="ppo"),
        pytest.param(REPLAYED, Loss(name="ppo", settings=CLIPS), id="ppo, replayed"),
        pytest.param(GROUP, Loss(name="ppo", settings=CLIPS, kl_coef=0.5), id="kl"),
        pytest.param(REPLAYED, Loss(name="ppo", settings=CLIPS, kl_coef=0.5, kl_by_ratio=True), id="kl by ratio"),
    ],
)
@pytest.mark.parametrize("is_hosted", [False, True])
def test_every_loss_has_the_gradient_of_the_local_engine(
    data: list[Datum], loss: Loss, is_hosted: bool, tmp_path: Path
) -> None:
    here, there = make_engine("lora"), made(tmp_path)
    there.is_hosted = is_hosted
    for engine in (here, there):
        moved(engine)
    mine, yours = here.forward_backward(data, loss), there.forward_backward(data, loss)
    wanted, found = gradient(here), gradient(there.now.training.engine)
    assert float((found - wanted).norm() / wanted.norm()) < 1e-5
    for name in yours.metrics:
        assert yours.metrics[name] == pytest.approx(mine.metrics[name], rel=1e-4, abs=1e-5), name
    for one, other in zip(yours.logprobs, mine.logprobs, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_what_is_replayed_costs_no_forward_pass_where_tokens_are_paid_for(tmp_path: Path) -> None:
    engine = made(tmp_path)
    calls = engine.service.calls
    for engine.is_hosted in (False, True):
        calls.clear()
        engine.forward_backward(REPLAYED, Loss(name="importance_sampling"))
        if engine.is_hosted:
            assert calls == ["forward_backward importance_sampling 2", "forward_backward cross_entropy 1"]
        else:
            assert calls == ["forward importance_sampling 3", "forward_backward importance_sampling 3"]


def test_a_datum_by_hand() -> None:
    """Three tokens of prompt and two behind it: four are read, and the third predicts the first that trains."""
    row = row_of(Datum(prompt=(1, 7, 3), tokens=(19, 2), weights=(0.5, 1.0)), weights=(0.5, 1.0))
    assert row.tokens == (1, 7, 3, 19) and row.begin == 2
    assert row.inputs["target_tokens"].tolist() == [0, 0, 19, 2]
    assert row.inputs["weights"].tolist() == [0.0, 0.0, 0.5, 1.0]


def test_soft_targets_by_hand() -> None:
    targets = ({4: 0.75, 5: 0.25}, {2: 1.0})
    row = supervised_row(Datum(prompt=(1,), tokens=(4, 2), weights=(0.5, 1.0), soft_targets=targets))
    assert row.inputs["target_tokens"].tolist() == [[4, 5], [2, 0]]
    assert row.inputs["weights"].tolist() == [[0.375, 0.125], [1.0, 0.0]]


def test_weights_and_advantages_meet_in_float32() -> None:
    """0.3 x 0.7 in float64 and then rounded is another number."""
    one = Datum(prompt=(1,), tokens=(2,), weights=(0.3,), advantages=(0.7,), logprobs=(log(0.5),))
    product = np.float32(0.3) * np.float32(0.7)
    assert weighted_advantages(one)[0] == product != np.float32(0.3 * 0.7)
    assert policy_row(one).inputs["advantages"][0] == product
    assert bounds({"clip_low": 0.2, "clip_high": 0.3}) == {"clip_low_threshold": 0.8, "clip_high_threshold": 1.3}
