"""How large a difference would have been seen."""

from __future__ import annotations

import numpy as np
import pytest
from tests.report.study.waiting import waited

from straw.report.study import visible
from straw.report.study.visible import FACTORS, power, visible_factor

TIMES = np.random.default_rng(5).exponential(100.0, size=400)
ALL, SIZES = np.ones(400, bool), (24, 16)


def test_where_nothing_is_slower_the_test_finds_it_as_often_as_its_level_says() -> None:
    """Of 400 drawn studies, to four standard errors; by the log-rank test's asymptotic law."""
    for level in (0.05, 0.2):
        assert power(TIMES, ALL, SIZES, 1.0, level) == pytest.approx(level, abs=4 * (level * (1 - level) / 400) ** 0.5)


def test_what_is_slower_is_found_more_often_the_slower_it_is() -> None:
    """For exponential times a factor f shifts the log-rank statistic by ln f times the root of the information,
    which is 24 * 16 / 40 events where all happen: 1.5 (0.24 found), 3 (0.92) and 10 (1.00) at a level of 0.05.
    """
    found = [power(TIMES, ALL, SIZES, factor, 0.05) for factor in (1.5, 3.0, 10.0)]
    assert found == pytest.approx([0.24, 0.92, 1.0], abs=0.1)


def test_who_is_watched_for_a_shorter_time_tells_less() -> None:
    cut = np.minimum(TIMES, 40.0)
    assert power(cut, TIMES <= 40.0, SIZES, 3.0, 0.05) < power(TIMES, ALL, SIZES, 3.0, 0.05)


def test_what_would_have_been_seen_is_one_of_a_few_factors_and_the_same_in_every_report() -> None:
    """Fewer runs see larger factors alone: 10 with six a side, 1.25 with four hundred, and none with four."""
    rng, found = np.random.default_rng(3), {}
    for count in (4, 6, 12, 24, 60, 200, 400):
        found[count] = visible_factor([waited(rng.exponential(100.0, count)) for _ in range(2)], 0.05)
    assert found == {4: None, 6: 10.0, 12: 3.0, 24: 3.0, 60: 2.0, 200: 1.5, 400: 1.25}
    assert visible_factor([waited(rng.exponential(100.0, 12), cap=60) for _ in range(2)], 0.05) is None
    assert [power(TIMES, ALL, SIZES, factor, 0.05) for factor in (1.0, 1.5, 2.0, 3.0)] == [0.045, 0.245, 0.6425, 0.95]
    assert power(np.minimum(TIMES, 40.0), TIMES <= 40.0, SIZES, 3.0, 0.05) == 0.2025


@pytest.mark.parametrize("factor", FACTORS)
def test_the_smallest_factor_is_found_that_is_seen_in_four_studies_of_five(
    factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    for share, seen in ((0.8, factor), (0.7999, None)):
        monkeypatch.setattr(visible, "power", lambda *found: share if found[3] >= factor else 0.0)  # noqa: B023
        assert visible_factor([waited([1, 2, 3])] * 2, 0.05) == seen
