from __future__ import annotations

from straw.rewards.window import Window


def test_scores_lie_between_the_smallest_and_the_largest_of_the_window():
    window = Window(size=4, eps=0)
    assert window.scaled([1.0, 3.0]) == [0, 1]
    assert window.scaled([2.0, 5.0]) == [0.25, 1]  # 1 3 2 5
    assert window.scaled([3.0]) == [1 / 3]  # 3 2 5 3: the 1 has left


def test_a_step_larger_than_the_window_is_measured_by_all_of_itself():
    window = Window(size=2, eps=0)
    assert window.scaled([0.0, 1.0, 4.0, 2.0]) == [0, 0.25, 1, 0.5]
    assert window.newest == [4, 2]


def test_equal_scores_are_worth_the_constant():
    assert Window(size=5).scaled([7.0, 7.0]) == [0.5, 0.5]
    assert Window(size=5, constant=0.0).scaled([7.0]) == [0]
    assert Window(size=5).scaled([]) == []


def test_eps_is_added_to_the_span():
    assert Window(size=5, eps=1.0).scaled([0.0, 1.0]) == [0, 0.5]
