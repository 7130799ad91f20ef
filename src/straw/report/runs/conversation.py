"""An episode in an environment as a person reads it: what the model said, what it called, what each call gave.

call   say(number=50)  ->  higher 50-99
heard  what a world without tools said, or a user that an environment plays
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Record = Mapping[str, Any]


class Line(NamedTuple):
    kind: str  # reply, call, failed, heard or ended
    text: str


def lines_of_play(record: Record) -> Iterator[Line]:
    """Of a line of rollouts.jsonl; a reply that is nothing but its call is not said twice."""
    play = record.get("play") or {}
    for turn, reply in enumerate(record.get("replies") or []):
        calls = [one for one in play.get("calls") or [] if one.get("turn") == turn]
        if not calls or any(one.get("status") == "malformed" for one in calls) or len(str(reply)) > TALKS * len(calls):
            yield Line("reply", str(reply))
        for call in calls:
            is_sound = call.get("status", "answered") == "answered"
            yield Line("call" if is_sound else "failed", f"{spelled(call)}  ->  {call.get('result', '')}")
        if not calls and (heard := heard_behind(play, turn)):
            yield Line("heard", heard)
    if reason := play.get("reason"):
        yield Line("ended", f"the environment failed: {reason}")


def heard_behind(play: Record, turn: int) -> str:
    heard = play.get("heard")
    return str(heard[turn]) if isinstance(heard, list) and turn < len(heard) else ""


TALKS = 80  # characters a call: what is longer says more than the call


def spelled(call: Record) -> str:
    if call.get("status") == "malformed":
        return "malformed call"
    arguments = ", ".join(f"{name}={value!r}" for name, value in (call.get("arguments") or {}).items())
    return f"{call.get('name')}({arguments})"
