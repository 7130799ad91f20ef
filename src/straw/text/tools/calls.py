"""Tool calls in a reply, read strictly: those that are whole, those that were meant for one and are none.

    <tool_call>{"name": "add", "arguments": {"a": 1, "b": 2}}</tool_call>     tagged    Qwen, and who learned from it
    {"name": "add", "parameters": {"a": 1, "b": 2}}                           bare      Llama 3, the whole reply
    add(1, b=2)                                                               plain     a line of its own

A call that cannot be read is a fact with a reason, neither a text nor an error of ours. The plain form is for models
whose chat template knows no tools; its arguments are literals of Python, read by its grammar and never evaluated.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from straw.text.shown.visible import encodable

Parameters = Mapping[str, Sequence[str]]  # the names of a tool's parameters, by its name
OPENS, CLOSES = "<tool_call>", "</tool_call>"
LONGEST = 4_000  # characters of one call
DEEPEST = 50  # brackets in brackets of its arguments: a record of a rollout is read back to a hundred, see straw.files
NOT_PLAIN = f"a number in it is not finite, it is nested more than {DEEPEST} deep, or a text has half of a character"
LINE = re.compile(r"\s*([A-Za-z_]\w*)\((.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Malformed:
    """What was meant for a call, and why it is none."""

    text: str
    why: str
    name: str = ""


class Read(NamedTuple):
    """A reply as its reader sees it."""

    content: str  # what stands around the calls
    calls: tuple[Call | Malformed, ...] = ()
    text: str = ""  # the whole of it, for worlds that take texts and no calls


@dataclass(frozen=True, slots=True)
class Form:
    """A way to write calls."""

    name: str
    read: Callable[[str, Parameters], Read]
    write: Callable[[Call], str]


# --- JSON


def read_tagged(text: str, tools: Parameters) -> Read:
    """Between tags, as many as there are."""
    before, *parts = text.split(OPENS)
    found, around = [], [before]
    for part in parts:
        inside, closed, behind = part.partition(CLOSES)
        found.append(of_json(inside) if closed else Malformed(inside, f"there is no {CLOSES} behind it"))
        around.append(behind)
    return Read("".join(around).strip(), tuple(found))


def read_bare(text: str, tools: Parameters) -> Read:
    """The whole reply is an object with a name, or several with ; between them."""
    if not text.lstrip().startswith("{") or '"name"' not in text:
        return Read(text.strip())
    whole = of_json(text)
    if isinstance(whole, Call) or ";" not in text:
        return Read("", (whole,))
    return Read("", tuple(of_json(part) for part in text.split(";") if part.strip()))


def of_json(text: str) -> Call | Malformed:
    if len(text) > LONGEST:
        return Malformed(text, f"it has more than {LONGEST:,} characters")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Malformed(text, f"it is no JSON: {str(error) or 'it is nested too deeply'}")
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not is_whole(value["name"]):
        return Malformed(text, "it is to be an object with a name")
    arguments = value.get("arguments", value.get("parameters"))
    if not isinstance(arguments, dict | None):
        return Malformed(text, "its arguments are to be an object", value["name"])
    if not is_plain(arguments or {}):
        return Malformed(text, NOT_PLAIN, value["name"])
    return Call(value["name"], arguments or {})


def write_tagged(call: Call) -> str:
    return f"{OPENS}\n{json.dumps({'name': call.name, 'arguments': call.arguments}, ensure_ascii=False)}\n{CLOSES}"


def write_bare(call: Call) -> str:
    return json.dumps({"name": call.name, "parameters": call.arguments}, ensure_ascii=False)


# --- lines


def read_plain(text: str, tools: Parameters) -> Read:
    """Lines that are calls; one that begins as a call of a tool and is none is malformed, any other is text."""
    found: list[Call | Malformed] = []
    around: list[str] = []
    for line in text.splitlines():
        call = of_line(line, tools)
        if call is None:
            around.append(line)
        else:
            found.append(call)
    return Read("\n".join(around).strip(), tuple(found))


def of_line(line: str, tools: Parameters) -> Call | Malformed | None:
    """None for mere text."""
    begins = LINE.match(line)
    if begins is None:
        return None
    name = begins[1]
    if len(line) > LONGEST:
        return Malformed(line, f"it has more than {LONGEST:,} characters", name) if name in tools else None
    try:
        node = ast.parse(line.strip(), mode="eval").body
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            raise ValueError("it is no call alone")
        return Call(name, arguments_of(node, tools.get(name)))
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        if name not in tools:
            return None
        return Malformed(line, f"a call is {name}({', '.join(tools[name])}) with literals: {said_of(error)}", name)


def arguments_of(node: ast.Call, names: Sequence[str] | None) -> dict[str, Any]:
    """By name; what has no name takes those of the tool in their order. Of a tool that nobody knows, numbers."""
    known = [str(place) for place in range(len(node.args))] if names is None else names
    if len(node.args) > len(known):
        raise ValueError(f"it takes {len(known)}, and {len(node.args)} are given")
    found = {name: ast.literal_eval(value) for name, value in zip(known, node.args, strict=False)}
    for keyword in node.keywords:
        if keyword.arg is None or keyword.arg in found:
            raise ValueError(f"{keyword.arg or '**'} cannot be given so")
        found[keyword.arg] = ast.literal_eval(keyword.value)
    if not is_plain(found):
        raise ValueError(
            "an argument is a text of whole characters, a finite number, true or false, none, a list or a dict of "
            f"such, nested at most {DEEPEST} deep"
        )
    return found


def said_of(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return str(error.msg)
    return (str(error) or type(error).__name__).partition("\n")[0].partition(" on line")[0][:200]


def is_plain(value: Any, deepest: int = DEEPEST) -> bool:
    """Whether JSON can hold it, and give it back. A model may write brackets in brackets until Python's stack ends."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return deepest > 0 and all(
            isinstance(key, str) and is_whole(key) and is_plain(one, deepest - 1) for key, one in value.items()
        )
    if isinstance(value, list):
        return deepest > 0 and all(is_plain(one, deepest - 1) for one in value)
    if isinstance(value, str):
        return is_whole(value)
    return value is None or isinstance(value, int)


def is_whole(text: str) -> bool:
    """Whether no character of it is half of one (a lone surrogate, "\\ud800"), which no file and no tokenizer takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def all_whole(value: Any) -> bool:
    """Whether every text in it is, of lists and mappings however deep; what is neither has none."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str) and not is_whole(one):
            return False
        if isinstance(one, Mapping):
            waiting += [*one, *one.values()]
        elif isinstance(one, list | tuple):
            waiting += one
    return True


def spelled_out(value: Any) -> Any:
    """What JSON said, with every half of a character as it is written: a program of somebody else may say one."""
    if all_whole(value):
        return value
    if isinstance(value, Mapping):
        return {spelled_out(key): spelled_out(one) for key, one in value.items()}
    return encodable(value, "utf-8") if isinstance(value, str) else [spelled_out(one) for one in value]


def write_plain(call: Call) -> str:
    """Every argument by its place, as the tool has it."""
    return f"{call.name}({', '.join(repr(value) for value in call.arguments.values())})"


TAGGED = Form("tagged", read_tagged, write_tagged)
BARE = Form("bare", read_bare, write_bare)
PLAIN = Form("plain", read_plain, write_plain)
FORMS_OF_CALLS = (TAGGED, BARE, PLAIN)
