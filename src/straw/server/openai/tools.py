"""Functions that a model may call, and the calls that it wrote.

    <tool_call>
    {"name": "weather", "arguments": {"city": "Bern"}}
    </tool_call>

A chat template that takes tools is given them, and writes them in its own way; for any other they stand in the system
message, in the form above. A call that has to be made (tool_choice) is begun in the model's place. What is no JSON, or
names no function of the request, stays text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from straw.server.wire.fields import Fields
from straw.server.wire.refused import BadRequest, quoted

OPENS, CLOSES = "<tool_call>", "</tool_call>"
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
MOST = 128  # functions of one request
OFFER = (
    "You may call these functions:\n<tools>\n{tools}\n</tools>\nTo call one, write its name and arguments:\n"
    f'{OPENS}\n{{{{"name": "NAME", "arguments": {{{{}}}}}}}}\n{CLOSES}'
)


@dataclass(frozen=True, slots=True)
class Tools:
    """`begun` is what is put into the model's mouth."""

    offered: tuple[dict[str, Any], ...] = ()
    begun: str = ""

    @property
    def names(self) -> frozenset[str]:
        return frozenset(one["function"]["name"] for one in self.offered)


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: str  # JSON


def read_tools(fields: Fields) -> Tools:
    given = fields.get("tools") or []
    if not isinstance(given, list) or len(given) > MOST:
        raise fields.refuse("tools", f"a list of at most {MOST} functions")
    offered = tuple(read_tool(Fields(one, fields.limits, f"tools[{index}]")) for index, one in enumerate(given))
    choice = fields.get("tool_choice")
    names = [one["function"]["name"] for one in offered]
    if choice in (None, "auto"):
        return Tools(offered)
    if choice == "none":
        return Tools()
    if choice == "required" and offered:
        only = f'{names[0]}", "arguments": ' if len(names) == 1 else ""
        return Tools(offered, f'{OPENS}\n{{"name": "{only}')
    wanted = fields.inner("tool_choice").inner("function").text("name") if isinstance(choice, dict) else None
    if wanted is None or wanted not in names:
        raise fields.refuse("tool_choice", "none, auto, required, or a function of tools")
    return Tools(offered, f'{OPENS}\n{{"name": "{wanted}", "arguments": ')


def read_tool(fields: Fields) -> dict[str, Any]:
    function = fields.inner("function")
    name = function.text("name")
    if fields.text("type", "function") != "function" or not NAME.fullmatch(name):
        raise BadRequest(f"a tool is a function with a name of letters, digits, _ and -, got {quoted(name)}", 422)
    function.inner("parameters")
    return {"type": "function", "function": function.values}


def offer(tools: Sequence[Mapping[str, Any]]) -> str:
    """For a system message."""
    return OFFER.format(tools="\n".join(json.dumps(one["function"], ensure_ascii=False) for one in tools))


def written(calls: Sequence[Mapping[str, Any]]) -> str:
    """Earlier calls, as the model wrote them."""
    return "\n".join(f"{OPENS}\n{json.dumps(one['function'], ensure_ascii=False)}\n{CLOSES}" for one in calls)


def calls_in(text: str, names: Collection[str]) -> tuple[str, list[Call]]:
    """The text in front of the first call, and the calls; one without its end counts where it is whole."""
    before, *parts = text.split(OPENS)
    calls = [call for part in parts if (call := call_in(part.partition(CLOSES)[0], names)) is not None]
    if len(calls) < len(parts) or not calls:
        return text, []
    return before.strip(), calls


def call_in(text: str, names: Collection[str]) -> Call | None:
    try:
        found, _ = json.JSONDecoder().raw_decode(text.strip())
        if not isinstance(found, dict) or found.get("name") not in names:
            return None
        arguments = found.get("arguments", {})
        return Call(found["name"], arguments if isinstance(arguments, str) else json.dumps(arguments))
    except (ValueError, RecursionError, TypeError):
        return None
