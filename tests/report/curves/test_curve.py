from __future__ import annotations

from pathlib import Path

from straw.report.curves.curve import (
    Curve,
    curve_of,
    drawable,
    fastest_first,
    median_curve,
    metric_curve,
    pieces,
    thinned,
)
from straw.runs.store import RunFolder


def test_the_mean_height_holds_the_last_value_to_the_end() -> None:
    curve = Curve("", (0, 10), (0.0, 4.0))
    assert curve.mean_bits(until=20) == 3  # 10 episodes at 2 in the mean, 10 at 4


def test_a_curve_is_broken_where_a_fifth_of_it_was_not_measured() -> None:
    assert [list(one.episodes) for one in pieces(Curve("", (0, 10, 20, 100), (0, 1, 2, 6)))] == [[0, 10, 20], [100]]
    assert [list(one.episodes) for one in pieces(Curve("", (0, 384), (0, 6)))] == [[0], [384]]
    whole = Curve("", range(0, 101, 20), range(6))  # gaps of a fifth, not more
    assert [list(one.episodes) for one in pieces(whole)] == [[0, 20, 40, 60, 80, 100]]
    assert [list(one.episodes) for one in pieces(Curve("", (), ()))] == [[]]
    short = Curve("", (0, 4, 8), (0, 0, 0), step=4)  # two steps, each measured
    assert [list(one.episodes) for one in pieces(short)] == [[0, 4, 8]]


def test_the_legend_begins_with_the_fastest() -> None:
    slow, fast = Curve("slow", (0, 100), (0, 6)), Curve("fast", (0, 10), (0, 6))
    assert fastest_first([slow, fast]) == [1, 0]


def test_a_point_without_a_number_is_left_out_and_a_curve_without_points_too() -> None:
    curves = [Curve("a", (0, 8, 16), (0.0, float("nan"), 2.0)), Curve("b", (0,), (float("inf"),)), Curve("c", (), ())]
    assert drawable(curves) == [Curve("a", [0, 16], [0.0, 2.0])]


def test_a_run_gives_the_curve_of_the_steps_in_which_bits_were_measured(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run", "") as folder:
        folder.write_metrics({"step": 0, "episodes": 0, "bits_known": 0.0})
        folder.write_metrics({"step": 1, "episodes": 64, "reward": 0.5})
        folder.write_metrics({"step": 2, "episodes": 128, "bits_known": float("nan")})
        folder.write_metrics({"step": 3, "episodes": 192, "bits_known": 5.5})
    assert curve_of(tmp_path / "run", "binary") == Curve("binary", [0, 192], [0.0, 5.5], step=64)


def test_any_metric_is_a_curve_over_the_rows_that_have_it() -> None:
    rows = [{"episodes": 0, "bits_known": 0.0}, {"episodes": 4, "kl": 0.5}, {"episodes": 8, "kl": None}]
    assert metric_curve(rows, "kl", "kl") == Curve("kl", [4], [0.5], step=4)


def test_a_long_curve_is_thinned_to_means_that_end_where_it_ends() -> None:
    assert thinned(Curve("", (1, 2, 3, 4), (0.0, 1.0, 0.0, 3.0)), most=2) == Curve("", [2, 4], [0.5, 1.5])
    assert thinned(Curve("", (1, 2, 3), (0.0, 1.0, 5.0)), most=2) == Curve("", [2, 3], [0.5, 5.0])
    short = Curve("", (1, 2), (0.0, 1.0))
    assert thinned(short, most=2) is short
    assert len(thinned(Curve("", range(1000), range(1000))).episodes) <= 128


def test_a_median_of_runs_keeps_what_a_run_that_is_over_knew_last() -> None:
    done, slow = Curve("binary", (0, 8), (0.0, 6.0)), Curve("binary", (0, 16), (0.0, 2.0))
    assert median_curve([done, slow]) == Curve("binary", [0, 8, 16], [0.0, 3.0, 4.0])
    assert list(median_curve([done, slow, slow]).bits_known) == [0.0, 0.0, 2.0]
