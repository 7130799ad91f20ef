"""Speaks as the worker of verifiers does, and plays what its name says: in a process, with no verifiers."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

TOOL = {"type": "function", "function": {"name": "add", "parameters": {"properties": {"a": {}, "b": {}}}}}


def tell(**said: Any) -> None:
    print(json.dumps(said), flush=True)


def asked(id: str, index: int, messages: list[Any], tools: list[Any]) -> list[Any]:
    tell(ask=id, messages=messages, tools=tools)
    return messages


def main() -> None:
    name, talks = "", dict[str, list[Any]]()
    for line in sys.stdin:
        said = json.loads(line)
        if "open" in said:
            name = said["open"]
            if name == "nothere":
                return tell(failed="ModuleNotFoundError: taskset 'nothere' not found", missing=True)
            if name == "broken":
                return tell(failed="ValueError: no data")
            tell(opened=True, count=None if name == "endless" else said["args"].get("num_tasks", 20), version="0")
        elif "row" in said:
            tell(row=said["row"], prompt=[{"role": "user", "content": f"task {said['row']}"}])
        elif "begin" in said:
            if name == "dies":
                print("no memory", file=sys.stderr)
                sys.exit(3)
            id, index = said["begin"], said["index"]
            if name == "raises":
                tell(end=id, failed="TaskError: no board")
                continue
            first: list[Any] = [{"role": "system", "content": "Add."}, {"role": "user", "content": f"task {index}"}]
            if name == "shows":
                first.append({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]})
            talks[id] = asked(id, index, first, [TOOL] if name == "tools" else [])
        elif "say" in said:
            answered(name, said["say"], said["message"], talks)
        elif "enough" in said:
            tell(end=said["enough"], reward=0.25, rewards={"part": 0.25}, metrics={}, stop="straw")


def answered(name: str, id: str, message: Any, talks: dict[str, list[Any]]) -> None:
    messages = [*talks[id], message]
    if name == "hangs":
        time.sleep(60)
    if name == "forgets" and len(messages) > 3:
        messages = messages[2:]
    if name == "pays_words":
        return tell(end=id, reward="much", rewards={}, metrics={}, stop=None)
    if calls := message.get("tool_calls"):
        for call in calls:
            content = f"result of {call['function']['arguments']}"
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": content, "name": "add"})
    elif len(messages) >= 7 or name == "tools":
        return tell(end=id, reward=1.0, rewards={"right": 1.0}, metrics={"turns": 3.0}, stop="agent_completed")
    else:
        messages.append({"role": "user", "content": f"not {message['content']}"})
    talks[id] = asked(id, 0, messages, [TOOL] if name == "tools" else [])


if __name__ == "__main__":
    main()
