"""What every channel declares about itself holds for every grade there is."""

from __future__ import annotations

from itertools import product
from math import isclose
from typing import Any

import pytest

from straw.config import Reward
from straw.registry import names
from straw.rewards.outcome import make_channel
from straw.types import Grade

CHANNELS = names("rewards")


N = 8
COINS = (0.0, 0.3, 0.7, 0.999)
OPTIONS = [
    *(Reward(reward_type=name) for name in CHANNELS if name not in ("dense", "weighted", "environment")),
    Reward(reward_type="weighted", reward_weights=("correctness=2",)),
    Reward(reward_type="log_distance", form="raw"),
    Reward(reward_type="binned_log_distance", reward_bins=2),
]


def grades() -> list[Grade]:
    """Every guess of every distance, and one that could not be read."""
    read = [Grade(hits=(offset == 0,), well_formed=True, offsets=(offset,)) for offset in range(1 - N, N)]
    return [*read, Grade(hits=(False,), well_formed=False, offsets=(None,))]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_pay_lies_from_lowest_to_highest_and_reaches_both(options: Any) -> None:
    channel = make_channel(options, N, num_turns=1)
    paid = [channel(grade, coin).total for grade, coin in product(grades(), COINS)]
    assert isclose(min(paid), channel.lowest, abs_tol=1e-12)
    assert isclose(max(paid), channel.highest, abs_tol=1e-12)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_hit_earns_the_highest_pay_wherever_that_points_at_the_target(options: Any) -> None:
    channel = make_channel(options, N, num_turns=1)
    hit = Grade(hits=(True,), well_formed=True, offsets=(0,))
    if channel.plateau is not None:
        assert isclose(max(channel(hit, coin).total for coin in COINS), channel.highest, abs_tol=1e-12)


@pytest.mark.parametrize("credit", ["turn", "sum"])
def test_dense_is_full_at_one_a_turn(credit: str) -> None:
    channel = make_channel(Reward(reward_type="dense", credit=credit), N, num_turns=3)
    paid = [channel(Grade(hits=hits, well_formed=True), 0.0).total for hits in product([False, True], repeat=3)]
    assert (min(paid), max(paid)) == (channel.lowest, channel.highest) == (0.0, 3.0)
