"""One episode at an OpenEnv server: a reset, a step for every action, and the state at its end.

    begin(), submit(read), finish()       sent for all episodes of a batch before any of them is waited for
    open(), answer(read), close()         as every episode has them

A step that the server refuses (an action that does not fit, an environment that raised) is told to the model, as a tool
that raises is. A reset that it refuses, a server that dies or is late, and a reward that is no number end the episode:
it has failed, with the reason.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from straw.tasks.environments.contract import is_finite
from straw.tasks.environments.episode import Limits, Results, error, shortened
from straw.tasks.openenv.actions import Actions, text_of
from straw.tasks.openenv.sessions import Refused, Session
from straw.tasks.openenv.web_socket import SocketGone, in_thread
from straw.text.tools.calls import Call, Malformed, Read
from straw.types import Message, Play, ToolCall

Answer = Mapping[str, Any] | Refused
Found = TypeVar("Found")
SEEDS = 2**31  # numpy's and those of others that count in 32 bits


@dataclass(slots=True)
class Seen:
    """What reward functions get as `environments`: the last observation, the rewards of the steps, and the state."""

    observation: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    rewards: list[float | None] = field(default_factory=list)
    done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a server's answers are taken."""

    actions: Actions
    fields: tuple[str, ...] = ()  # of an observation, that the model reads
    by_turn: bool = True  # rewards of steps add up; or else the last one is the episode's
    solved_at: float | None = None  # the episode's reward from which it counts as right


