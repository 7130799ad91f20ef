from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from straw.report.study.load_runs import NOTHING, Column
from straw.report.study.statistics.bands import MOST, band_of


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
