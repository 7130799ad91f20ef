"""A share of tests in levels, rounded down."""

from __future__ import annotations

import pytest

from straw.config import Reward
from straw.rewards.channel import Game
from straw.rewards.tests_passed import TestsPassed
from straw.types import Grade


def paid(share: float, bins: int = 5) -> float:
    return TestsPassed(bins)(Grade(hits=(False,), well_formed=True, form={"tests": share}), 0.0).total


@pytest.mark.parametrize(
    ("share", "pay"), [(0.0, 0.0), (0.24, 0.0), (0.25, 0.25), (0.4, 0.25), (0.75, 0.75), (0.99, 0.75), (1.0, 1.0)]
)
def test_a_share_is_rounded_down_to_a_level(share: float, pay: float) -> None:
    assert paid(share) == pay


def test_a_share_may_be_short_of_a_level_by_rounding_and_by_no_more() -> None:
    assert paid(0.1 + 0.2, bins=11) == paid(0.3, bins=11) == 0.3
    assert paid(0.75 - 2e-10) == 0.75 and paid(0.75 - 3e-10) == 0.5  # a billionth of a step


def test_of_a_task_that_runs_no_programs_it_is_the_share_of_hits() -> None:
    channel = TestsPassed(5)
    hits = Grade(hits=(True, False, True, True), well_formed=True)
    assert channel(hits, 0.0).total == 0.75 and channel(Grade(hits=(True,), well_formed=True), 0.0).total == 1.0


def test_with_two_levels_only_all_of_them_count() -> None:
    assert [paid(share, bins=2) for share in (0.0, 0.9, 1.0)] == [0.0, 0.0, 1.0]


def test_there_are_as_many_levels_as_bins_and_eight_where_nobody_chose() -> None:
    assert TestsPassed.from_options(Reward(reward_bins=5), Game()) == TestsPassed(5) and TestsPassed(5).levels == 5
    assert TestsPassed().levels == 8
