from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from straw.report.study.load_runs import NOTHING, Column
from straw.report.study.statistics.bands import MOST, band_of, thinned


def run(episodes: Any, values: Any, knew_enough: Any = False) -> Any:
    column = Column(np.array(episodes, float), np.array(values, float))
    return SimpleNamespace(column=lambda name: column if name == "bits_known" else NOTHING, knew_enough=knew_enough)


def test_runs_that_were_measured_at_different_places_meet_on_straight_lines() -> None:
    band = band_of([run([0, 10], [0, 4]), run([0, 5, 10], [0, 0, 2])], "bits_known")
    assert band.episodes.tolist() == [0, 5, 10]
    assert band.middle.tolist() == [0, 1, 3]
    assert (band.low.tolist(), band.high.tolist()) == ([0, 0, 2], [0, 2, 4])


def test_a_run_that_knew_enough_keeps_what_it_knew() -> None:
    band = band_of([run([0, 10], [0, 4], knew_enough=True), run([0, 10, 20], [0, 1, 2])], "bits_known")
    assert band.episodes.tolist() == [0, 10, 20]
    assert (band.low.tolist(), band.high.tolist()) == ([0, 1, 2], [0, 4, 4])


def test_a_curve_ends_where_half_of_its_runs_have() -> None:
    runs = [run([0, 10], [0, 1]), run([0, 10], [0, 1]), run([0, 10, 20], [0, 1, 9])]
    assert band_of(runs, "bits_known").episodes[-1] == 10


def test_one_run_is_a_line_without_width() -> None:
    assert not band_of([run([0, 10], [0, 1])], "bits_known").has_width


def test_what_was_never_measured_has_no_band() -> None:
    assert band_of([run([0], [0])], "accuracy") is None


def test_a_long_run_is_thinned_and_keeps_its_ends() -> None:
    band = band_of([run(range(1000), range(1000))], "bits_known")
    assert len(band.episodes) <= MOST
    assert (band.episodes[0], band.episodes[-1]) == (0, 999)


def test_five_runs_have_a_band_of_their_middle_half_and_four_one_of_all() -> None:
    """Of 0, 1, 2, 3 and 10 the quarters are 1 and 3."""
    runs = [run([0, 10], [0, height]) for height in (0, 1, 2, 3, 10)]
    five, four = band_of(runs, "bits_known"), band_of(runs[1:], "bits_known")
    assert (five.low[-1], five.middle[-1], five.high[-1], five.counts.tolist()) == (1, 2, 3, [5, 5])
    assert (four.low[-1], four.middle[-1], four.high[-1], four.counts.tolist()) == (1, 2.5, 10, [4, 4])


def test_where_just_half_of_the_runs_are_left_the_curve_goes_on() -> None:
    """And what was not measured by then is no part of its middle, before it began or behind its end."""
    band = band_of([run([0, 10], [0, 1]), run([5, 10, 20], [7, 8, 9])], "bits_known")
    assert band.episodes.tolist() == [0, 5, 10, 20] and band.counts.tolist() == [1, 2, 2, 1]
    assert band.middle.tolist() == [0, (0.5 + 7) / 2, (1 + 8) / 2, 9]


def test_one_run_is_drawn_whole_and_two_have_a_width() -> None:
    alone = band_of([run([0, 10], [0, 1])], "bits_known")
    assert (alone.middle.tolist(), alone.counts.tolist()) == ([0, 1], [1, 1])
    assert band_of([run([0, 10], [0, 1])] * 2, "bits_known").has_width


def test_a_run_that_knew_enough_keeps_its_last_height_and_no_other() -> None:
    band = band_of([run([0, 5, 10], [0, 1, 4], knew_enough=True), run([0, 20], [0, 2])], "bits_known")
    assert band.high[-1] == 4


def test_runs_in_which_it_was_never_measured_are_left_out_of_the_others() -> None:
    band = band_of([run([0, 10], [0, 4]), run([], []), run([0, 10], [0, 2])], "bits_known")
    assert (band.middle.tolist(), band.counts.tolist()) == ([0, 3], [2, 2])


def test_at_most_120_places_are_drawn_and_they_lie_evenly() -> None:
    assert thinned(np.arange(120.0)).tolist() == list(range(120))
    long_ = thinned(np.arange(0.0, 2000, 2))
    assert len(long_) == 120
    assert (long_[0], long_[-1]) == (0, 1998) and set(np.diff(long_)) == {16, 18}
