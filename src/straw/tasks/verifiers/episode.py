"""One episode of an environment of verifiers: it asks for replies as it would ask OpenAI, and we answer.

    open()          the messages of its first request, and its tools
    answer(read)    the reply goes there; what it asks next has the messages that came since
    close()         what its reward functions paid, added up and by name

Token-exact all the same: only the messages behind our reply are tokenised, and a request that does not go on from the
last one (a history that was shortened, a second conversation) is a failure, since nobody could train on it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from straw.tasks.environments.contract import is_finite
from straw.tasks.environments.episode import Limits, Results, shortened
from straw.tasks.verifiers.process import Worker, WorkerGone
from straw.text.tools.calls import Call, Read
from straw.text.tools.forms import Schema
from straw.types import Message, Play, ToolCall

CLOSE_S = 60.0  # for rewards to be worked out
Asked = Sequence[Mapping[str, Any]]


@dataclass(slots=True)
class Outcome:
    """What reward functions get as `environments`."""

    rewards: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    stop: str | None = None


@dataclass(slots=True, kw_only=True)
class VerifiersEpisode:
    name: str
    id: str
    worker: Worker
    index: int
    limits: Limits
    solved_at: float | None
    learn_tools: Callable[[tuple[Schema, ...]], None]
    reason: str = ""
    instance: Outcome = field(default_factory=Outcome)
    tools: tuple[Schema, ...] = ()
    asked: Asked = ()
    ended: Mapping[str, Any] | None = None
    calls: list[ToolCall] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    seconds: float = 0.0
    began: bool = False
    waits: bool = False  # something was sent that is not answered yet

    # --- sent ahead

    def begin(self) -> None:
        try:
            self.worker.begin(self.id, self.index)
        except WorkerGone as gone:
            self.reason = str(gone)
        self.began = self.waits = True

    def submit(self, read: Read) -> None:
        """An assistant's message, with its calls; a malformed one is sent as it is, for its reason to come back."""
        message: dict[str, Any] = {"role": "assistant", "content": read.content if read.calls else read.text}
        if made := [(place, one) for place, one in enumerate(read.calls) if one.name]:
            message["tool_calls"] = [
                {
                    "id": self.call_id(place),
                    "type": "function",
                    "function": {"name": one.name, "arguments": text_of(one)},
                }
                for place, one in made
            ]
        self.asked = [*self.asked, message]
        self.worker.say(say=self.id, message=message)
        self.waits = True

    def call_id(self, place: int) -> str:
        return f"call_{len(self.heard)}_{place}"

    def finish(self) -> None:
        if self.began and self.ended is None and not self.reason:
            self.worker.say(enough=self.id)
            self.waits = True

    def arrived(self, seconds: float) -> Mapping[str, Any] | None:
        """The next request, or None at the end. A failure has its reason."""
        self.waits, start = False, time.monotonic()
        try:
            found = self.worker.next_of(self.id, seconds)
        except WorkerGone as gone:
            self.reason = str(gone)
            return None
        finally:
            self.seconds += time.monotonic() - start
        if "end" not in found:
            return found
        self.ended = found
        if "failed" in found:
            self.reason = f"{self.name} failed: {found['failed']}"
        return None

    # --- an episode

    def open(self) -> tuple[Message, ...] | None:
        if not self.began:
            self.begin()
        found = None if self.reason else self.arrived(self.limits.seconds)
        if found is None:
            self.reason = self.reason or f"{self.name} ended an episode before it asked anything"
            return None
        if not are_texts(found["messages"]):
            self.reason = f"{self.name} asks with more than texts (an image), and straw reads texts"
            return None
        self.asked, self.tools = found["messages"], tuple(found["tools"])
        self.learn_tools(self.tools)
        return tuple(Message(one["role"], content_of(one)) for one in self.asked)

    def answer(self, read: Read) -> Results | None:
        if not self.waits:
            self.submit(read)
        found = self.arrived(self.limits.seconds - self.seconds)
        since: Asked = []
        if found is not None:
            since = found["messages"][len(self.asked) :]
            if not are_texts(since):
                self.reason = f"{self.name} answers with more than texts (an image), and straw reads texts"
            elif not goes_on(self.asked, found["messages"]) or not since:
                self.reason = f"{self.name} does not go on from its last request, so that its tokens cannot be trained"
        self.note_calls(read, since)
        self.heard.append("\n".join(self.shown(one) for one in since))
        if found is None or self.reason:
            return None
        self.asked = found["messages"]
        return self.results(since)

    def results(self, since: Asked) -> Results:
        """All that tools gave, or else what a user says."""
        if all(one["role"] == "tool" for one in since):
            return [{"role": "tool", "name": one.get("name") or "unknown", "content": self.shown(one)} for one in since]
        return [{"role": "user", "name": "", "content": self.shown(one)} for one in since]

    def shown(self, message: Mapping[str, Any]) -> str:
        return shortened(content_of(message), self.limits.result)

    def note_calls(self, read: Read, since: Asked) -> None:
        """Each call with what came back under its id."""
        given = {one.get("tool_call_id"): self.shown(one) for one in since if one["role"] == "tool"}
        names = {one["function"]["name"] for one in self.tools}
        for place, one in enumerate(read.calls):
            known = "answered" if one.name in names else "unknown"
            self.calls.append(
                ToolCall(
                    turn=len(self.heard), name=one.name, arguments=dict(one.arguments) if isinstance(one, Call) else {},
                    result=given.get(self.call_id(place), ""), status=known if isinstance(one, Call) else "malformed",
                )
            )  # fmt: skip

    # --- its end

    def close(self) -> Play:
        if self.began and self.ended is None and not self.reason:
            if not self.waits:
                self.finish()
            self.scored()
        if self.began and self.ended is None:
            self.worker.say(drop=self.id)
        self.worker.forget(self.id)
        reward = None if self.reason else self.paid()
        at = self.solved_at
        return Play(
            environment=self.name, calls=tuple(self.calls), heard=tuple(self.heard),
            tools=tuple(one["function"]["name"] for one in self.tools), reward=reward,
            solved=None if at is None else reward is not None and reward >= at,
            reason=self.reason, seconds=round(self.seconds, 4),
        )  # fmt: skip

    def scored(self) -> None:
        """It was told that there is no more; one request may have been on its way."""
        if self.arrived(CLOSE_S) is not None and not self.reason:
            self.arrived(CLOSE_S)

    def paid(self) -> float | None:
        ended = self.ended or {}
        reward = ended.get("reward")
        if not is_finite(reward):
            self.reason = f"{self.name} pays a finite number, and paid {reward!r:.40}"
            return None
        self.instance = Outcome(ended.get("rewards", {}), ended.get("metrics", {}), ended.get("stop"))
        return float(reward)


def text_of(call: Any) -> str:
    """The arguments as a model writes them; of a call that is none, what stood there."""
    return json.dumps(dict(call.arguments)) if isinstance(call, Call) else call.text


def content_of(message: Mapping[str, Any]) -> str:
    """Text alone: of parts their texts."""
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return "" if content is None else str(content)


def are_texts(messages: Asked) -> bool:
    parts = [part for one in messages if isinstance(one.get("content"), list) for part in one["content"]]
    return all(isinstance(part, dict) and part.get("type") == "text" for part in parts)


def goes_on(before: Asked, now: Asked) -> bool:
    """Whether the request has the last one in front, with our reply."""
    if len(now) < len(before):
        return False
    return all(
        (one["role"], content_of(one)) == (other["role"], content_of(other))
        for one, other in zip(before, now, strict=False)
    )
