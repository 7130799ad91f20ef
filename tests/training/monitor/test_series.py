from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from straw.training.monitor.series import FIRST, KEPT, SPAN, Series


def series_of(values: list[float]) -> Series:
    series = Series()
    for value in values:
        series.add(value)
    return series


def test_the_level_is_the_median_of_the_last_seven_and_the_peak_the_highest_before_them() -> None:
    series = series_of([1, 1, 1, 5, 5, 5, 5, *[2] * 7])  # one window of seven lies before the last one
    assert series.level == 2
    assert series.peak == 5
    assert series_of([1, 1, 1, 5, 5, 5, 5]).peak == 0  # nothing to compare with yet


def test_three_odd_values_of_seven_are_no_jump_and_four_are() -> None:
    steady = [1.0] * 40
    assert not series_of([*steady, *[1000.0] * 3]).jumped(10)
    assert series_of([*steady, *[1000.0] * 4]).jumped(10)
    assert not series_of([*steady, *[1000.0] * 4]).jumped(10, floor=2000)
    assert not series_of([1.0] * 14 + [1000.0] * 5).jumped(10)  # too early to tell


def test_what_grows_slowly_never_jumps() -> None:
    values, seen = [1.2**step for step in range(100)], []
    series = Series()
    for value in values:
        series.add(value)
        seen.append(series.jumped(4))
    assert not any(seen)  # 1.2 ** 7 = 3.6


def test_rising_is_more_than_chance() -> None:
    coin = [0.0, 1.0] * 10
    assert not series_of(coin + coin).is_rising()
    assert series_of(coin + [1.0] * 20).is_rising()
    assert not series_of([0.5] * 40).is_rising()
    assert not series_of([1.0] * 20 + coin).is_rising()


@given(st.lists(st.floats(-1e6, 1e6), max_size=300))
def test_it_remembers_a_bounded_number_and_goes_on_from_json_as_if_never_stopped(values: Any) -> None:
    whole, half = series_of(values), series_of(values[: len(values) // 2])
    again = Series(**json.loads(json.dumps(half.state_dict())))
    for value in values[len(values) // 2 :]:
        again.add(value)
    assert again == whole
    assert whole.recent == values[-KEPT:] and whole.first == values[:FIRST]
    assert KEPT >= 2 * SPAN


def test_a_start_is_the_mean_of_the_first_twenty_and_a_hundred_are_kept() -> None:
    series = series_of([float(step) for step in range(150)])
    assert series.start() == sum(range(20)) / 20 and series.start(5) == 2.0
    assert series.mean(100) == series.mean(1000) == sum(range(50, 150)) / 100
    assert series_of([1.0] * 100).has(100) and not series_of([1.0] * 99).has(100)


def test_nothing_jumps_from_nothing_and_nothing_before_twenty() -> None:
    assert not series_of([0.0] * 20 + [9.0] * 7).jumped(2)
    assert not series_of([1.0] * 12 + [9.0] * 7).jumped(2) and series_of([1.0] * 13 + [9.0] * 7).jumped(2)


def test_a_level_of_just_so_many_peaks_is_no_jump() -> None:
    assert not series_of([1.0] * 20 + [8.0] * 7).jumped(8) and series_of([1.0] * 20 + [8.125] * 7).jumped(8)
    assert not series_of([1.0] * 20 + [8.0] * 7).jumped(2, floor=8.0)
    assert series_of([0.015625] * 20 + [0.25] * 7).jumped(8)  # no floor but what is asked for


def test_a_peak_is_the_median_of_seven_that_lie_seven_back_and_stays() -> None:
    assert series_of([3.0, 1.0, 2.0, 9.0, 9.0, 0.0, 0.0, *[1.0] * 7]).peak == 2.0
    assert series_of([5.0] * 7 + [1.0] * 30).peak == 5.0
    assert series_of([-1.0] * 30).peak == 0.0
    assert series_of([1.0, 2.0, 3.0, 4.0, 9.0, 9.0, 9.0, 9.0]).level == 9.0  # of the last seven, and no more


def test_a_rise_is_beyond_the_standard_error_of_both_halves() -> None:
    """Halves of variance 1/4: the error of the difference is (1/2 / 20) ** 0.5 = 0.158."""
    coin, sure = [0.0, 1.0] * 10, [0.5] * 20
    assert not series_of(coin + [one + 0.15 for one in coin]).is_rising()
    assert series_of(coin + [one + 0.17 for one in coin]).is_rising()
    for before, now in ((coin, sure), (sure, coin)):  # one half alone varies: 0.112
        assert not series_of([*before, *(one + 0.105 for one in now)]).is_rising()
        assert series_of([*before, *(one + 0.12 for one in now)]).is_rising()


def test_twenty_values_are_compared_with_the_twenty_before_them() -> None:
    assert series_of([99.0, *[0.0] * 20, *[1.0] * 20]).is_rising()
    assert not series_of([*[0.0] * 21, *[1.0] * 19, -19.0]).is_rising()
    assert series_of([9.0, 0.0, 0.0, 1.0, 1.0]).is_rising(2) and not series_of([9.0, 0.0, 0.0, 1.0]).is_rising(2)
