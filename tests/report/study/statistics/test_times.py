from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from tests.made_studies import make_study, never

from straw.report.study.load_runs import NOTHING, Column, Seen, gathered
from straw.report.study.statistics.times import Time, first, time_of, times_of


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


def column(episodes: list[float], values: list[float]) -> Column:
    return Column(np.array(episodes, float), np.array(values, float))


def watched(ceiling: float | None = 4.0, **columns: Column) -> Any:
    return SimpleNamespace(column=lambda name: columns.get(name, NOTHING), ceiling_bits=ceiling, is_sft=False)


def test_the_first_time_is_the_first_of_several_and_lies_behind_the_measurement_before_it() -> None:
    seen = column([0, 4, 8, 12, 16], [0, 0, 1, 2, 1])
    assert first(seen, 0.0) == Time(8, True, 4)
    assert first(seen, 1.0) == Time(12, True, 8)  # above it, and not at it
    assert first(seen, 1.0, at_least=True) == Time(8, True, 4)
    assert first(seen, 2.0) == Time(16, False)
    assert first(NOTHING, 0.0) is None


def test_what_was_so_at_the_first_measurement_may_have_been_so_from_the_start() -> None:
    assert first(column([4, 8], [1, 1]), 0.0) == Time(4, True, 0)


def test_known_is_nine_tenths_of_the_bits_and_sure_more_than_nine_tenths_of_the_chance() -> None:
    run = watched(
        bits_known=column([0, 4, 8, 12], [0, 3.5, 3.6, 4]), p_secret=column([0, 4, 8, 12], [0, 0.8, 0.9, 0.91])
    )
    assert time_of(run, "known") == Time(8, True, 4)
    assert time_of(run, "sure") == Time(12, True, 8)
    assert time_of(watched(None, bits_known=column([0, 4], [0, 4])), "known") is None


def test_settling_takes_no_less_than_nothing_where_much_was_known_before_the_hit() -> None:
    run = watched(bits_known=column([0, 4, 20, 24], [0, 3, 4, 4]), hits=column([0, 8, 16, 24], [0, 1, 1, 1]))
    assert time_of(run, "settled") == Time(12, True, 0)  # known at 20, not yet at 4, and hit at 8
    run = watched(bits_known=column([0, 4, 8], [0, 4, 4]), hits=column([0, 4, 8], [0, 0, 1]))
    assert time_of(run, "settled") == Time(0, True, 0)
    run = watched(bits_known=column([0, 12, 16], [0, 3, 4]), hits=column([0, 4, 8], [0, 1, 1]))
    assert time_of(run, "settled") == Time(12, True, 8)


def test_what_was_not_measured_has_no_time_to_settle() -> None:
    assert time_of(watched(hits=column([0, 4], [0, 1])), "settled") is None
    assert time_of(watched(bits_known=column([0, 4], [0, 4])), "settled") is None


def test_times_of_runs_keep_their_order_and_when_they_were_last_seen_without() -> None:
    runs = [watched(hits=column([0, 4, 8], hits)) for hits in ([0, 0, 1], [0, 1, 1], [0, 0, 0])]
    found = times_of(runs, "found")
    assert (found.episodes.tolist(), found.happened.tolist()) == ([8, 4, 8], [True, True, False])
    assert (found.before.tolist(), list(found.runs), found.num_happened) == ([4, 0, 0], runs, 2)
