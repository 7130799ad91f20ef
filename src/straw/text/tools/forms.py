"""How a model is offered tools, writes calls and reads what they gave: by its own chat template, or plainly.

    form = form_for(chat)                                   tagged, bare or plain
    opening(chat, form, messages, tools)                    the prompt, with the tools in it
    chat.results([{"role": "tool", "name": "add", "content": "3"}])

A template's form is the one whose reader gives back a call that the template wrote. Tools are JSON schemas, as
transformers makes them of a function with type hints and a docstring.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from straw.errors import ConfigError
from straw.text.chat.chat import Chat
from straw.text.tools.calls import BARE, PLAIN, TAGGED, Call, Form, Read
from straw.types import Message

Schema = Mapping[str, Any]
FORMS = {form.name: form for form in (TAGGED, BARE, PLAIN)}
PROBE = Call("probe_A7", {"first": "B8", "second": 9})


def form_for(chat: Chat, wanted: str = "auto") -> Form:
    """`wanted`: a form by its name, or auto."""
    if wanted != "auto":
        return FORMS[wanted]
    if not chat.takes_tools:
        return PLAIN
    text = chat.call_as_written(PROBE.name, PROBE.arguments)
    for form in (TAGGED, BARE):
        if form.read(text, {PROBE.name: list(PROBE.arguments)}).calls == (PROBE,):
            return form
    raise ConfigError(
        f"this model's chat template writes tool calls in a form that straw does not read ({text.strip()[:80]!r}): "
        "write tool_form=plain, tagged or bare"
    )


def opening(chat: Chat, form: Form, messages: Sequence[Message], tools: Sequence[Schema]) -> tuple[int, ...]:
    if not tools:
        return chat.opening(messages)
    if form is not PLAIN and chat.takes_tools:
        return chat.opening_with_tools([{"role": one.role, "content": one.content} for one in messages], tools)
    return chat.opening(with_offer(messages, form, tools))


def read_reply(form: Form, text: str, tools: Sequence[Schema]) -> Read:
    """Where no tool is offered nothing is a call: a program that is asked for may look like one."""
    return form.read(text, parameters_of(tools))._replace(text=text) if tools else Read(text.strip(), (), text)


def with_offer(messages: Sequence[Message], form: Form, tools: Sequence[Schema]) -> list[Message]:
    """The tools stand in the system message."""
    text = offer(form, tools)
    if messages and messages[0].role == "system":
        return [Message("system", f"{messages[0].content}\n\n{text}"), *messages[1:]]
    return [Message("system", text), *messages]


def offer(form: Form, tools: Sequence[Schema]) -> str:
    how = "a line" if form is PLAIN else form.write(Call("NAME", {"ARGUMENT": 1}))
    return "\n".join([f"Tools, a call is {how}:", *map(line_of, tools)])


def line_of(tool: Schema) -> str:
    """guess(number: integer)  Say a number."""
    function = tool["function"]
    properties = function.get("parameters", {}).get("properties", {})
    listed = ", ".join(f"{name}: {type_of(one)}" for name, one in properties.items())
    return f"{function['name']}({listed})  {str(function.get('description', '')).partition(chr(10))[0]}".rstrip()


def type_of(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(map(repr, schema["enum"]))
    kind = schema.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def parameters_of(tools: Sequence[Schema]) -> dict[str, list[str]]:
    """What a reader of calls has to know of them."""
    return {one["function"]["name"]: list(one["function"].get("parameters", {}).get("properties", {})) for one in tools}


def schema_of(tool: Any, name: str) -> Schema:
    """Of a function with type hints and a docstring that says of every argument what it is."""
    from transformers.utils import get_json_schema

    try:
        found: Schema = get_json_schema(tool)
    except Exception as error:  # transformers raises kinds of its own
        why = " ".join(str(error).split()).rstrip(".")
        raise ConfigError(
            f"a tool has type hints and a docstring with a line for each argument under Args:, and {name} cannot be "
            f"offered ({why[:200]})"
        ) from None
    return found
