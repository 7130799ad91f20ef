"""How large a difference would have been seen."""

from __future__ import annotations

import numpy as np
import pytest

from straw.report.study.visible import power

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
