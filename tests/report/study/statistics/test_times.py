from __future__ import annotations

from pathlib import Path

from tests.made_studies import make_study, never

from straw.report.study.load_runs import Seen, gathered
from straw.report.study.statistics.times import Time, time_of, times_of


def run_of(folder: Path, known: float, **options: object) -> Seen:
    return gathered([make_study(folder, {16: [known]}, cap=300, **options)]).runs[0]


def test_a_run_is_told_by_when_it_knew_hit_and_settled(tmp_path: Path) -> None:
    run = run_of(tmp_path, 90)
    assert [time_of(run, what) for what in ("known", "found", "settled")] == [
        Time(90, True, 0.999 * 90), Time(30, True, 0.999 * 30), Time(60, True, 0.999 * 90 - 30),
    ]  # fmt: skip


def test_what_has_not_happened_took_longer_than_it_was_watched(tmp_path: Path) -> None:
    run = run_of(tmp_path, 600)  # hits at 200, of 300
    assert time_of(run, "known") == Time(300, False)
    assert time_of(run, "settled") == Time(100, False)


def test_without_a_hit_there_is_nothing_to_settle(tmp_path: Path) -> None:
    run = run_of(tmp_path, never)
    assert time_of(run, "found") == Time(300, False)
    assert time_of(run, "settled") is None


def test_supervised_learning_hits_nothing(tmp_path: Path) -> None:
    assert time_of(run_of(tmp_path, 90, algorithm="sft"), "found") is None


def test_runs_without_a_time_are_left_out_and_censored_ones_are_not(tmp_path: Path) -> None:
    runs = gathered([make_study(tmp_path, {16: [90, never]}, cap=300)]).runs
    known, settled = times_of(runs, "known"), times_of(runs, "settled")
    assert (known.episodes.tolist(), known.happened.tolist()) == ([90, 300], [True, False])
    assert len(settled.runs) == 1
