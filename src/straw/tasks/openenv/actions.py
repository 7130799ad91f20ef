"""How a reply becomes an action, and an observation a text, by the schemas of the server.

    {"message": str}                      one text field: the whole reply is the text
    {"row": int, "column": int}           anything else: a tool, step(row=1, column=2)
    {"tool_name": str, "arguments": ...}  an environment with tools of its own (MCP): those tools

`metadata`, which every action has, is never asked of a model. An observation that has one field is that field's text;
one that has several is a line for each: what is empty, and `metadata`, is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from straw.text.tools.calls import Call
from straw.text.tools.forms import Schema

STEP = "step"  # the name of the tool where a server has one action; OpenEnv forbids it to its own tools
UNASKED = ("metadata", "type")
UNSAID = ("metadata", "done", "reward")
DEEPEST = 8  # of references in a schema


@dataclass(frozen=True, slots=True)
class Actions:
    """What a server takes: the text `field`, or calls of `tools`."""

    field: str | None = None
    tools: tuple[Schema, ...] = ()
    is_mcp: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one["function"]["name"] for one in self.tools)

    def of_text(self, text: str) -> dict[str, Any]:
        assert self.field is not None
        return {self.field: text}

    def of_call(self, call: Call) -> dict[str, Any]:
        if self.is_mcp:
            return {"type": "call_tool", "tool_name": call.name, "arguments": dict(call.arguments)}
        return dict(call.arguments)


def actions_of(schema: Mapping[str, Any], form: str = "auto") -> Actions | None:
    """By a server's schema of actions; None where it has tools of its own, which it has to be asked for.

    `form`: auto, text or tools.
    """
    properties = {name: one for name, one in schema.get("properties", {}).items() if name not in UNASKED}
    if set(properties) <= {"tool_name", "arguments"}:
        return None
    required = [name for name in schema.get("required", ()) if name in properties]
    asked = required or list(properties)
    if form == "text" or (form == "auto" and len(asked) == 1 and is_text(inlined(properties[asked[0]], schema))):
        texts = [name for name in asked if is_text(inlined(properties[name], schema))]
        return Actions(field=texts[0]) if texts else Actions(tools=(step_tool(schema, properties, required),))
    return Actions(tools=(step_tool(schema, properties, required),))


def is_text(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "string" and "enum" not in schema and "const" not in schema


def step_tool(schema: Mapping[str, Any], properties: Mapping[str, Any], required: Sequence[str]) -> Schema:
    described = " ".join(str(schema.get("description", "")).split()) or "Acts in the environment."
    parameters = {
        "type": "object",
        "properties": {name: without_titles(inlined(one, schema)) for name, one in properties.items()},
        "required": list(required),
    }
    return {"type": "function", "function": {"name": STEP, "description": described, "parameters": parameters}}


def inlined(part: Any, whole: Mapping[str, Any], depth: int = 0) -> Any:
    """With what it refers to in place; something or nothing is the something."""
    if isinstance(part, list):
        return [inlined(one, whole, depth) for one in part]
    if not isinstance(part, dict):
        return part
    name = str(part.get("$ref", "")).removeprefix("#/$defs/")
    if name and depth < DEEPEST:
        return inlined(whole.get("$defs", {}).get(name, {}), whole, depth + 1)
    choices = [one for one in part.get("anyOf", ()) if one != {"type": "null"}]
    if len(choices) == 1:
        rest = {key: value for key, value in part.items() if key != "anyOf"}
        return {**rest, **inlined(choices[0], whole, depth)}
    return {key: inlined(value, whole, depth) for key, value in part.items() if key != "$defs"}


def without_titles(schema: Any) -> Any:
    """Pydantic repeats every name as a title, which tells a model nothing."""
    if not isinstance(schema, dict):
        return schema
    return {key: without_titles(value) for key, value in schema.items() if not (key == "title" and type(value) is str)}


def mcp_tools(observation: Mapping[str, Any]) -> tuple[Schema, ...]:
    """From the answer to list_tools."""
    found = []
    for one in observation.get("tools", ()):
        parameters = without_titles(inlined(one["input_schema"], one["input_schema"]))
        described = {"name": one["name"], "description": one.get("description") or "", "parameters": parameters}
        found.append({"type": "function", "function": described})
    return tuple(found)


# --- what the model reads


def text_of(observation: Mapping[str, Any], fields: Sequence[str] = ()) -> str:
    """`fields`: those that are shown; none: all that say something."""
    if "tool_name" in observation and "result" in observation:
        return text_of_result(observation)
    names = fields or [name for name in observation if name not in UNSAID]
    said = {name: observation[name] for name in names if observation.get(name) not in (None, "", [], {})}
    if len(said) == 1 and not fields and isinstance(only := next(iter(said.values())), str):
        return only
    if len(fields) == 1:
        return "".join(map(plain, said.values()))
    return "\n".join(f"{name}: {plain(value)}" for name, value in said.items())


def plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def text_of_result(observation: Mapping[str, Any]) -> str:
    """What a tool of an MCP environment gave: its blocks of text, its data, or its error."""
    if (error := observation.get("error")) is not None:
        return str({"error": error.get("message", error) if isinstance(error, dict) else error})
    result = observation["result"]
    if isinstance(result, dict):
        blocks = result.get("content")
        if isinstance(blocks, list) and (
            texts := [one["text"] for one in blocks if isinstance(one, dict) and "text" in one]
        ):
            return "\n".join(map(str, texts))
        if result.get("data") is not None:
            return plain(result["data"])
    return plain(result)
