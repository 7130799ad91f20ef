"""Processors shared as Linux shares them, with numbers that a person can do again."""

from __future__ import annotations

import pytest

from straw.planning.simulation.clock import Clock, Course, all_of
from straw.planning.simulation.processors import NICE, PLAIN, Others, Process, Processors, shared


def ends(cores: float, *work: tuple[float, float], crowding: float = 1.0, others: Others = ()) -> list[float]:
    """When pieces of work end that begin together: seconds and weight of each."""
    clock, found = Clock(), [0.0] * len(work)
    processors = Processors(clock, cores, crowding, others)

    def one(index: int, seconds: float, weight: float) -> Course:
        yield processors.use(seconds, weight)
        found[index] = clock.now

    signals = [clock.begin(one(index, *given)) for index, given in enumerate(work)]

    def over() -> Course:
        yield all_of(signals)
        clock.is_over = True

    clock.begin(over())
    clock.run()
    return found


def test_whoever_is_alone_has_a_whole_processor_and_no_more() -> None:
    assert ends(4, (3.0, PLAIN)) == [3.0]


def test_three_on_two_processors_have_two_thirds_each_until_the_first_ends() -> None:
    # 1 s at 2/3 ends at 1.5; the others, with 1 s left of 2, have a processor each from there on
    assert ends(2, (1.0, PLAIN), (2.0, PLAIN), (2.0, PLAIN)) == pytest.approx([1.5, 2.5, 2.5])


def test_a_trainer_has_its_processor_whoever_is_nice() -> None:
    assert shared(2, {PLAIN: 1, NICE: 4}) == {PLAIN: 1.0, NICE: 0.25}
    assert ends(2, (1.0, PLAIN), (0.5, NICE), (0.5, NICE)) == pytest.approx([1.0, 1.0, 1.0])


def test_on_one_processor_weights_are_shares() -> None:
    found = shared(1, {PLAIN: 1, NICE: 1})
    assert found[PLAIN] / found[NICE] == pytest.approx(PLAIN / NICE)
    assert sum(found.values()) == pytest.approx(1.0)


def test_work_takes_longer_where_every_processor_is_busy() -> None:
    assert ends(2, (1.0, PLAIN), crowding=1.5) == [1.0]
    assert ends(2, (1.0, PLAIN), (1.0, PLAIN), crowding=1.5) == pytest.approx([1.5, 1.5])


def test_processes_of_others_take_their_share() -> None:
    assert ends(2, (1.0, PLAIN), others=({PLAIN: 3.0},)) == pytest.approx([2.0])
    # there for two tenths of a second, gone for two: half a processor, then a whole one
    assert ends(1, (0.45, PLAIN), others=({PLAIN: 1.0}, {})) == pytest.approx([0.2 + 0.2 + 0.2 + 0.05])


def test_processor_time_is_counted_while_it_is_used() -> None:
    clock = Clock()
    processors = Processors(clock, 2, crowding=1.25)
    for _ in range(3):
        processors.use(1.0)
    clock.run()
    assert clock.now == pytest.approx(3 * 1.25 / 2)
    assert processors.used == pytest.approx(3 * 1.25)


def test_a_process_does_one_thing_at_a_time() -> None:
    clock = Clock()
    process = Process(Processors(clock, 4))
    first, second = process.do(1.0), process.do(2.0)
    clock.run()
    assert first.is_given and second.is_given
    assert (clock.now, process.busy_s) == (3.0, 3.0)


def test_work_that_takes_no_time_is_done_at_once() -> None:
    assert Processors(Clock(), 1).use(0.0).is_given
    assert all_of([]).is_given
