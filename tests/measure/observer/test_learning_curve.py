"""A way to the secret, kept at fewer and fewer episodes."""

from __future__ import annotations

import json
from math import inf, log2

import pytest

from straw.measure.observer.learning_curve import Pace, median_of


def long(count: int) -> Pace:
    bits = [float(episode) ** 0.5 for episode in range(count)]
    return Pace.of(bits, [one / 10 for one in bits], to_know=None, to_nine_tenths=7.5, runs=3)


def test_every_episode_is_kept_up_to_64_and_a_fiftieth_more_behind() -> None:
    kept = long(200).episodes
    assert kept[:101] == tuple(range(101))  # a fiftieth of less than 100 is less than one
    assert kept[101:104] == (102, 104, 106) and kept[-4:] == (192, 195, 198, 199)
    assert long(65).episodes == tuple(range(65)) and long(1).episodes == (0,)
    assert len(long(100_000).episodes) < 500


def test_between_what_is_kept_lies_a_straight_line_and_behind_it_the_last_value() -> None:
    found = long(200)
    assert found.bits_at(49) == 7.0 and found.errors is not None and found.errors[49] == 0.7
    assert found.bits_at(103) == pytest.approx((102**0.5 + 104**0.5) / 2)
    assert found.bits_at(1e6) == 199**0.5 and found.bits_at(0) == 0.0


def test_a_pace_comes_back_from_json() -> None:
    found = long(70)
    assert Pace.from_record(json.loads(json.dumps(found.record()))) == found
    bare = Pace.of([0.0, 1.0], to_know=1.0, to_nine_tenths=1.0)
    assert bare.errors is None and Pace.from_record(json.loads(json.dumps(bare.record()))) == bare


@pytest.mark.parametrize(("N", "needed"), [(1, 0), (2, 1), (64, 1)])
def test_what_is_told_at_once_is_known_behind_one_episode(N: int, needed: int) -> None:
    found = Pace.at_once(N)
    assert (found.episodes, found.bits) == (tuple(range(needed + 1)), (0.0, log2(N))[: needed + 1])
    assert found.to_know == found.to_nine_tenths == needed


def test_a_median_that_is_infinite_is_none() -> None:
    assert median_of([3.0, inf, 1.0]) == 3.0 and median_of([1.0, 2.0, 4.0, inf]) == 3.0
    assert median_of([1.0, inf]) is None and median_of([inf]) is None and median_of([5.0]) == 5.0
