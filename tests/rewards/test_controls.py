from __future__ import annotations

from math import isclose
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.errors import ConfigError
from straw.rewards.controls import HigherLower, NoisyBinary, Random, ShuffledBins
from straw.rewards.log_distance import BinnedLogDistance
from straw.types import Grade


def graded(*offsets: int | None) -> Grade:
    return Grade(hits=tuple(offset == 0 for offset in offsets), well_formed=None not in offsets, offsets=offsets)


@pytest.mark.parametrize("channel", [Random(), NoisyBinary(flip_probability=0.5), HigherLower()])
@pytest.mark.parametrize("draw", [0.0, 0.4, 0.999])
def test_no_control_pays_for_a_reply_that_could_not_be_read(channel: Any, draw: float) -> None:
    assert channel(graded(None), draw).total == 0.0


def test_the_coin_is_fair_and_knows_nothing_of_the_guess() -> None:
    draws = [step / 100 for step in range(100)]
    for grade in (graded(0), graded(63), graded(-5)):
        assert sum(Random()(grade, draw).total for draw in draws) == 50
    assert Random().identifiable_ceiling_bits(64) == 0.0
    assert not Random().deterministic


@pytest.mark.parametrize(("N", "bins"), [(64, 8), (1024, 8), (16, 32), (64, 2), (1, 8)])
def test_shuffling_exchanges_levels_and_keeps_who_shares_one(N: int, bins: int) -> None:
    shuffled, binned = ShuffledBins(N=N, bins=bins), BinnedLogDistance(N=N, bins=bins)
    pairs = {(binned(graded(d), 0.0).total, shuffled(graded(d), 0.0).total) for d in range(N)}
    before, after = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
    assert len(pairs) == len(before) == len(after)  # one to one
    assert after == before or N == 1
    assert before != after or any(old != new for old, new in pairs)
    assert shuffled.levels == binned.levels


def test_the_permutation_is_fixed_by_the_range_and_the_bins() -> None:
    first, again = ShuffledBins(N=64, bins=8), ShuffledBins(N=64, bins=8)
    assert [first(graded(d), 0.1).total for d in range(64)] == [again(graded(d), 0.9).total for d in range(64)]
    assert first(graded(None), 0.0).total == 0.0


def test_higher_or_lower() -> None:
    assert [HigherLower()(graded(offset), 0.0).total for offset in (-1, 0, 1)] == [0.0, 1.0, 1.0]
    assert HigherLower(length=4)(graded(-1, 0, 9, -9), 0.0).total == 0.5
    assert (HigherLower().levels, HigherLower(length=4).levels) == (2, 5)


def test_the_highest_pay_of_these_does_not_name_the_secret() -> None:
    for channel in (HigherLower(), ShuffledBins(N=64, bins=8), NoisyBinary(flip_probability=0.5)):
        assert channel.plateau is None and channel.identifiable_ceiling_bits(64) is None


def test_a_noisy_hit_is_paid_unless_it_is_flipped() -> None:
    channel = NoisyBinary(flip_probability=0.25)
    assert [channel(graded(0), draw).total for draw in (0.0, 0.2499, 0.25, 0.99)] == [0.0, 0.0, 1.0, 1.0]
    assert [channel(graded(3), draw).total for draw in (0.0, 0.2499, 0.25, 0.99)] == [1.0, 1.0, 0.0, 0.0]
    assert isclose(channel.identifiable_ceiling_bits(64), 6.0)
    assert (channel.noise, channel.plateau, channel.levels) == (0.25, 0, 2)


@given(st.floats(0, 1, exclude_max=True), st.integers(-63, 63))
def test_without_noise_it_is_the_binary_channel(draw: Any, offset: Any) -> None:
    assert NoisyBinary(flip_probability=0.0)(graded(offset), draw).total == float(offset == 0)


@pytest.mark.parametrize("e", [-0.1, 0.51, 1, 1.5, float("nan")])
def test_a_flip_probability_is_a_probability_up_to_a_half_as_on_a_page(e: Any) -> None:
    """At 1 the observer would take the logarithm of 0."""
    with pytest.raises(ConfigError, match=r"lies in \[0, 0\.5\]"):
        NoisyBinary(flip_probability=e)


def test_one_shuffled_bin_is_refused() -> None:
    with pytest.raises(ConfigError, match="shuffled_bins needs reward_bins >= 2, got reward_bins=1"):
        ShuffledBins(N=64, bins=1)
