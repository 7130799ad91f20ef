from __future__ import annotations

import math

import pytest
import torch

from straw.rewards.intrinsic.base import Trace
from straw.rewards.intrinsic.kinds.elliptical import Elliptical


def trace(*vector: float) -> Trace:
    return Trace(key="00", question=torch.zeros(3), text="", vectors=torch.tensor([vector]).float(), is_right=False)


def unprojected(ridge: float = 1.0) -> Elliptical:
    judge = Elliptical(3, 3, ridge, seed=0)
    judge.projection = torch.eye(3, dtype=torch.float64)
    return judge


def test_a_direction_that_was_seen_n_times_pays_one_over_n_and_the_ridge() -> None:
    judge = unprojected(ridge=0.5)
    for times in range(5):
        seen, new = judge.raw([trace(1, 0, 0), trace(0, 1, 0)])["elliptical"]
        assert seen == pytest.approx(1 / (0.5 + times))
        assert new == pytest.approx(2)
        judge.write([trace(1, 0, 0)])


def test_the_inverse_by_rank_one_updates_is_the_inverse() -> None:
    judge, chance = Elliptical(16, 5, 2.0, seed=3), torch.Generator().manual_seed(0)
    told = [trace(*torch.randn(16, generator=chance).tolist()) for _ in range(200)]
    judge.write(told)
    phi = torch.stack([judge.features(one) for one in told])
    assert torch.allclose(judge.inverse, torch.linalg.inv(2 * torch.eye(5) + phi.T @ phi), atol=1e-12)


def test_the_bonus_is_what_the_log_determinant_gains() -> None:
    judge = unprojected()
    judge.write([trace(1, 2, 0), trace(0, 1, 1)])
    (bonus,) = judge.raw([trace(1, 1, 1)])["elliptical"]
    before = -torch.logdet(judge.inverse)
    judge.write([trace(1, 1, 1)])
    assert float(-torch.logdet(judge.inverse) - before) == pytest.approx(math.log1p(bonus))


def test_the_projection_is_a_function_of_its_seed_and_keeps_lengths_about() -> None:
    one, other = Elliptical(384, 64, 1.0, seed=7), Elliptical(384, 64, 1.0, seed=7)
    assert torch.equal(one.projection, other.projection)
    assert not torch.equal(one.projection, Elliptical(384, 64, 1.0, seed=8).projection)
    unit = torch.nn.functional.normalize(torch.ones(384), dim=0)
    assert float((one.projection @ unit.double()).norm()) == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize("left_out", ["", "inverse", "num_seen"])
def test_what_was_kept_and_read_goes_on_and_a_field_that_is_left_out_is_noticed(left_out: str) -> None:
    one, other = unprojected(), unprojected()
    one.write([trace(1, 0, 0), trace(0, 1, 1)])
    kept = {name: array for name, array in one.arrays().items() if name != left_out}
    if left_out:
        with pytest.raises(KeyError, match=left_out):
            other.load(kept)
        return
    other.load(kept)
    for judge in (one, other):
        judge.write([trace(1, 2, 3)])
    assert one.raw([trace(1, 1, 0)]) == other.raw([trace(1, 1, 0)])
    assert one.counts() == other.counts() == {"memory/values": 3}


def test_what_is_kept_does_not_move_with_what_is_seen_later() -> None:
    judge = unprojected()
    kept = judge.arrays()
    judge.write([trace(1, 0, 0)])
    assert torch.equal(kept["inverse"], torch.eye(3, dtype=torch.float64))


def test_a_reply_of_several_sentences_is_their_mean() -> None:
    judge = unprojected()
    one = Trace(key="00", question=torch.zeros(3), text="", vectors=torch.eye(3)[:2], is_right=False)
    assert judge.raw([one]) == {"elliptical": [0.5]}  # (1/2, 1/2, 0)
