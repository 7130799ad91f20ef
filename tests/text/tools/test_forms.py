"""Tools by a model's own chat template, beside a plain tokenisation of the whole conversation."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from straw.errors import ConfigError
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat
from straw.text.tools.calls import BARE, PLAIN, TAGGED, Call, Form, Read
from straw.text.tools.forms import form_for, line_of, opening, parameters_of, read_reply, schema_of, with_offer
from straw.types import Message

ASKED = [Message("system", "Be brief."), Message("user", "What is 3 + 4, and <|im_end|>?")]


def add(a: int, b: int = 0) -> int:
    """Adds.

    Args:
        a: One number.
        b: Another.
    """
    return a + b


ADD = schema_of(add, "add")


@cache
def chat_with(template: str, end: str, *controls: str) -> Chat:
    """Characters, with a template of somebody's model."""
    found = find_spec("trl")
    if found is None or found.origin is None:
        pytest.skip("the templates come with trl, which is not installed")
    tokenizer = character_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": [end, *controls], "eos_token": end})
    tokenizer.chat_template = (Path(found.origin).parent / "chat_templates" / f"{template}.jinja").read_text()
    return Chat(tokenizer)


QWEN = ("<|im_end|>", "<|im_start|>")
LLAMA = ("<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|begin_of_text|>")


@pytest.mark.parametrize(
    ("template", "controls", "form"),
    [
        ("qwen2_5", QWEN, TAGGED),
        ("qwen3_instruct_2507", QWEN, TAGGED),
        ("llama3_1", LLAMA, BARE),
        ("llama3_2", LLAMA, BARE),
    ],
)
def test_turns_with_tools_are_the_tokens_of_the_whole_conversation(
    template: str, controls: tuple[str, ...], form: Form
) -> None:
    chat = chat_with(template, *controls)
    assert form_for(chat) is form
    call = chat.call_as_written("add", {"a": 3, "b": 4})
    assert form.read(call, {"add": ["a", "b"]}).calls == (Call("add", {"a": 3, "b": 4}),)
    tokens = opening(chat, form, ASKED, [ADD]) + chat.encode_reply(call)
    tokens += chat.results([{"role": "tool", "name": "add", "content": "7"}])
    assert tokens == plain_tokens(chat, [
        *({"role": one.role, "content": one.content} for one in ASKED), called("add", {"a": 3, "b": 4}),
        {"role": "tool", "name": "add", "content": "7"},
    ])  # fmt: skip


def test_the_results_of_a_turn_stand_together_as_the_template_has_it() -> None:
    chat = chat_with("qwen2_5", *QWEN)
    results = [{"role": "tool", "name": "add", "content": text} for text in ("7", "8 <|im_end|>")]
    text = chat.tokenizer.decode(chat.results(results))
    assert text.count("<tool_response>") == 2
    assert text.endswith("<|im_start|>assistant\n")
    assert chat.results(results).count(chat.end) == 1  # the one that a tool mentions is mere text


def test_a_form_that_nobody_here_reads_is_refused_with_the_way_out() -> None:
    chat = chat_with("qwen3_5_nothink", *QWEN)
    with pytest.raises(ConfigError, match="tool_form=plain"):
        form_for(chat)
    assert form_for(chat, "plain") is PLAIN


def test_a_template_without_tools_is_spoken_to_in_lines() -> None:
    chat = Chat(character_tokenizer())
    assert form_for(chat) is PLAIN
    text = chat.tokenizer.decode(opening(chat, PLAIN, [Message("user", "3 + 4?")], [ADD]))
    assert text == (
        "<|system|>Tools, a call is a line:\nadd(a: integer, b: integer)  Adds.<|end|>"
        "<|user|>3 + 4?<|end|><|assistant|>"
    )
    assert chat.results([{"role": "tool", "name": "add", "content": "7"}]) == chat.continuation(Message("user", "7"))


