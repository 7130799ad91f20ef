"""Environments in the form of TRL's documentation, in words of our own, and a sampler that says what it is told."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from straw.engines.base import Conversation, Reply, Sampler, SamplingParams
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat

Tokens = tuple[int, ...]


class Counter:
    """The least there is: a tool with a state, and the reward kept for a function."""

    def reset(self, **kwargs: Any) -> str | None:
        self.count = 0
        self.row = kwargs
        return None

    def increment(self, step: int) -> int:
        """
        Increments the counter.

        Args:
            step: By how much.

        Returns:
            The count afterwards.
        """
        self.count += step
        return self.count


class Echo:
    """Returns what it is told; the reward is an attribute that a function reads."""

    def __init__(self) -> None:
        self.reward = 0.0

    def reset(self, **kwargs: Any) -> str | None:
        self.reward = 0.0
        return None

    async def echo(self, message: str) -> str:
        """
        Echoes the message.

        Args:
            message: What to echo.

        Returns:
            The same.
        """
        await asyncio.sleep(0)
        self.reward = float(len(message))
        return message


class Words:
    """A game that says what is asked, ends by raising, and owns its reward."""

    words = ("crane", "slate")

    def reset(self, **kwargs: Any) -> str:
        self.target = random.choice(self.words)
        self.is_over = False
        self.won = False
        return "Guess a word of five letters."

    def guess(self, word: str) -> str:
        """
        Guess the word.

        Args:
            word: A word of five letters.

        Returns:
            Which letters are right.
        """
        if self.is_over:
            raise ValueError("Game over.")
        self.won = self.is_over = word == self.target
        return "".join("G" if a == b else "X" for a, b in zip(word, self.target, strict=False))

    def get_reward(self) -> float:
        return 1.0 if self.won else 0.0

    def _helper(self) -> None:
        """No tool: it begins with an underscore."""

    @property
    def costly(self) -> str:
        raise AssertionError("nobody may evaluate a property to find tools")


class ByTurn(Words):
    """Pays by turn, and says when it is over: attributes, which TRL does not take for tools."""

    turn_reward = 0.0
    solved = done = False

    def reset(self, **kwargs: Any) -> str:
        self.solved = self.done = False
        return super().reset(**kwargs)

    def guess(self, word: str) -> str:
        """
        Guess the word.

        Args:
            word: A word of five letters.
        """
        said = super().guess(word)
        self.turn_reward = said.count("G") / 5
        self.solved = self.done = self.won
        return said


class Clock(Counter):
    """One that never repeats itself."""

    def increment(self, step: int) -> int:
        """
        Tells the time.

        Args:
            step: Nothing.
        """
        return time.perf_counter_ns()

    def get_reward(self) -> float:
        return 1.0


class Broken(Words):
    """Fails as it is told by the row."""

    def reset(self, how: str = "", **kwargs: Any) -> Any:
        self.how = how
        if how == "reset":
            raise RuntimeError("no board")
        if how == "list":
            return ["an image"]
        if how == "hangs in reset":
            time.sleep(5)
        return super().reset(**kwargs)

    def guess(self, word: str) -> str:
        """
        Guess the word.

        Args:
            word: A word of five letters.
        """
        if self.how == "tool":
            raise RuntimeError("no such word")
        while self.how == "hangs":
            pass
        return super().guess(word) * (1_000 if self.how == "talks" else 1)

    def get_reward(self) -> Any:
        if self.how == "pays late":
            raise KeyError("score")
        return {"nan": float("nan"), "text": "a lot", "none": None}.get(self.how, super().get_reward())


def multiply(a: int, b: int) -> int:
    """
    Multiplies two integers.

    Args:
        a: The first integer.
        b: The second integer.

    Returns:
        The product of the two integers.
    """
    return a * b


def counted(environments: Sequence[Counter], **kwargs: Any) -> list[float]:
    return [float(environment.count) for environment in environments]


def rewarded(environments: Sequence[Echo], **kwargs: Any) -> list[float]:
    return [environment.reward for environment in environments]


Say = Callable[[int, int], str]  # (row, turn) -> a reply; one that ends in ... is cut


class Scripted(Sampler):
    """Says what `say` tells, token by token as its chat has it."""

    policy_version = 3

    def __init__(self, say: Say, chat: Chat | None = None, room: int | None = None) -> None:
        self.say, self.chat, self.room = say, chat or Chat(character_tokenizer()), room
        self.read: list[list[Tokens]] = []  # of each conversation, what was appended

    def converse(self, prompt: Tokens, num_rows: int) -> ScriptedTalk:
        return ScriptedTalk(self, num_rows)

    def sample(self, *_: Any) -> Any:
        raise AssertionError("an episode is a conversation")


class ScriptedTalk(Conversation):
    def __init__(self, sampler: Scripted, num_rows: int) -> None:
        self.sampler, self.rows, self.turn = sampler, list(range(num_rows)), 0

    def generate(self, params: SamplingParams, seeds: Sequence[int]) -> list[Reply]:
        replies = [self.reply(row) for row in self.rows]
        self.turn += 1
        return replies

    def reply(self, row: int) -> Reply:
        text = self.sampler.say(row, self.turn)
        tokens = self.sampler.chat.encode_reply(text.removesuffix("..."))
        is_cut = text.endswith("...")
        tokens = tokens[:-1] if is_cut else tokens
        return Reply(tokens, tuple(-0.25 for _ in tokens), not is_cut)

    def append(self, tokens: Sequence[Tokens]) -> None:
        assert len(tokens) == len(self.rows)

    def keep(self, rows: Sequence[int]) -> bool:
        self.rows = [self.rows[row] for row in rows]
        return True
