from __future__ import annotations

from math import inf
from pathlib import Path

import pytest
from tests.made_studies import make_study, never

from straw.report.study import rates
from straw.report.study.cells import Cell, cells_of
from straw.report.study.load_runs import gathered
from straw.report.study.rates import DRAWS, GIVEN, HALF, OTHERS, SAME, rates_of, settled


def cell_of(folder: Path) -> Cell:
    (cell,) = cells_of(gathered([folder]).runs)
    return settled(cell)


def tried(folder: Path, rate: float, known: list[float], **options: object) -> None:
    make_study(folder, {16: known}, cap=400, name=f"lr-{rate}", learning_rate=rate, **options)


def test_the_trials_of_a_sweep_chose_on_other_secrets(tmp_path: Path) -> None:
    make_study(tmp_path, {16: [100, 120]}, learning_rate=1e-3, cap=400)
    tried(tmp_path / "tune", 1e-4, [300, 300], seed=100, secret_seed=100)
    tried(tmp_path / "tune", 1e-3, [90, 110], seed=100, secret_seed=100)
    cell = cell_of(tmp_path)
    assert (cell.how, cell.rate, len(cell.runs), len(cell.others)) == (OTHERS, 1e-3, 2, 4)
    found = rates_of(cell)
    assert [(one.rate, one.median.value) for one in found.tried] == [(1e-4, 300), (1e-3, 100)]
    assert found.is_at_edge
    assert found.near_best == (1e-3, 1e-3)


def test_trials_that_hid_what_is_judged_are_said_to_be_other_draws(tmp_path: Path) -> None:
    """Of sixteen secrets, seed 17 hides what seed 1 hides."""
    make_study(tmp_path, {16: [100, 120]}, learning_rate=1e-3, cap=400)
    tried(tmp_path / "tune", 1e-3, [90, 110], seed=100, secret_seed=17)
    tried(tmp_path / "tune", 1e-4, [300, 300], seed=100, secret_seed=17)
    assert (cell_of(tmp_path).how, rates_of(cell_of(tmp_path)).how) == (DRAWS, DRAWS)


def test_one_rate_was_given() -> None:
    assert GIVEN == "given"


def test_half_of_the_secrets_choose_and_the_other_half_is_judged(tmp_path: Path) -> None:
    """The rate that is best on the first two is not the best of all: nobody peeps."""
    tried(tmp_path, 1e-4, [50, 50, never, never])
    tried(tmp_path, 1e-3, [90, 90, 90, 90])
    cell = cell_of(tmp_path)
    assert (cell.how, cell.rate) == (HALF, 1e-4)
    assert [run.secret for run in cell.runs] == ["2", "3"]


def test_too_few_secrets_to_split_are_chosen_and_judged_on_the_same(tmp_path: Path) -> None:
    tried(tmp_path, 1e-4, [300, 300])
    tried(tmp_path, 1e-3, [90, 90])
    cell = cell_of(tmp_path)
    assert (cell.how, cell.rate, len(cell.runs)) == (SAME, 1e-3, 2)


def test_a_condition_with_one_rate_tells_nothing_about_rates(tmp_path: Path) -> None:
    make_study(tmp_path, {16: [100, 120]})
    cell = cell_of(tmp_path)
    assert cell.how == GIVEN
    assert rates_of(cell) is None


def test_rates_within_twice_the_best_are_near(tmp_path: Path) -> None:
    for rate, known in ((1e-4, 150), (3e-4, 100), (1e-3, 190), (3e-3, 390)):
        tried(tmp_path, rate, [known, known])
    found = rates_of(cell_of(tmp_path))
    assert found.near_best == (1e-4, 1e-3)
    assert not found.is_at_edge


def test_the_middle_of_what_a_rate_came_to_is_a_median(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = {"a": 8.0, "b": 1.0, "c": 4.0, "d": 2.0, "never": -inf}
    monkeypatch.setattr(rates, "end_of", ends.get)
    monkeypatch.setattr(rates, "times_of", lambda runs, name: None)
    monkeypatch.setattr(rates, "median_of", lambda times: None)
    assert rates.tried(1e-3, ["a", "b", "c", "d", "never"]).bits == 3
    assert rates.tried(1e-3, ["a", "b", "c"]).bits == 4
    assert rates.tried(1e-3, ["never"]).bits is None


def test_where_the_chosen_rate_was_never_judged_the_commonest_one_is(tmp_path: Path) -> None:
    for rate, known in ((2e-3, [100, 120, 110]), (5e-3, [150])):
        make_study(tmp_path, {16: known}, cap=400, name=f"judged-{rate}", learning_rate=rate)
    tried(tmp_path / "tune", 1e-4, [30, 30], seed=100, secret_seed=100)
    tried(tmp_path / "tune", 2e-3, [90, 110], seed=100, secret_seed=100)
    cell = cell_of(tmp_path)
    assert (cell.how, cell.rate, len(cell.runs)) == (OTHERS, 2e-3, 3)


def test_where_the_other_half_was_never_run_with_the_chosen_rate_it_is_judged_where_it_was_chosen(
    tmp_path: Path,
) -> None:
    tried(tmp_path, 1e-4, [50, 50])
    for secret in (2, 3):
        make_study(
            tmp_path, {16: [90]}, cap=400, name=f"other-{secret}", learning_rate=1e-3, seed=secret, secret_seed=secret
        )
    cell = cell_of(tmp_path)
    assert (cell.how, cell.rate) == (SAME, 1e-4)
    assert [run.secret for run in cell.runs] == ["0", "1"] and len(cell.others) == 2
