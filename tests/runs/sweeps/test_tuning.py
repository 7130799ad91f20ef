from __future__ import annotations

from math import inf
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from straw.runs.sweeps.tuning import NEVER, Trial, best_rate, is_at_edge, rows_of


def chosen(*trials: tuple[float, float, float]) -> float | None:
    return best_rate(rows_of(Trial(*trial) for trial in trials))


def test_the_smallest_median_of_episodes_is_chosen() -> None:
    few = [(1e-3, 100.0, 9.0), (1e-3, 900.0, 9.0), (1e-3, 200.0, 9.0)]  # median 200
    many = [(1e-4, 300.0, 9.9), (1e-4, 300.0, 9.9), (1e-4, 10.0, 9.9)]  # median 300
    assert chosen(*many, *few) == 1e-3


def test_a_run_that_never_got_there_counts_as_worse_than_any_that_did() -> None:
    assert chosen((1.0, 10.0, 9.0), (1.0, NEVER, 3.0), (1.0, NEVER, 3.0), (2.0, 5000.0, 9.0)) == 2.0


def test_of_rates_that_never_got_there_the_one_that_knows_more_is_chosen() -> None:
    assert chosen((1.0, NEVER, 3.0), (2.0, NEVER, 4.0), (3.0, NEVER, -inf)) == 2.0


def test_of_equals_the_first_is_chosen() -> None:
    assert chosen((2.0, 100.0, 9.0), (1.0, 100.0, 9.0)) == 2.0


def test_nothing_is_chosen_where_every_run_failed() -> None:
    assert chosen((1.0, NEVER, -inf), (2.0, NEVER, -inf)) is None


def test_the_smallest_and_the_largest_rate_are_the_edge() -> None:
    rows = rows_of(Trial(rate, 100.0, 9.0) for rate in (2.0, 1.0, 3.0))
    assert [is_at_edge(rows, rate) for rate in (1.0, 2.0, 3.0)] == [True, False, True]
    assert not is_at_edge(rows[:1], 2.0), "of one there was no choice"


def test_a_row_counts_who_got_there() -> None:
    (row,) = rows_of([Trial(1.0, 100.0, 9.0), Trial(1.0, NEVER, 5.0), Trial(1.0, 300.0, 8.0)])
    assert (row.episodes, row.bits, row.num_reached, row.num_trials) == (300.0, 8.0, 2, 3)


@given(st.lists(st.tuples(st.sampled_from([1.0, 2.0, 3.0]), st.floats(0, 100), st.floats(-5, 5)), min_size=1))
def test_no_other_rate_has_a_smaller_median_than_the_chosen_one(trials: Any) -> None:
    rows = rows_of(Trial(*trial) for trial in trials)
    (best,) = [row for row in rows if row.rate == best_rate(rows)]
    assert all((best.episodes, -best.bits) <= (row.episodes, -row.bits) for row in rows)
