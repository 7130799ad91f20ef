"""Requests of a model come out in the order of their numbers, whatever the order they came in."""

from __future__ import annotations

import random

from straw.server.desk.line import FARTHEST, Line


def test_chunks_that_come_before_the_first_one_wait_for_it() -> None:
    line: Line[str] = Line(next=20)
    assert line.put(21, "b", 0) == [] and line.put(22, "c", 0) == []
    assert line.put(20, "a", 0) == ["a", "b", "c"] and line.next == 23 and line.is_idle


def test_a_refused_number_is_used() -> None:
    line: Line[str] = Line(next=18)
    assert line.use([18], 0) == [] and line.put(19, "next", 0) == ["next"]
    assert line.put(21, "later", 0) == [] and line.use([20], 0) == ["later"]


def test_any_order_gives_the_same_order() -> None:
    for seed in range(50):
        numbers = list(range(30))
        random.Random(seed).shuffle(numbers)
        line: Line[int] = Line()
        out = [job for number in numbers for job in (line.use([number], 0) if number % 7 == 3 else
                                                     line.put(number, number, 0))]  # fmt: skip
        assert out == [number for number in range(30) if number % 7 != 3] and line.next == 30


def test_a_gap_is_given_up_after_its_time_and_not_before() -> None:
    line: Line[str] = Line(next=1)
    line.put(2, "b", 100.0)
    line.put(4, "d", 200.0)
    assert line.give_up(399.0, 330.0) == []
    assert line.give_up(430.0, 330.0) == ["b", "d"] and line.next == 5
    assert line.put(5, "e", 431.0) == ["e"]


def test_the_clock_of_a_gap_starts_when_the_gap_does() -> None:
    line: Line[str] = Line(next=1)
    line.put(2, "b", 0.0)
    assert line.put(1, "a", 300.0) == ["a", "b"]
    line.put(4, "d", 310.0)
    assert line.give_up(400.0, 330.0) == []


def test_a_number_far_ahead_is_no_gap_but_a_mistake() -> None:
    assert Line(next=1).is_too_far(FARTHEST + 2) and not Line(next=1).is_too_far(FARTHEST)