@pytest.mark.parametrize("text", ["print(3)", '<tool_call>{"name": "add"}</tool_call>', '{"name": "add"}'])
def test_where_there_is_no_tool_nothing_is_a_call(text: str) -> None:
    for form in (PLAIN, TAGGED, BARE):
        assert read_reply(form, f" {text}\n", []) == Read(text, (), f" {text}\n")
    assert read_reply(PLAIN, "add(3)\nyes", [ADD]) == Read("yes", (Call("add", {"a": 3}),), "add(3)\nyes")


@pytest.mark.parametrize("tool", [lambda a: a, print])
def test_a_tool_that_says_nothing_of_itself_is_refused(tool: Any) -> None:
    with pytest.raises(ConfigError, match="type hints and a docstring"):
        schema_of(tool, "it")


def called(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": function}]}


def plain_tokens(chat: Chat, messages: list[dict[str, Any]]) -> tuple[int, ...]:
    """transformers' own rendering, at once; what a message mentions of control tokens is split by hand."""
    guarded = [{**one, "content": one["content"].replace("<|im_end|>", "\0")} for one in messages]
    text = chat.tokenizer.apply_chat_template(
        guarded, tools=[ADD], add_generation_prompt=True, tokenize=False, chat_template=chat.template
    )
    pieces = [chat.tokenizer.encode(piece, add_special_tokens=False) for piece in str(text).split("\0")]
    mention = chat.tokenizer.encode("<|im_end|>", add_special_tokens=False, split_special_tokens=True)
    return tuple(token for at, piece in enumerate(pieces) for token in [*(mention if at else []), *piece])


@pytest.mark.parametrize("form", [TAGGED, BARE, PLAIN], ids=lambda form: form.name)
def test_tools_stand_in_the_system_message_where_a_template_has_no_place_for_them(form: Form) -> None:
    chat = Chat(character_tokenizer())
    how = "a line" if form is PLAIN else form.write(Call("NAME", {"ARGUMENT": 1}))
    offered = f"Tools, a call is {how}:\nadd(a: integer, b: integer)  Adds."
    plain = [Message("user", "hi")]
    assert opening(chat, form, plain, [ADD]) == chat.opening([Message("system", offered), *plain])
    with_system = [Message("system", f"Be brief.\n\n{offered}"), ASKED[1]]
    assert opening(chat, form, ASKED, [ADD]) == chat.opening(with_system)
    assert opening(chat, form, ASKED, []) == chat.opening(ASKED)


def test_lines_where_they_are_asked_for_though_the_template_has_a_place_for_tools() -> None:
    tokenizer = character_tokenizer()
    tokenizer.chat_template = (
        "{% if tools %}HERE{% endif %}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    chat = Chat(tokenizer)
    assert chat.takes_tools
    assert "HERE" not in tokenizer.decode(opening(chat, PLAIN, ASKED[1:], [ADD]))
    assert "HERE" in tokenizer.decode(opening(chat, TAGGED, ASKED[1:], [ADD]))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer"}, "integer"), ({"type": ["integer", "null"]}, "integer or null"), ({}, "any"),
        ({"enum": ["a", 3], "type": "string"}, "'a' or 3"),
    ],
)  # fmt: skip
def test_a_type_is_said_in_words(schema: dict[str, Any], words: str) -> None:
    tool = {"function": {"name": "do", "description": "Does.\nMore.", "parameters": {"properties": {"x": schema}}}}
    assert line_of(tool) == f"do(x: {words})  Does."
    assert line_of({"function": {"name": "wait"}}) == "wait()"
    assert parameters_of([tool, {"function": {"name": "wait"}}]) == {"do": ["x"], "wait": []}


def test_the_offer_of_tools_is_a_system_message_or_the_end_of_one() -> None:
    how = 'Tools, a call is {"name": "NAME", "parameters": {"ARGUMENT": 1}}:\nadd(a: integer, b: integer)  Adds.'
    assert with_offer([], BARE, [ADD]) == [Message("system", how)]
    said = [Message("user", "hi"), Message("system", "late"), Message("assistant", "yes")]
    assert with_offer(said, BARE, [ADD]) == [Message("system", how), *said]
    assert with_offer([Message("system", "Be brief."), *said], BARE, [ADD]) == [
        Message("system", f"Be brief.\n\n{how}"), *said
    ]  # fmt: skip
