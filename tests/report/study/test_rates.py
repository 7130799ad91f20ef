from __future__ import annotations

from math import inf
from pathlib import Path

import pytest
from tests.made_studies import make_study, never
from tests.report.study.in_memory import cell_of as condition
from tests.report.study.in_memory import knowing, run_of

from straw.report.study import rates
from straw.report.study.cells import Cell, cells_of
from straw.report.study.load_runs import Seen, gathered
from straw.report.study.rates import DRAWS, GIVEN, HALF, OTHERS, SAME, Rates, Tried, best, how_trials, rates_of, settled
from straw.report.study.statistics.survival import Median


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


# --- in memory ------------------------------------------------------------------------------------


def after(episodes: int, rate: float, secret: int = 0, **options: object) -> Seen:
    """Nothing is known before, everything from there on; four bits."""
    return knowing(0, 0, 4, secret=secret, step=episodes // 2, learning_rate=rate, **options)


def median(value: float) -> Median:
    return Median(value=value, interval=None, happened=1, total=2, longest=900.0)


def tried_at(*rows: tuple[float, float | None]) -> Rates:
    made = [Tried(rate=rate, median=None if value is None else median(value), bits=None) for rate, value in rows]
    return Rates(label="", series="", N=16, tried=made, chosen=0.1, how=SAME, is_at_edge=False)


def test_near_the_best_is_up_to_twice_its_median_of_those_that_were_reached() -> None:
    assert tried_at((0.1, 200), (0.2, 100), (0.3, 201), (0.4, inf), (0.5, None)).near_best == (0.1, 0.2)
    assert tried_at((0.1, 0), (0.2, 2), (0.3, 3)).near_best == (0.1, 0.2)  # of no episodes at all: within two
    assert tried_at((0.1, inf), (0.2, None)).near_best is None


def test_four_secrets_are_split_and_of_five_the_first_two_choose() -> None:
    def settled_of(count: int) -> tuple[str, float, list[str], int]:
        """The first two secrets are faster with 0.1, all others with 0.2."""
        runs = [
            after(8 if (secret < 2) == (rate == 0.1) else 80, rate, secret)
            for secret in range(count)
            for rate in (0.1, 0.2)
        ]
        found = settled(condition(*runs))
        return found.how, found.rate, [run.secret for run in found.runs], len(found.others)

    assert settled_of(3)[:2] == (SAME, 0.1) and len(settled_of(3)[2]) == 3
    assert settled_of(4) == (HALF, 0.1, ["2", "3"], 6)
    assert settled_of(5) == (HALF, 0.1, ["2", "3", "4"], 7)


def test_runs_of_one_rate_were_given_it_or_had_trials() -> None:
    runs = [after(8, 0.1, secret) for secret in range(4)]
    assert settled(condition(*runs)).how == GIVEN
    found = settled(condition(*runs, others=[after(8, 0.2, 17)]))
    assert (found.how, found.rate) == (DRAWS, 0.1)  # 17 is 1 of sixteen


def test_secrets_are_the_same_where_they_are_equal_among_N_and_have_numbers() -> None:
    def how(judged: str, tried: str, **options: object) -> str:
        one, other = (run_of(N=16, secret_seed=seed) for seed in (judged, tried))
        return how_trials(condition(one, others=[other], **options))

    assert (how("3", "19"), how("3", "4"), how("a", "a")) == (DRAWS, OTHERS, OTHERS)
    no_bits = [run_of(ceiling=None, N=16, secret_seed=3)]
    assert how_trials(condition(*no_bits, others=no_bits)) == OTHERS


def test_trials_alone_are_compared_where_there_are_some_and_else_all_runs() -> None:
    judged, trials = [after(40, 0.2)], [after(8, 0.1, 100), after(16, 0.2, 100)]
    for how, told in ((OTHERS, [(0.1, 8), (0.2, 16)]), (DRAWS, [(0.1, 8), (0.2, 16)]), (SAME, [(0.1, 8), (0.2, 28)])):
        found = rates_of(condition(*judged, others=trials, how=how, label="mine", series="of mine"))
        assert found is not None and [(one.rate, one.median.value) for one in found.tried] == told
        assert (found.label, found.series, found.N, found.chosen, found.how) == ("mine", "of mine", 16, 0.2, how)
    assert rates_of(condition(*judged, others=trials[1:], how=OTHERS)) is None


def test_a_middle_of_three_rates_is_at_no_edge_and_the_ends_are() -> None:
    runs = [after(8, rate) for rate in (0.1, 0.2, 0.3)]
    edges = [rates_of(condition(run, others=runs, how=OTHERS)).is_at_edge for run in runs]
    assert edges == [True, False, True]


def test_the_best_rate_is_the_soonest_or_of_those_that_never_came_the_one_that_knew_most() -> None:
    assert best([after(80, 0.1), after(8, 0.2), after(16, 0.3)]) == 0.2
    assert best([knowing(0, 1, learning_rate=0.1), knowing(0, 2, learning_rate=0.2)]) == 0.2
    assert best([run_of(learning_rate=0.1), run_of(learning_rate=0.2)]) == 0.1  # nothing was measured: the first


def test_what_was_known_in_the_end_is_bits_or_accuracy() -> None:
    both = run_of({"bits_known": ([0, 4], [0, 3]), "accuracy": ([0, 4], [0, 0.5])})
    assert rates.end_of(both) == 3 and rates.end_of(run_of({"accuracy": ([0, 4], [0.1, 0.5])})) == 0.5
    assert rates.end_of(run_of()) == -inf
    assert rates.trial(after(8, 0.1)) == (0.1, 8, 4) and rates.trial(knowing(0, 1, learning_rate=0.2)) == (0.2, inf, 1)