@dataclass(slots=True, kw_only=True)
class OpenEnvEpisode:
    name: str
    session: Session | None  # None: there was none to be had, and `reason` says why
    manner: Manner
    asked: tuple[Message, ...]
    row: Mapping[str, Any]
    limits: Limits
    seed: int
    release: Callable[[Session], None] = lambda session: None  # as soon as it is over: others may wait for it
    reason: str = ""
    instance: Seen = field(default_factory=Seen)
    calls: list[ToolCall] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    turn_rewards: list[float] = field(default_factory=list)
    seconds: float = 0.0
    pending: Future[Any] | None = None
    began: float = 0.0

    # --- sent ahead

    def begin(self) -> None:
        if self.session is not None:
            row = {key: value for key, value in self.row.items() if key != "prompt"}
            self.send(asked(self.session, "reset", {"seed": self.seed % SEEDS, **row}, self.left))

    def submit(self, read: Read) -> None:
        assert self.session is not None
        self.send(acted(self.session, self.actions_in(read), self.left))

    def finish(self) -> None:
        if self.session is not None and self.session.is_open and not self.reason:
            self.send(asked(self.session, "state", None, max(self.left, 1.0)))

    def send(self, work: Any) -> None:
        self.began, self.pending = time.monotonic(), in_thread(work)

    @property
    def left(self) -> float:
        return self.limits.seconds - self.seconds

    def arrived(self, send: Callable[[], None]) -> Any:
        """What was sent, or is sent now."""
        if self.pending is None:
            send()
        pending, self.pending = self.pending, None
        if pending is None:
            return None
        try:
            return pending.result()
        finally:
            self.seconds += time.monotonic() - self.began

    # --- an episode

    def open(self) -> tuple[Message, ...] | None:
        if self.session is None:
            return None
        try:
            found = self.arrived(self.begin)
        except SocketGone as gone:
            self.reason = str(gone)
            return None
        if isinstance(found, Refused):
            self.reason = f"{self.name} cannot be reset: {found}"
            return None
        self.take(found)
        *before, last = self.asked
        return (*before, Message(last.role, last.content + self.shown(found)))

    def answer(self, read: Read) -> Results | None:
        try:
            found: Sequence[Answer] = self.arrived(lambda: self.submit(read))
        except SocketGone as gone:
            self.reason = str(gone)
            self.heard.append("")
            return None
        results = self.heard_of_text(found) if self.manner.actions.field else self.heard_of_calls(read, found)
        self.heard.append("\n".join(one["content"] for one in results))
        self.paid([one for one in found if not isinstance(one, Refused)])
        return None if self.reason or self.instance.done or not results else results

    def actions_in(self, read: Read) -> list[dict[str, Any] | None]:
        """None for a call that is none, which no server is asked about."""
        actions = self.manner.actions
        if actions.field is not None:
            return [actions.of_text(read.text)]
        is_known = {name: True for name in actions.names}
        return [
            actions.of_call(one) if isinstance(one, Call) and is_known.get(one.name) else None for one in read.calls
        ]

    def heard_of_text(self, found: Sequence[Answer]) -> Results:
        text = "\n".join(error(str(one)) if isinstance(one, Refused) else self.shown(one) for one in found)
        return [{"role": "user", "name": "", "content": text}]

    def heard_of_calls(self, read: Read, found: Sequence[Answer]) -> Results:
        """Of every call that was made; those behind the end of the episode are not."""
        answers, results = iter(found), []
        for call, action in zip(read.calls, self.actions_in(read), strict=True):
            if action is not None and (answer := next(answers, None)) is None:
                break
            made = self.called(call, answer if action is not None else None)
            self.calls.append(made)
            results.append({"role": "tool", "name": made.name or "unknown", "content": made.result})
        return results

    def called(self, call: Call | Malformed, answer: Answer | None) -> ToolCall:
        arguments: Mapping[str, Any] = {}
        if isinstance(call, Malformed):
            result, status = error(f"this is no call, {call.why}"), "malformed"
        elif answer is None:
            result, status = error(f"Tool {call.name} not found."), "unknown"
        elif isinstance(answer, Refused):
            result, status = error(str(answer)), "failed"
        else:
            result, status = self.whole(answer), "answered"
        if isinstance(call, Call):
            arguments = dict(call.arguments)
        text = shortened(result, self.limits.result)
        return ToolCall(turn=len(self.heard), name=call.name, arguments=arguments, result=text, status=status)

    def shown(self, answer: Mapping[str, Any]) -> str:
        return shortened(self.whole(answer), self.limits.result)

    def whole(self, answer: Mapping[str, Any]) -> str:
        observation = answer.get("observation")
        return text_of(observation, self.manner.fields) if isinstance(observation, Mapping) else str(observation)

    def take(self, answer: Mapping[str, Any]) -> None:
        observation = answer.get("observation")
        self.instance.observation = observation if isinstance(observation, Mapping) else {}
        self.instance.done = answer.get("done") is True

    def paid(self, answers: Sequence[Mapping[str, Any]]) -> None:
        """What the steps of a turn paid together; nothing counts as 0 where others pay."""
        rewards = [one.get("reward") for one in answers]
        for answer, reward in zip(answers, rewards, strict=True):
            self.take(answer)
            if reward is not None and not is_finite(float_of(reward)):
                self.reason = f"{self.name} pays a finite number or nothing, and paid {reward!r:.40}"
        numbers = [None if one is None else float_of(one) for one in rewards]
        self.instance.rewards += numbers
        self.turn_rewards.append(math.fsum(one for one in numbers if one is not None))

    # --- its end

    def close(self) -> Play:
        try:
            found = self.arrived(self.finish)
            if isinstance(found, Mapping):
                self.instance.state = found
        except SocketGone as gone:
            self.reason = self.reason or str(gone)
        if self.session is not None:
            self.release(self.session)
        reward, by_turn = (None, None) if self.reason else self.reward()
        at = self.manner.solved_at
        return Play(
            environment=self.name, calls=tuple(self.calls), heard=tuple(self.heard), tools=self.manner.actions.names,
            reward=reward, turn_rewards=by_turn, solved=None if at is None else reward is not None and reward >= at,
            reason=self.reason, seconds=round(self.seconds, 4),
        )  # fmt: skip

    def reward(self) -> tuple[float | None, tuple[float, ...] | None]:
        """Of the episode, and by turn where turns are paid."""
        given = [one for one in self.instance.rewards if one is not None]
        if not given:
            return 0.0, (0.0,) * len(self.turn_rewards) if self.manner.by_turn and self.turn_rewards else None
        if not self.manner.by_turn:
            return given[-1], None
        return math.fsum(self.turn_rewards), tuple(self.turn_rewards)


def float_of(reward: Any) -> float:
    """nan for what is no number, or none that a float can hold; true and false are 1 and 0."""
    return float(reward) if isinstance(reward, bool) or is_finite(reward) else math.nan


async def asked(session: Session, kind: str, data: Mapping[str, Any] | None, seconds: float) -> Answer:
    try:
        return await session.ask(kind, data, seconds)
    except Refused as refused:
        return refused


async def acted(session: Session, actions: Sequence[dict[str, Any] | None], seconds: float) -> list[Answer]:
    """One step after the other, until the episode is over."""
    found: list[Answer] = []
    deadline = time.monotonic() + seconds
    for action in actions:
        if action is None:
            continue
        found.append(await asked(session, "step", action, deadline - time.monotonic()))
        if not isinstance(found[-1], Refused) and found[-1].get("done") is True:
            break
    return found
