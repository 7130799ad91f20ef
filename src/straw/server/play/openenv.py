"""OpenEnv's protocol over a game: what its clients send, and what they get.

    {"type": "reset", "data": {"seed": 7}}            {"type": "observation", "data": {"observation": {...}, ...}}
    {"type": "step", "data": {"message": "42"}}       the same, with a reward where the episode is over
    {"type": "state"}                                 {"type": "state", "data": {"episode_id": ..., "step_count": 1}}
    {"type": "close"}                                 nothing more

An action is one text, the reply. An observation has what was said since as `prompt`, and as `messages` where that is
more than one of a user.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from straw.errors import StrawError
from straw.server.play.game import NotPlayed, Shown, Sitting

TEXT = {"type": "string"}
NUMBER = {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None}
MESSAGE = {"type": "object", "properties": {"role": TEXT, "content": TEXT}, "required": ["role", "content"]}
BESIDE = {"metadata": {"type": "object", "default": {}, "additionalProperties": True}}
SPLITS = ("train", "test")
MOST_SEED = 2**63


class Refused(StrawError):
    """With a code of the protocol."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def schemas(name: str) -> dict[str, Any]:
    """Of /schema."""
    observed = {
        "prompt": {**TEXT, "description": "What was said since, as one text"},
        "messages": {"type": "array", "items": MESSAGE, "description": "The same, where it is several"},
        "done": {"type": "boolean", "default": False}, "reward": NUMBER, **BESIDE,
    }  # fmt: skip
    action = {"message": {**TEXT, "description": f"The reply, in {name}"}, **BESIDE}
    state = {"episode_id": {"anyOf": [TEXT, {"type": "null"}]}, "step_count": {"type": "integer", "minimum": 0}}
    return {
        "action": {"type": "object", "title": "Reply", "properties": action, "required": ["message"],
                   "description": f"A reply in {name}.", "additionalProperties": False},
        "observation": {"type": "object", "title": "Said", "properties": observed},
        "state": {"type": "object", "title": "State", "properties": state},
    }  # fmt: skip


def answer(sitting: Sitting, text: str) -> dict[str, Any] | None:
    """None: the client is done."""
    try:
        return answered(sitting, message_in(text))
    except Refused as refused:
        return error(refused.code, str(refused))
    except NotPlayed as problem:
        return error("EXECUTION_ERROR", str(problem))
    except Exception as problem:  # of a task or a reward that somebody wrote
        return error("EXECUTION_ERROR", f"{type(problem).__name__}: {problem}"[:500])


def error(code: str, message: str, **more: Any) -> dict[str, Any]:
    return {"type": "error", "data": {"message": message, "code": code, **more}}


def message_in(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused("INVALID_JSON", "a message is an object in JSON")
    return found


def answered(sitting: Sitting, message: Mapping[str, Any]) -> dict[str, Any] | None:
    data = message.get("data") or {}
    if not isinstance(data, dict):
        raise Refused("VALIDATION_ERROR", "data: it is to be an object")
    match message.get("type"):
        case "reset":
            return {"type": "observation", "data": observation(sitting.reset(**wanted(data)))}
        case "step":
            return {"type": "observation", "data": observation(sitting.step(reply_in(data)))}
        case "state":
            return {"type": "state", "data": sitting.state}
        case "close":
            return None
    raise Refused("UNKNOWN_TYPE", f"a message is reset, step, state or close; got {str(message.get('type'))[:40]!r}")


def wanted(data: Mapping[str, Any]) -> dict[str, Any]:
    """Of a reset; what else a client names is nothing to a task."""
    seed, id, split = data.get("seed"), data.get("episode_id"), data.get("split", "train")
    if seed is not None and not (type(seed) is int and 0 <= seed < MOST_SEED):
        raise Refused("VALIDATION_ERROR", f"seed: a number from 0 on; got {seed!r:.40}")
    if id is not None and not (isinstance(id, str) and len(id) < 256):
        raise Refused("VALIDATION_ERROR", "episode_id: a text of at most 255 characters")
    if split not in SPLITS:
        raise Refused("VALIDATION_ERROR", f"split: train or test; got {split!r:.40}")
    return {"seed": seed, "episode_id": id, "split": split}


def reply_in(data: Mapping[str, Any]) -> str:
    text = data.get("message")
    if not isinstance(text, str):
        raise Refused("VALIDATION_ERROR", "message: a text, the reply")
    return text


def observation(shown: Shown) -> dict[str, Any]:
    messages = [{"role": role, "content": content} for role, content in shown.messages]
    prompt = "\n\n".join(one["content"] for one in messages)
    said: dict[str, Any] = {"prompt": prompt, "metadata": {}}
    if [one["role"] for one in messages] not in ([], ["user"]):
        said["messages"] = messages
    return {"observation": said, "reward": shown.reward, "done": shown.done}
