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


def test_what_is_required_is_asked_and_where_nothing_is_all_of_it() -> None:
    text, number = {"type": "string"}, {"type": "number"}
    assert actions_of({"properties": {"message": text}}) == Actions(field="message")
    assert actions_of({"properties": {"message": text, "note": text}}).field is None  # type: ignore[union-attr]
    assert actions_of({"properties": {"a": number}, "required": ["a", "metadata"]}, "text").names == ("step",)  # type: ignore[union-attr]
    both = {"properties": {"first": text, "second": text}, "required": ["second", "first"]}
    assert actions_of(both, "text") == Actions(field="second")
    fixed = {"properties": {"a": {"type": "string", "const": "go"}}, "required": ["a"]}
    assert actions_of(fixed).field is None  # type: ignore[union-attr]


def test_a_tool_that_says_nothing_of_itself_acts_in_the_environment() -> None:
    (tool,) = actions_of({"properties": {"a": {"type": "number"}}}).tools  # type: ignore[union-attr]
    assert tool["function"]["description"] == "Acts in the environment."
    (other,) = mcp_tools({"tools": [{"name": "a", "input_schema": {"type": "object"}}]})
    assert other["function"]["description"] == ""


def test_a_field_that_is_called_title_stays_and_titles_go_deep_down_too() -> None:
    title = {"type": "string", "title": "Title"}
    properties = {"title": title, "n": {"type": "object", "properties": {"m": {"type": "number", "title": "M"}}}}
    (tool,) = actions_of({"properties": properties}).tools  # type: ignore[union-attr]
    assert tool["function"]["parameters"]["properties"] == {
        "title": {"type": "string"}, "n": {"type": "object", "properties": {"m": {"type": "number"}}}
    }  # fmt: skip


def test_a_choice_of_several_kinds_stays_one_and_references_in_lists_are_read() -> None:
    schema = {"$defs": {"A": {"type": "integer"}},
              "properties": {"a": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "string"}, {"type": "null"}]},
                             "b": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}], "default": 3}}}  # fmt: skip
    (tool,) = actions_of(schema).tools  # type: ignore[union-attr]
    assert tool["function"]["parameters"]["properties"] == {
        "a": {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]},
        "b": {"type": "integer", "default": 3},
    }


@pytest.mark.parametrize(
    ("observation", "fields", "text"),
    [
        ({"a": 0, "b": False, "c": [], "d": {}, "e": ""}, (), "a: 0\nb: false"),
        ({"reward": 1.0, "done": True, "a": "x"}, (), "x"),
        ({"reward": 1.0, "a": "x"}, ("reward", "a"), "reward: 1.0\na: x"),
        ({"a": "é"}, ("a", "b"), "a: é"),
        ({"a": {"b": "é"}}, ("a",), '{"b": "é"}'),
        ({"a": None}, ("a",), ""),
        ({"tool_name": "a", "result": None, "error": "gone"}, (), "{'error': 'gone'}"),
        ({"tool_name": "a", "result": None, "error": {"code": 1}}, (), "{'error': {'code': 1}}"),
        ({"tool_name": "a", "result": {"content": [{"type": "image"}, {"text": "x"}, 3, {"text": 4}]}}, (), "x\n4"),
        ({"tool_name": "a", "result": {"content": [{"type": "image"}], "data": None, "more": 1}}, (),
         '{"content": [{"type": "image"}], "data": null, "more": 1}'),
        ({"tool_name": "a", "result": "x"}, (), "x"),
        ({"tool_name": "a", "text": "x"}, (), "tool_name: a\ntext: x"),
    ],
)  # fmt: skip
def test_what_is_said_of_an_observation(observation: dict[str, Any], fields: tuple[str, ...], text: str) -> None:
    assert text_of(observation, fields) == text


def test_a_tool_where_a_text_was_wanted_and_none_is_there_has_all_that_the_schema_says() -> None:
    found = actions_of(MOVE | {"required": ["row"]}, "text")
    assert found is not None and found.field is None
    (tool,) = found.tools
    assert tool["function"]["description"] == "A move. On a board."
    parameters = tool["function"]["parameters"]
    assert [*parameters["properties"]] == ["row", "side", "why"] and parameters["required"] == ["row"]


def test_references_are_followed_eight_deep_and_one_to_nothing_says_nothing() -> None:
    chain: dict[str, Any] = {f"A{place}": {"$ref": f"#/$defs/A{place + 1}"} for place in range(12)}
    chain["A12"] = {"type": "integer"}
    for first, found in (("A5", {"type": "integer"}), ("A4", {"$ref": "#/$defs/A12"}), ("B", {})):
        schema = {"$defs": chain, "properties": {"a": {"$ref": f"#/$defs/{first}"}, "b": {"type": "number"}}}
        (tool,) = actions_of(schema).tools  # type: ignore[union-attr]
        assert tool["function"]["parameters"]["properties"]["a"] == found


def test_a_server_names_several_tools_and_what_a_call_says_is_copied() -> None:
    schema = {
        "type": "object",
        "title": "Say",
        "properties": {"a": {"$ref": "#/$defs/A"}},
        "$defs": {"A": {"type": "null"}},
    }
    tools = mcp_tools({"tools": [{"name": name, "description": None, "input_schema": schema} for name in "xyz"]})
    assert Actions(tools=tools).names == ("x", "y", "z") and mcp_tools({}) == ()
    assert tools[0]["function"] == {
        "name": "x", "description": "", "parameters": {"type": "object", "properties": {"a": {"type": "null"}}}
    }  # fmt: skip
    given = {"a": 1}
    said = Actions(tools=tools).of_call(Call("x", given))
    assert said == given and said is not given
    assert not Actions(field="a").is_mcp and Actions(field="a").names == ()
