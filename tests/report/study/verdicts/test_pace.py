from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from tests.made_studies import make_study
from tests.report.study.verdicts.said import said

from straw.report.study.verdicts.pace import in_sum


def test_bits_per_episode_are_compared_at_one_N(tmp_path: Path) -> None:
    make_study(tmp_path, {16: [50, 50, 50]})
    make_study(tmp_path, {16: [25, 25, 25]}, reward_type="log_distance")
    text = said(tmp_path, "Bits per episode at N = 16")
    assert "binary 0.0776; log distance 0.155" in text


def test_an_observer_is_as_many_times_faster_as_the_median_and_its_interval_say(tmp_path: Path) -> None:
    """Nine of 16 secrets are behind an observer in three groups of four: 12 episodes."""
    make_study(tmp_path, {16: [24, 24, 36, 36, 48, 48]})
    assert "binary 3 [2, 4] (" in said(tmp_path, "Times as many episodes as an ideal observer")


def test_single_runs_are_named_where_there_are_several() -> None:
    one, several = SimpleNamespace(runs=[1]), SimpleNamespace(runs=[1, 2])
    assert in_sum([one, one]) == "in sum" and in_sum([one, several]) == "in sum (and by single runs)"
