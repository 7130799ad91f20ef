from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from straw.report.study.resample import interval_from, interval_of, weights_of


def runs_of(*pairs: tuple[int, int]) -> list[SimpleNamespace]:
    return [SimpleNamespace(secret=str(secret), seed=str(seed)) for secret, seed in pairs]


def test_secrets_with_a_seed_each_are_drawn_as_runs():
    weights = weights_of(runs_of((0, 0), (1, 1), (2, 2)))
    assert set(weights.sum(axis=1)) == {3}
    assert np.abs(weights.mean(axis=0) - 1).max() < 0.1


def test_seeds_of_one_secret_are_drawn_as_runs():
    assert set(weights_of(runs_of((0, 0), (0, 1), (0, 2))).sum(axis=1)) == {3}


def test_runs_of_one_secret_come_and_go_together():
    weights = weights_of(runs_of((0, 0), (0, 1), (1, 2), (1, 3)))
    assert np.array_equal(weights[:, 0], weights[:, 1])


def test_crossed_secrets_and_seeds_are_both_drawn():
    """A run counts as often as its secret times as its seed, so the sum over a full grid is 2 times 2."""
    weights = weights_of(runs_of((0, 0), (0, 1), (1, 0), (1, 1)))
    assert set(weights.sum(axis=1)) == {4}
    assert weights.max() == 4


def test_the_interval_of_a_mean_is_as_wide_as_its_theory_says():
    """The standard error of the mean of n normal numbers is 1 / sqrt n: 1.96 of it to each side."""
    values = np.random.default_rng(0).normal(size=400)
    found = interval_from(runs_of(*((i, i) for i in range(400))), lambda w: w @ values / w.sum(axis=1))
    assert np.isclose(found.high - found.low, 2 * 1.96 / 20, rtol=0.12)


def test_two_secrets_have_no_interval():
    assert interval_from(runs_of((0, 0), (1, 1)), lambda weights: weights.sum(axis=1)) is None


def test_draws_without_an_answer_make_none():
    assert interval_of(np.full(10, np.nan)) is None
