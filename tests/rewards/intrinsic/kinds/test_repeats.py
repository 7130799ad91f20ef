from __future__ import annotations

import torch

from straw.rewards.intrinsic.base import Trace
from straw.rewards.intrinsic.kinds.repeats import Repeats
from straw.rewards.intrinsic.step import Intrinsic, Rules


def trace(text: str, *, is_right: bool = False, key: str = "00") -> Trace:
    return Trace(key=key, question=torch.zeros(0), text=text, vectors=torch.zeros(1, 0), is_right=is_right)


def scores(judge: Repeats, *traces: Trace) -> list[float | None]:
    return judge.raw(traces)["repeat"]


def test_a_wrong_reply_is_blamed_from_the_second_time_on() -> None:
    judge = Repeats(10)
    told = trace("41"), trace("41"), trace("17")
    assert scores(judge, *told) == [0, 0, 0]  # beside each other they are no repeats
    judge.write(told)
    assert scores(judge, trace("41"), trace("17"), trace("18")) == [-1, -1, 0]


def test_it_was_wrong_at_that_question_alone_and_what_is_right_is_never_blamed() -> None:
    judge = Repeats(10)
    judge.write([trace("41"), trace("17", is_right=True)])
    assert scores(judge, trace("41", key="01"), trace("41", is_right=True), trace("17")) == [0, 0, 0]


def test_the_oldest_failure_is_forgotten_and_one_that_came_again_is_new() -> None:
    judge = Repeats(2)
    for text in ("1", "2", "1", "3"):
        judge.write([trace(text)])
    assert scores(judge, trace("1"), trace("2"), trace("3")) == [-1, 0, -1]
    assert judge.counts() == {"memory/values": 2}


def test_what_was_kept_and_read_blames_on_in_the_same_order() -> None:
    one, other = Repeats(2), Repeats(2)
    assert one.arrays()["failed"].shape == (0, 16)
    one.write([trace("1"), trace("2")])
    other.load(one.arrays())
    for judge in (one, other):
        judge.write([trace("3")])
    told = [trace("1"), trace("2"), trace("3")]
    assert scores(one, *told) == scores(other, *told) == [0, -1, -1]


def test_no_window_scales_it() -> None:
    intrinsic = Intrinsic(Repeats(10), Rules())
    assert intrinsic.score([trace("1"), trace("2")], 1) == {"repeat": [0, 0]}
    assert intrinsic.score([trace("1"), trace("1")], 2) == {"repeat": [-1, -1]}
