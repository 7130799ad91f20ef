"""The paper's two scores out of two stores, on vectors of three numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from straw.rewards.intrinsic.base import Trace
from straw.rewards.intrinsic.episodic import Episodic
from straw.rewards.intrinsic.memory_store import MemoryStore

X, Y, Z = torch.eye(3)
ROOT = 2**0.5


def trace(question: int, vector: torch.Tensor, is_right: bool = False, text: str = "") -> Trace:
    return Trace(
        key=f"{question:032x}", question=torch.eye(3)[question], text=text or str(vector.tolist()),
        vectors=vector[None], is_right=is_right,
    )  # fmt: skip


def memory(explores: bool = True, **options: Any) -> Episodic:
    failure = MemoryStore(3, 3, 5) if explores else None
    return Episodic(MemoryStore(3, 3, 5), failure, **{"k": 1, "floor": None, **options})


def told(explores: bool = True, **options: Any) -> Episodic:
    """One success and two failures at question 0, one success at 1."""
    ours = memory(explores, **options)
    ours.write([trace(0, Y), trace(0, Z), trace(0, X, True), trace(1, Y, True)])
    return ours


def test_a_reply_is_near_the_successes_and_far_from_the_failures_of_its_own_question() -> None:
    found = told().raw([trace(0, X), trace(0, Y), trace(0, -Y)])
    assert found["exploit"] == pytest.approx([0, -ROOT, -ROOT])
    assert found["explore"] == pytest.approx([1, 0, 1])


def test_right_replies_are_stored_as_successes_and_wrong_ones_as_failures() -> None:
    ours = told()
    assert ours.failure is not None
    assert (ours.success.num_values, ours.failure.num_values) == (2, 2)
    assert ours.counts() == {"memory/keys": 3, "memory/values": 4}


def test_exploit_alone_keeps_no_failures() -> None:
    ours = told(explores=False)
    assert ours.names == ("exploit",) and ours.counts() == {"memory/keys": 2, "memory/values": 2}
    assert list(ours.raw([trace(0, X)])) == ["exploit"]
    assert [name for name in ours.arrays() if name.startswith("failure")] == []


def test_of_two_questions_each_gets_its_own_neighbours() -> None:
    found = told().raw([trace(0, X), trace(1, X), trace(2, Z)])
    assert found["exploit"] == pytest.approx([0, -ROOT, -ROOT])


def test_two_neighbours_share_a_centroid() -> None:
    (found,) = told(k=2).raw([trace(0, X)])["exploit"]
    assert found == pytest.approx(-(0.5**0.5))  # (1/2, 1/2, 0) - X


def test_where_no_question_is_near_enough_there_is_no_score() -> None:
    assert told(floor=0.5).raw([trace(2, Z)]) == {"exploit": [None], "explore": [None]}
    assert memory().raw([trace(0, X)]) == {"exploit": [None], "explore": [None]}


def test_equal_texts_are_measured_once() -> None:
    first, second = told().raw([trace(0, X, text="a"), trace(0, Y, text="a")])["exploit"]
    assert first == second


def read_from(kept: dict[str, torch.Tensor]) -> Episodic:
    other = memory(k=2)
    other.load(kept)
    return other


def test_what_was_kept_and_read_goes_on() -> None:
    one = told(k=2)
    other = read_from(dict(one.arrays()))
    for ours in (one, other):
        ours.write([trace(2, Z, True), trace(1, X)])
    asked = [trace(0, -Z), trace(1, Z), trace(2, X)]
    assert one.raw(asked) == other.raw(asked) and one.counts() == other.counts()


@pytest.mark.parametrize("store", ["success", "failure"])
def test_a_store_that_is_left_out_is_noticed(store: str) -> None:
    kept = {name: array for name, array in told().arrays().items() if not name.startswith(store)}
    with pytest.raises(KeyError):
        read_from(kept)
