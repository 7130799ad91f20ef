"""Costs are found again in work that was timed, and no cost is ever less than nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from straw.planning.measuring.fit import NAMES, Timed, fitted, nonnegative


def timed(costs: tuple[float, ...], noise: float = 0.0, seed: int = 0) -> list[Timed]:
    rng, found = np.random.default_rng(seed), []
    for prompts, longest, rows in [(1, 8, 16), (1, 24, 16), (4, 8, 16), (16, 24, 64), (16, 8, 64), (2, 24, 48)]:
        seconds = costs[0] + costs[1] * prompts + costs[2] * longest + costs[3] * rows * longest
        found.append(Timed(prompts, longest, rows * longest, seconds * (1 + noise * rng.standard_normal())))
    return found


def test_costs_are_found_again() -> None:
    costs = (0.01, 0.002, 0.001, 1e-5)
    assert list(fitted(timed(costs)).values()) == pytest.approx(costs)
    assert tuple(fitted(timed(costs))) == NAMES


def test_a_cost_that_noise_would_make_negative_is_nothing() -> None:
    for seed in range(20):
        assert min(fitted(timed((0.0, 0.002, 0.001, 0.0), noise=0.1, seed=seed)).values()) >= 0.0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_nothing_that_is_nowhere_negative_comes_nearer(seed: int) -> None:
    """Against scipy's own, where it is installed."""
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(seed)
    matrix, wanted = rng.standard_normal((8, 4)), rng.standard_normal(8)
    found, (theirs, least) = nonnegative(matrix, wanted), optimize.nnls(matrix, wanted)
    assert np.linalg.norm(matrix @ found - wanted) == pytest.approx(least, abs=1e-6)
    assert found == pytest.approx(theirs, abs=1e-6)
