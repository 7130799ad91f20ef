"""Classes that exit, give what cannot be written, write into what they are given, or have properties and numbers of
other kinds: a run goes on."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import numpy as np
import pytest

from straw.errors import ConfigError
from straw.tasks.environments.contract import contract_of, truth_of
from straw.tasks.environments.episode import Episode, Limits
from straw.tasks.environments.luck import Luck
from straw.text.tools.calls import Call, Read
from straw.types import Message, Play

LIMITS = Limits(turns=4, seconds=5.0, result=200)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Hidden:
    def __repr__(self) -> str:
        raise RuntimeError("no words")

    __str__ = __repr__


class Odd:
    """Does what the row says, in its tool and in `get_reward`."""

    def reset(self, does: str = "", pays: Any = 1.0, says: str = "Go.") -> str:
        self.does, self.pays = does, pays
        return says

    def act(self) -> Any:
        """Acts."""
        raised = {"exit": SystemExit(3), "cancel": asyncio.CancelledError(), "unspeakable": Unspeakable()}
        if self.does in raised:
            raise raised[self.does]
        while self.does == "slow":
            pass
        return {"half": "a\ud800b", "hidden": Hidden()}.get(self.does, "acted")

    def get_reward(self) -> Any:
        return sys.exit(1) if self.does == "exit at the end" else self.pays


def begun(kind: Any = Odd, limits: Limits = LIMITS, **row: Any) -> Episode:
    return Episode(contract_of("it", kind), kind(), (Message("user", ""),), row, limits, Luck(7))


def played(episode: Episode) -> Play:
    assert episode.open() is not None
    episode.answer(Read("", (Call("act"),)))
    return episode.close()


@pytest.mark.parametrize(
    ("does", "status", "result"),
    [
        ("exit", "failed", "{'error': 'SystemExit: 3'}"),
        ("cancel", "failed", "{'error': 'CancelledError'}"),
        ("unspeakable", "failed", "{'error': 'Unspeakable'}"),
        ("hidden", "failed", "{'error': 'no words'}"),
        ("half", "answered", "a\\ud800b"),
    ],
)
def test_a_tool_that_exits_or_gives_what_no_tokenizer_takes_is_told_to_the_model(
    does: str, status: str, result: str
) -> None:
    play = played(begun(does=does))
    assert [(one.status, one.result) for one in play.calls] == [(status, result)]
    assert (play.reward, play.reason) == (1.0, "")


def test_an_environment_that_exits_at_its_end_has_failed_and_ends_nothing_else() -> None:
    play = played(begun(does="exit at the end"))
    assert (play.reward, play.reason) == (None, "Odd.get_reward raised SystemExit: 1")


def test_a_reward_that_cannot_even_be_shown_has_failed_with_its_kind() -> None:
    assert played(begun(pays=Hidden())).reason.endswith("gave a Hidden")


def test_half_of_a_character_that_reset_says_is_spelled_out_for_no_tokenizer_takes_it() -> None:
    assert begun(says="x\udc80").open() == (Message("user", "x\\udc80"),)


def test_writing_out_what_a_tool_gave_takes_of_the_environments_time() -> None:
    class Endless(Odd):
        def act(self) -> Any:
            """Acts."""

            class Text:
                def __str__(self) -> str:
                    while True:
                        pass

            return Text()

    play = played(begun(Endless, limits=Limits(turns=4, seconds=0.3, result=200)))
    assert play.reason.startswith("Endless.act was ended")


def test_a_class_that_exits_while_it_is_made_is_one_line() -> None:
    with pytest.raises(ConfigError, match="SystemExit: 2"):
        contract_of("it", lambda: sys.exit(2))


def test_properties_that_raise_before_the_first_reset_are_not_there_yet() -> None:
    class Late(Odd):
        def reset(self, does: str = "", pays: Any = 1.0, says: str = "Go.") -> str:
            self.board = 1
            return super().reset(does, pays, says)

        @property
        def solved(self) -> bool:
            if not hasattr(self, "board"):
                raise RuntimeError("reset it first")
            return True

    contract = contract_of("it", Late)
    assert not contract.knows_success
    assert played(begun(Late)).solved is True


def test_properties_that_cannot_be_set_are_the_class_own_affair() -> None:
    class Own(Odd):
        @property
        def turn_reward(self) -> float:
            return 1.0

        @property
        def last_reply(self) -> str:
            return "mine"

    contract = contract_of("it", Own)
    assert (contract.pays_by_turn, contract.reads_replies) == (False, False)
    assert played(begun(Own)).reward == 1.0


def test_numbers_and_truths_of_numpy_are_numbers_and_truths() -> None:
    class Numpy(Odd):
        turn_reward: Any = np.float32(0.0)
        solved: Any = np.bool_(False)
        done: Any = False

        def act(self) -> str:
            """Acts."""
            self.turn_reward, self.solved, self.done = np.float32(0.5), np.bool_(True), np.bool_(True)
            return "acted"

    contract = contract_of("it", Numpy)
    assert contract.pays_by_turn and contract.knows_success
    episode = begun(Numpy, limits=Limits(turns=4, seconds=5.0, result=200, stops_when_done=True))
    episode.open()
    assert episode.answer(Read("", (Call("act"),))) is None
    play = episode.close()
    assert (play.turn_rewards, play.solved, play.reason) == ((1.5,), True, "")
    assert [truth_of(one) for one in (True, np.bool_(False), 1, None, "yes")] == [True, False, None, None, None]


@pytest.mark.parametrize(("name", "does"), [("turn_reward", "get"), ("turn_reward", "set"), ("last_reply", "set")])
def test_an_attribute_that_cannot_be_read_or_set_in_the_middle_has_failed(name: str, does: str) -> None:
    class Late(Odd):
        fails = ""

        def act(self) -> str:
            """Acts."""
            self.fails = does
            return "acted"

    def read(self: Any) -> Any:
        if self.fails == "get":
            raise ValueError("too late")
        return 0.0 if name == "turn_reward" else ""

    def write(self: Any, value: object) -> None:
        if self.fails == "set":
            raise ValueError("too late")

    setattr(Late, name, property(read, write))
    episode = begun(Late)
    episode.open()
    for _ in range(2):
        answer = episode.answer(Read("", (Call("act"),)))
    assert answer is None
    assert episode.close().reason == f"Late.{name} raised ValueError: too late"


def test_an_attribute_that_cannot_be_set_at_the_beginning_has_failed() -> None:
    class Sealed:
        __slots__ = ()
        turn_reward = 0.0

        def reset(self, **row: object) -> None: ...

    episode = begun(Sealed)
    assert episode.open() is None
    assert episode.reason.startswith("Sealed.turn_reward raised AttributeError")


def test_what_an_environment_does_to_its_row_no_other_episode_finds_there() -> None:
    class Board:
        def reset(self, **row: Any) -> str:
            row["board"].append(1)
            row["prompt"][0]["content"] += "!"
            return str(row["board"])

    row: dict[str, Any] = {"board": [], "prompt": [{"role": "user", "content": "Go"}]}
    assert [begun(Board, **row).open() for _ in range(2)] == [(Message("user", "[1]"),)] * 2
    assert row == {"board": [], "prompt": [{"role": "user", "content": "Go"}]}


def test_a_call_is_written_down_as_the_model_made_it_whatever_the_tool_does_to_its_arguments() -> None:
    class Taker(Odd):
        def take(self, items: list[Any]) -> str:
            """Takes.

            Args:
                items: What is there.
            """
            items.append(self)
            return str(items.pop(0))

    episode = begun(Taker)
    episode.open()
    episode.answer(Read("", (Call("take", {"items": [1, 2]}),)))
    assert [(one.arguments, one.result) for one in episode.calls] == [({"items": [1, 2]}, "1")]
