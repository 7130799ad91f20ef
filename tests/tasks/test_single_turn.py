from __future__ import annotations

from dataclasses import dataclass

import pytest

from straw.tasks.base import Enumerable, HeldOut
from straw.tasks.digits import ReverseDigits
from straw.tasks.secret.numbers import Hidden
from straw.tasks.secret.single_step import Secret
from straw.tasks.single_turn import Drawn
from straw.types import Message, Problem


@dataclass(frozen=True, slots=True)
class Spelled(Drawn):
    offset: int = 0

    def made(self, split: str, index: int) -> Problem:
        return Problem(key=f"{split} {self.offset + index}", messages=(Message("user", "?"),), reference=("!",))


def test_a_split_is_all_that_tells_held_out_problems_from_others() -> None:
    assert Spelled(offset=2).problem(1).key == "train 3"
    assert Spelled(offset=2).held_out(1).key == "held out 3"


def test_the_conversation_is_over_after_one_reply() -> None:
    task = Spelled()
    assert task.max_turns == 1 and task.next_message(task.problem(0), ["!"]) is None


def test_a_drawn_task_can_hold_problems_out_and_a_secret_cannot() -> None:
    assert isinstance(ReverseDigits(), HeldOut)
    assert isinstance(secret := Secret(Hidden(N=4)), Enumerable) and not isinstance(secret, HeldOut)


def test_a_task_with_slots_has_no_others() -> None:
    with pytest.raises(AttributeError):
        object.__setattr__(Spelled(), "anything", 1)


def test_a_task_that_makes_no_problems_is_none() -> None:
    with pytest.raises(TypeError, match="made"):
        type("Empty", (Drawn,), {})()
