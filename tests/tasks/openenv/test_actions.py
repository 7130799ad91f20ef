"""From schemas to actions, and from observations to texts: the forms that OpenEnv's own environments have."""

from __future__ import annotations

from typing import Any

import pytest

from straw.tasks.openenv.actions import Actions, actions_of, mcp_tools, text_of
from straw.text.tools.calls import PLAIN, Call
from straw.text.tools.forms import line_of, parameters_of

METADATA = {"metadata": {"type": "object"}}
MOVE: dict[str, Any] = {
    "description": "A move.\n  On a board.",
    "$defs": {"Side": {"enum": ["left", "right"], "title": "Side", "type": "string"}},
    "properties": {"row": {"type": "integer", "title": "Row"}, "side": {"$ref": "#/$defs/Side"},
                   "why": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}, **METADATA},
    "required": ["row", "side"],
}  # fmt: skip


def test_one_text_field_is_the_whole_reply() -> None:
    found = actions_of({"properties": {"message": {"type": "string"}, **METADATA}, "required": ["message"]})
    assert found == Actions(field="message")
    assert found is not None and found.of_text("a(1)") == {"message": "a(1)"}
    optional = {"properties": {"code": {"type": "string"}, "timeout": {"type": "number"}}, "required": ["code"]}
    assert actions_of(optional) == Actions(field="code")


def test_other_fields_are_the_arguments_of_a_tool() -> None:
    found = actions_of(MOVE)
    assert found is not None and found.field is None
    (tool,) = found.tools
    assert line_of(tool) == "step(row: integer, side: 'left' or 'right', why: string)  A move. On a board."
    assert tool["function"]["parameters"]["required"] == ["row", "side"]
    assert tool["function"]["parameters"]["properties"]["row"] == {"type": "integer"}
    (call,) = PLAIN.read("step(2, 'left')", parameters_of(found.tools)).calls
    assert isinstance(call, Call)
    assert found.of_call(call) == {"row": 2, "side": "left"}


def test_a_choice_of_words_is_a_tool_that_names_them() -> None:
    schema = {"properties": {"way": {"type": "string", "enum": ["up", "down"]}}, "required": ["way"]}
    found = actions_of(schema)
    assert found is not None and "'up' or 'down'" in line_of(found.tools[0])


def test_the_form_can_be_chosen() -> None:
    text = {"properties": {"message": {"type": "string"}}, "required": ["message"]}
    as_tool = actions_of(text, "tools")
    assert as_tool is not None and as_tool.names == ("step",)
    both = {"properties": {"row": {"type": "integer"}, "why": {"type": "string"}}, "required": ["row", "why"]}
    as_text = actions_of(both, "text")
    assert as_text is not None and as_text.field == "why"


def test_an_environment_with_tools_of_its_own_is_asked_for_them() -> None:
    call_tool = {"properties": {"type": {"const": "call_tool"}, "tool_name": {"type": "string"},
                                "arguments": {"type": "object"}, **METADATA}}  # fmt: skip
    assert actions_of(call_tool) is None
    assert actions_of({"properties": METADATA}) is None  # the base class of actions
    schema = {"type": "object", "properties": {"message": {"type": "string", "title": "Message"}}}
    tools = mcp_tools({"tools": [{"name": "echo", "description": "Says it again.", "input_schema": schema}]})
    assert line_of(tools[0]) == "echo(message: string)  Says it again."
    said = Actions(tools=tools, is_mcp=True).of_call(Call("echo", {"message": "a"}))
    assert said == {"type": "call_tool", "tool_name": "echo", "arguments": {"message": "a"}}


@pytest.mark.parametrize(
    ("observation", "fields", "text"),
    [
        ({"text": "go", "metadata": {"secret": 1}, "done": False}, (), "go"),
        ({"board": [[0, 1]], "to_move": "x", "note": None}, (), "board: [[0, 1]]\nto_move: x"),
        ({"board": [[0, 1]], "to_move": "x"}, ("to_move",), "x"),
        ({"count": 3}, (), "count: 3"),
        ({}, (), ""),
        ({"tool_name": "a", "result": {"content": [{"type": "text", "text": "3"}], "data": 3}, "error": None}, (), "3"),
        ({"tool_name": "a", "result": {"content": [], "data": [3]}}, (), "[3]"),
        ({"tool_name": "a", "result": None, "error": {"message": "no tool"}}, (), "{'error': 'no tool'}"),
    ],
)
def test_an_observation_is_a_text(observation: dict[str, Any], fields: tuple[str, ...], text: str) -> None:
    assert text_of(observation, fields) == text


def test_a_schema_that_refers_to_itself_ends() -> None:
    schema = {"$defs": {"A": {"properties": {"a": {"$ref": "#/$defs/A"}}}},
              "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"]}  # fmt: skip
    found = actions_of(schema)
    assert found is not None and found.names == ("step",)
