"""One episode in an environment, in texts: it is opened, answers calls, and says what it paid.

    episode.open()                 -> the messages that the model reads first
    episode.answer(read)           -> what the tools gave, as messages; None: the conversation is over
    episode.close()                -> a Play: every call, what it paid, and why it failed, if it did

A tool that raises is an answer for the model, as in TRL: {'error': '...'}. An environment that raises in `reset` or
`get_reward`, pays what is no number, or does not come back in time has failed: that is a fact with its reason, counted
and never paid, and the run goes on.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from straw.tasks.environments.calling import CALL, Hung
from straw.tasks.environments.contract import Contract, is_finite, said_of, shown, text_said, truth_of
from straw.tasks.environments.luck import Luck
from straw.text.shown.visible import encodable
from straw.text.tools.calls import Call, Malformed, Read
from straw.types import Message, Play, ToolCall

Results = list[dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an episode may take."""

    turns: int
    seconds: float  # of the environment's own time
    result: int  # characters of what one call gives
    tokens: int | None = None  # of the whole conversation
    stops_when_done: bool = False


class Failed(Exception):
    """The environment, not the model: with its reason."""


@dataclass(slots=True)
class Episode:
    """`instance` is the environment, None where tools keep no state."""

    contract: Contract
    instance: Any
    asked: tuple[Message, ...]
    row: Mapping[str, Any]
    limits: Limits
    luck: Luck
    calls: list[ToolCall] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    turn_rewards: list[float] = field(default_factory=list)
    reason: str = ""
    seconds: float = 0.0

    def begin(self) -> None:
        """What can be sent ahead for all episodes at once is sent here, before any is waited for: nothing is."""

    def submit(self, read: Read) -> None:
        """The same before `answer`."""

    def finish(self) -> None:
        """The same before `close`."""

    def open(self) -> tuple[Message, ...] | None:
        """The first messages; None where it failed."""
        try:
            said = self.reset()
        except Failed as failure:
            self.reason = str(failure)
            return None
        *before, last = self.asked
        return (*before, *self.contract.examples, Message(last.role, last.content + (said or "")))

    def reset(self) -> str | None:
        if self.instance is None:
            return None
        row = deepcopy(dict(self.row))  # its own: it may write into the lists of its row, which others begin with too
        if self.contract.wants_seed:
            row.setdefault("seed", self.luck.seed)
        said = self.run("reset", lambda: self.instance.reset(**row))
        if said is not None and not isinstance(said, str):
            raise Failed(f"{self.contract.name}.reset gives a text or None, and gave {type(said).__name__}")
        if self.contract.pays_by_turn:
            self.put("turn_reward", 0.0)
        if self.contract.reads_replies:
            self.put("last_reply", "")
        return None if said is None else encodable(said, "utf-8")

    def answer(self, read: Read) -> Results | None:
        """What a turn brought; no call ends the conversation, as does a failure."""
        turn = len(self.heard)
        try:
            if self.contract.reads_replies:
                self.put("last_reply", read.content)
            found = [self.called(call, turn) for call in read.calls]
        except Failed as failure:
            self.reason = str(failure)
            self.heard.append("")
            return None
        self.calls += found
        self.heard.append("\n".join(one.result for one in found))
        if self.contract.pays_by_turn:
            self.take_turn_reward()
        if not found or self.reason or self.is_done():
            return None
        return [{"role": "tool", "name": one.name or "unknown", "content": one.result} for one in found]

    def put(self, name: str, value: object) -> None:
        self.touch(name, lambda: setattr(self.instance, name, value))

    def touch(self, name: str, function: Callable[[], Any]) -> Any:
        """Read or set an attribute, which may be a property and fail as a method does."""
        try:
            return function()
        except Exception as raised:
            raise Failed(f"{self.contract.name}.{name} raised {said_of(raised)}") from raised

    def is_done(self) -> bool:
        """Where the page asks for it; an attribute may be a property, which fails as a method does."""
        if not self.limits.stops_when_done:
            return False
        try:
            return self.run("done", lambda: truth_of(getattr(self.instance, "done", False))) is True
        except Failed as failure:
            self.reason = str(failure)
            return True

    def called(self, call: Call | Malformed, turn: int) -> ToolCall:
        if isinstance(call, Malformed):
            return self.noted(turn, call.name, {}, error(f"this is no call, {call.why}"), "malformed")
        tool = self.contract.tool_of(self.instance, call.name)
        if tool is None:
            return self.noted(turn, call.name, call.arguments, error(f"Tool {call.name} not found."), "unknown")
        given = deepcopy(dict(call.arguments))  # what a tool does to them is not what the model wrote
        try:
            result = self.run(call.name, lambda: written_out(tool(**given)), is_tool=True)
        except Failed:
            raise
        except Exception as raised:
            return self.noted(turn, call.name, call.arguments, error(text_said(raised)), "failed")
        return self.noted(turn, call.name, call.arguments, result, "answered")

    def noted(self, turn: int, name: str, arguments: Mapping[str, Any], result: str, status: str) -> ToolCall:
        text = shortened(encodable(result, "utf-8"), self.limits.result)
        return ToolCall(turn=turn, name=name, arguments=dict(arguments), result=text, status=status)

    def take_turn_reward(self) -> None:
        paid = 0.0
        try:
            paid = self.touch("turn_reward", lambda: getattr(self.instance, "turn_reward", 0.0))
            self.put("turn_reward", 0.0)
            if not is_finite(paid):
                raise Failed(f"{self.contract.name}.turn_reward is a finite number, and is {shown(paid)}")
        except Failed as failure:
            self.reason, paid = str(failure), 0.0
        self.turn_rewards.append(float(paid))

    def close(self) -> Play:
        """What it paid at the end goes to the last turn, where turns are paid."""
        reward = solved = None
        try:
            if not self.reason:
                reward = self.paid()
                solved = self.run("solved", lambda: truth_of(getattr(self.instance, "solved", None)))
        except Failed as failure:
            self.reason = str(failure)
        by_turn: tuple[float, ...] | None = None
        if self.reason:
            reward = None
        elif self.contract.pays_by_turn and self.turn_rewards:
            *before, last = self.turn_rewards
            by_turn = (*before, last + (reward or 0.0))
            reward = math.fsum(by_turn)
        return Play(
            environment=self.contract.name, calls=tuple(self.calls), heard=tuple(self.heard),
            tools=self.contract.tools, reward=reward, turn_rewards=by_turn,
            solved=solved, reason=self.reason, seconds=round(self.seconds, 4),
        )  # fmt: skip

    def paid(self) -> float | None:
        if not self.contract.pays:
            return None
        reward = self.run("get_reward", lambda: self.instance.get_reward())
        if reward is None:
            return None
        try:
            number = float(reward)
        except Exception:  # a class of somebody else raises what it likes
            number = math.nan
        if not math.isfinite(number):
            raise Failed(f"{self.contract.name}.get_reward gives a finite number or None, and gave {shown(reward)}")
        return number

    def run(self, name: str, function: Callable[[], Any], *, is_tool: bool = False) -> Any:
        """With its own luck and within its time; what a tool raises is for the model to read."""
        began = time.monotonic()
        try:
            with self.luck:
                return CALL(function, self.limits.seconds - self.seconds)
        except Hung:
            raise Failed(
                f"{self.contract.name}.{name} was ended: an episode has {self.limits.seconds:g} seconds for all that "
                "its environment does (env_seconds)"
            ) from None
        except Exception as raised:
            if is_tool:
                raise
            raise Failed(f"{self.contract.name}.{name} raised {said_of(raised)}") from raised
        finally:
            self.seconds += time.monotonic() - began


def error(text: str) -> str:
    """As TRL tells a model."""
    return str({"error": text})


def written_out(given: Any) -> str | Awaitable[str]:
    """The text of what a tool gave or will give: writing it out may run code of somebody else, and take its time."""

    async def later() -> str:
        return text_of(await given)

    return later() if inspect.isawaitable(given) else text_of(given)


def text_of(result: Any) -> str:
    """Of a list of content blocks their texts."""
    if isinstance(result, list) and result and all(isinstance(one, dict) and "text" in one for one in result):
        return "\n".join(str(one["text"]) for one in result)
    return str(result)


def shortened(text: str, most: int) -> str:
    """The first three quarters and the last, with what was left out counted between them."""
    if len(text) <= most:
        return text
    head, tail = most - most // 4, most // 4
    return f"{text[:head]}\n[{len(text) - head - tail:,} characters left out]\n{text[len(text) - tail :]}"
