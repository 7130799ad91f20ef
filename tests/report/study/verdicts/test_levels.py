from __future__ import annotations

from pathlib import Path

from tests.made_studies import make_study
from tests.report.study.verdicts.said import said, verdicts_at


def with_bins(folder: Path, *conditions: tuple[int, float], count: int = 12) -> None:
    for bins, known in conditions:
        times = {64: [known * (1 + place / 50) for place in range(count)]}
        make_study(folder, times, reward_type="binned_log_distance", reward_bins=bins)


def test_more_levels_help_only_where_they_do(tmp_path: Path) -> None:
    with_bins(tmp_path, (4, 400), (8, 100), (16, 100))
    text = said(tmp_path, "Episodes to 0.9 of the bits at N = 64")
    assert "8 bins is faster than 4 bins; 16 bins is faster than 4 bins; no other two are told apart." in text
    assert "8 bins 111 [104, 118]" in text
    assert "(tiny-1M, all weights, reinforce, 12 runs each)" in text


def test_what_is_not_told_apart_is_not_said_to_be_equal(tmp_path: Path) -> None:
    """Three conditions with the same times: a factor that would have been seen is named."""
    with_bins(tmp_path, (4, 100), (8, 100), (16, 100))
    text = said(tmp_path, "Episodes to 0.9 of the bits at N = 64")
    assert "No two of them are told apart; had one of them taken 1.25 times as long, it would have been seen" in text


def test_of_one_run_each_nothing_is_asked(tmp_path: Path) -> None:
    with_bins(tmp_path, (4, 400), (8, 100), (16, 100), count=1)
    assert not [one for one in verdicts_at(tmp_path) if one.about == "levels"]
