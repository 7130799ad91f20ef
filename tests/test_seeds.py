from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.seeds import seed_for, uniform_for

PARTS = st.lists(st.one_of(st.integers(), st.text(max_size=5)), max_size=5)


@given(PARTS, PARTS)
def test_equal_arguments_share_a_seed_and_others_do_not(one: Any, other: Any) -> None:
    assert (seed_for(*one) == seed_for(*other)) == (one == other)


@pytest.mark.parametrize(
    "other",
    [(1, "sample", 2, 3), (0, "channel", 2, 3), (0, "sample", 3, 2), (0, "sample", 23), (0, "sample", 2, "3"), ()],
)
def test_any_change_of_the_arguments_changes_the_seed(other: Any) -> None:
    assert seed_for(*other) != seed_for(0, "sample", 2, 3)


def test_published_runs_can_be_drawn_again() -> None:
    """A change of these numbers would silently change every run that was ever made."""
    assert seed_for(0, "sample", 1, 0, 0, 0) == 16414115165773214180
    assert uniform_for(0, "channel", 1, 0, 0) == 0.8912468536666242


@given(PARTS)
def test_seeds_fill_64_bits_and_uniforms_stay_below_one(what: Any) -> None:
    assert 0 <= seed_for(*what) < 2**64
    assert 0 <= uniform_for(*what) < 1
    assert uniform_for(*what) == (seed_for(*what) >> 11) / 2**53


def test_uniforms_have_the_mean_and_the_spread_of_a_fair_draw() -> None:
    draws = [uniform_for("draw", index) for index in range(4000)]
    mean = sum(draws) / len(draws)
    assert abs(mean - 1 / 2) < 0.02  # four standard errors
    assert abs(sum((one - mean) ** 2 for one in draws) / len(draws) - 1 / 12) < 0.006
