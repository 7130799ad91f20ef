from __future__ import annotations

import pytest

from straw.config import Memory
from straw.rewards.intrinsic.score_normaliser import EPS, Window
from straw.rewards.intrinsic.similarity import EQUAL
from straw.rewards.intrinsic.step import Rules


def test_scores_lie_between_the_smallest_and_the_largest_of_the_window() -> None:
    window = Window(size=4, eps=0)
    assert window.scaled([1.0, 3.0]) == [0, 1]
    assert window.scaled([2.0, 5.0]) == [0.25, 1]  # 1 3 2 5
    assert window.scaled([3.0]) == [1 / 3]  # 3 2 5 3: the 1 has left


def test_a_step_larger_than_the_window_is_measured_by_all_of_itself() -> None:
    window = Window(size=2, eps=0)
    assert window.scaled([0.0, 1.0, 4.0, 2.0]) == [0, 0.25, 1, 0.5]
    assert window.newest == [4, 2]


def test_equal_scores_are_worth_the_constant() -> None:
    assert Window(size=5).scaled([7.0, 7.0]) == [0.5, 0.5]
    assert Window(size=5, constant=0.0).scaled([7.0]) == [0]
    assert Window(size=5).scaled([]) == []


def test_eps_is_added_to_the_span() -> None:
    assert Window(size=5, eps=1.0).scaled([0.0, 1.0]) == [0, 0.5]


def test_scores_that_only_rounding_tells_apart_are_worth_the_same() -> None:
    for low in (0.0, 0.5, -1.3):
        assert Window(size=5).scaled([low, low + 1e-7]) == [0.5, 0.5]
        assert Window(size=5, eps=0.0).scaled([low, low + 0.9 * EQUAL]) == [0.5, 0.5]


def test_a_span_is_nothing_up_to_rounding_and_something_from_there_on() -> None:
    assert Window(size=5, eps=0.0).scaled([0.0, EQUAL]) == [0.5, 0.5]
    assert Window(size=5, eps=0.0).scaled([0.0, 1.2 * EQUAL]) == [0, 1]


def test_rules_of_which_nothing_is_said_are_those_of_a_page() -> None:
    rules, page = Rules(), Memory()
    assert rules.window == page.score_window == 100 and EPS == 1e-5
    assert (rules.constant_window, rules.per_outcome, rules.anneal_rate) == (0.5, False, 1.0)
    assert (rules.warmup_steps, rules.warmup_keys) == (0, 0) and rules.anneal(1000) == 1.0


def test_a_span_just_beyond_rounding_pays_little_and_one_between_texts_nearly_all() -> None:
    assert Window(size=5).scaled([0.0, 2e-6]) == pytest.approx([0, 1 / 6])  # 2 / (2 + 10)
    assert Window(size=5).scaled([0.0, 1e-3])[1] > 0.99


def test_the_smallest_score_is_worth_0_and_none_is_worth_more_than_1() -> None:
    assert Window(size=3).scaled([-2.0, 5.0, 0.0]) == pytest.approx([0, 1, 2 / 7], abs=1e-5)


def test_the_same_eps_stands_wherever_nobody_chose() -> None:
    assert Memory().score_eps == Rules().window_eps == Window(size=1).eps == EPS > 5 * EQUAL


def test_a_window_goes_on_from_its_newest_scores_and_only_with_them() -> None:
    first = Window(size=3, eps=0.0)
    first.scaled([0.0, 4.0, 1.0, 2.0])
    second, empty = Window(size=3, eps=0.0, newest=list(first.newest)), Window(size=3, eps=0.0)
    assert first.newest == [4, 1, 2]
    assert second.scaled([3.0]) == first.scaled([3.0]) == [1]  # 1 2 3: the 4 has left
    assert empty.scaled([3.0]) == [0.5]
