from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.made_runs import write_run
from tests.made_studies import make_study, never
from tests.report.study.in_memory import cell_of, knowing, run_of

from straw.report.study.cells import Cell, cells_of
from straw.report.study.load_runs import gathered
from straw.report.study.statistics.intervals import Interval
from straw.report.study.totals import (
    bits_and_episodes,
    bits_per_episode,
    efficiency,
    height_at,
    median_last,
    ratio_of_sums,
    work,
)


def cell_at(folder: Path) -> Cell:
    return cells_of(gathered([folder]).runs)[0]


def ledgers(folder: Path, *ends: tuple[float, float, float]) -> Cell:
    """Runs by what was offered, received and absorbed in the end."""
    names = ("ledger/offered_bits", "ledger/received_bits", "ledger/absorbed_bits")
    for secret, values in enumerate(ends):
        row = {"step": 1, "episodes": 4, "time_s": 1.0, **dict(zip(names, values, strict=True))}
        write_run(folder / f"run-{secret}", [row], N=16, secret_seed=secret, seed=secret)
    return cell_at(folder)


def test_an_efficiency_is_a_ratio_of_sums(tmp_path: Path) -> None:
    cell = ledgers(tmp_path, (10.0, 4.0, 4.0), (30.0, 4.0, 2.0))
    assert efficiency(cell, "eta").value == pytest.approx(6 / 40)  # the mean of ratios would be 0.23
    assert efficiency(cell, "eta_absorb").value == pytest.approx(6 / 8)


def test_nothing_offered_has_no_efficiency(tmp_path: Path) -> None:
    assert efficiency(ledgers(tmp_path, (0.0, 0.0, 0.0)), "eta") is None


def test_bits_per_episode_count_what_was_spent_on_them(tmp_path: Path) -> None:
    """One run knew 0.97 of four bits at 100, one nothing in 300."""
    cell = cell_at(make_study(tmp_path, {16: [100, never]}, cap=300))
    assert bits_per_episode(cell).value == pytest.approx(0.97 * 4 / 400)


def test_a_share_of_next_to_nothing_is_none(tmp_path: Path) -> None:
    """A run that guessed a while without a hit received a few hundredths of a bit."""
    assert efficiency(ledgers(tmp_path / "a", (2.0, 0.05, -11.0), (2.0, 0.05, -3.0)), "eta_absorb") is None
    assert efficiency(ledgers(tmp_path / "b", (2.0, 0.9, 0.5), (2.0, 0.2, 0.1)), "eta_absorb") is not None


def test_a_sum_has_the_range_of_its_runs_and_no_interval(tmp_path: Path) -> None:
    """One that locked in lies far below the others, and no few runs tell how often that happens."""
    cell = ledgers(tmp_path, *[(10.0, 4.0, 3.0 + 0.1 * place) for place in range(7)], (10.0, 4.0, -8.0))
    assert efficiency(cell, "eta_absorb").interval == Interval(-2, 0.9, is_range=True)


def test_what_is_known_in_the_end_is_a_median_between_two_of_the_runs(tmp_path: Path) -> None:
    few = median_last(cell_at(make_study(tmp_path / "a", {16: [100, never, 50]}, cap=300)), "bits_known")
    assert few.interval.is_range
    some = median_last(
        cell_at(make_study(tmp_path / "b", {16: [100, 110, 120, 130, 140, never]}, cap=300)), "bits_known"
    )
    assert not some.interval.is_range
    assert (some.interval.low, some.value) == pytest.approx((0, 0.97 * 4))
    assert median_last(cell_at(tmp_path / "b"), "accuracy") is None


def test_half_a_bit_in_the_mean_is_enough_to_take_a_share_of(tmp_path: Path) -> None:
    assert efficiency(ledgers(tmp_path / "a", (2.0, 0.75, 0.5), (2.0, 0.25, 0.0)), "eta_absorb").value == 0.5
    assert efficiency(ledgers(tmp_path / "b", (2.0, 0.5, 0.5), (2.0, 0.49, 0.0)), "eta_absorb") is None


def test_the_range_is_that_of_runs_that_have_a_share(tmp_path: Path) -> None:
    cell = ledgers(tmp_path, (2.0, 2.0, 1.0), (2.0, 0.0, 1.0), (2.0, 4.0, 1.0))
    found = efficiency(cell, "eta_absorb")
    assert (found.value, found.interval, found.num_runs) == (0.5, Interval(0.25, 0.5, is_range=True), 3)


def test_the_height_after_so_many_episodes_is_the_last_that_was_measured_by_then() -> None:
    run = knowing(0, 1, 3)  # at 0, 4 and 8
    assert [height_at(run, "bits_known", at) for at in (0, 3.9, 4, 7, 8, 99)] == [0, 0, 1, 1, 3, 3]


def test_bits_are_those_at_the_time_and_where_it_never_came_those_at_the_end() -> None:
    assert bits_and_episodes(knowing(0, 2, 3.7, 3.2)) == (3.7, 8)
    assert bits_and_episodes(knowing(0, 2, 1.5)) == (1.5, 8)
    assert bits_and_episodes(run_of()) is None
    found = bits_per_episode(cell_of(knowing(0, 2, 3.7, 3.2), run_of(), knowing(0, 2, 1.5, secret=1)))
    assert (found.value, found.interval, found.num_runs) == (5.2 / 16, Interval(1.5 / 8, 3.7 / 8, is_range=True), 2)
    assert bits_per_episode(cell_of(run_of())) is None


def test_a_ratio_of_sums_needs_something_below_it() -> None:
    assert ratio_of_sums(np.array([1.0]), np.array([0.0])) is None
    found = ratio_of_sums(np.array([1.0, 2.0]), np.array([0.5, 0.0]))
    assert (found.value, found.interval, found.num_runs) == (6, None, 2)


def test_each_efficiency_is_the_share_of_its_own_two_parts() -> None:
    ends = {"ledger/offered_bits": 8.0, "ledger/received_bits": 4.0, "ledger/absorbed_bits": 3.0}
    cell = cell_of(run_of({name: ([0, 4], [9.0, value]) for name, value in ends.items()}))
    found = [efficiency(cell, name).value for name in ("eta_channel", "eta_absorb", "eta")]
    assert found == [4 / 8, 3 / 4, 3 / 8]
    assert efficiency(cell_of(run_of({"ledger/offered_bits": ([4], [8.0])})), "eta") is None


def test_work_is_a_mean_over_runs_that_counted_it_at_every_step() -> None:
    two, four = (run_of({"updates": ([4, 8], [count, count])}, step=2) for count in (1, 2))
    assert work(cell_of(two, four), "updates") == 3
    assert work(cell_of(two, run_of({"updates": ([4], [1.0])}, step=2)), "updates") is None
    assert work(cell_of(run_of({"updates": ([], [])}, step=0)), "updates") is None


def test_a_last_value_is_taken_of_runs_that_have_one() -> None:
    cell = cell_of(knowing(0, 5, 2), run_of(), knowing(0, 4, secret=1))
    found = median_last(cell, "bits_known")
    assert (found.value, found.num_runs, found.interval) == (3, 2, Interval(2, 4, is_range=True))
