from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.text.tools.calls import (
    BARE,
    DEEPEST,
    FORMS_OF_CALLS,
    PLAIN,
    TAGGED,
    Call,
    Form,
    Malformed,
    Read,
    is_plain,
    said_of,
)

TOOLS = {"add": ["a", "b"], "look": []}
PLAIN_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12).filter(lambda text: "tool_call" not in text),
    lambda inner: st.lists(inner, max_size=3), max_leaves=4,
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS_OF_CALLS, ids=lambda form: form.name)
@given(a=PLAIN_VALUES, b=PLAIN_VALUES)
def test_what_a_form_writes_it_reads(form: Form, a: Any, b: Any) -> None:
    call = Call("add", {"a": a, "b": b})
    read = form.read(form.write(call), TOOLS)
    assert read.content == ""
    assert json.dumps(read.calls[0].arguments) == json.dumps({"a": a, "b": b})  # type: ignore[union-attr]


def test_several_calls_of_a_turn_come_in_their_order_and_the_text_around_them_stays() -> None:
    read = TAGGED.read(f"Let me see.\n{TAGGED.write(Call('look'))}\n{TAGGED.write(Call('add', {'a': 1}))}", TOOLS)
    assert read.content == "Let me see."
    assert read.calls == (Call("look"), Call("add", {"a": 1}))
    assert PLAIN.read("I add:\nadd(1, b=2)\nlook()", TOOLS).calls == (Call("add", {"a": 1, "b": 2}), Call("look"))


@pytest.mark.parametrize(
    ("form", "text", "why"),
    [
        (TAGGED, '<tool_call>{"name": "add"', "no </tool_call>"),
        (TAGGED, '<tool_call>{"name": add}</tool_call>', "no JSON"),
        (TAGGED, '<tool_call>{"arguments": {}}</tool_call>', "a name"),
        (TAGGED, '<tool_call>{"name": "add", "arguments": [1]}</tool_call>', "an object"),
        (TAGGED, '<tool_call>{"name": "add", "arguments": {"a": NaN}}</tool_call>', "not finite"),
        (TAGGED, "<tool_call>[1]</tool_call>", "it is to be an object with a name"),
        (TAGGED, '<tool_call>{"name": 3, "arguments": {}}</tool_call>', "it is to be an object with a name"),
        (BARE, '{"name": "add", "parameters": {"a": [1, {"b": Infinity}]}}', "a number in it is not finite"),
        (PLAIN, "add(1) + 2", "a call is add(a, b) with literals: it is no call alone"),
        (PLAIN, "add(1)(2)", "it is no call alone"),
        (PLAIN, "add(1).b", "it is no call alone"),
        (PLAIN, "add(**{'a': 1})", "** cannot be given so"),
        (PLAIN, "add(1, a=2)", "a cannot be given so"),
        (PLAIN, "add({1: 2})", "an argument is a text"),
        (PLAIN, "add(2j)", "an argument is a text"),
        (TAGGED, "<tool_call>" + "[" * 3_000 + "</tool_call>", "no JSON"),
        (BARE, '{"name": "add", "parameters": {"a": 1}', "no JSON"),
        (PLAIN, "add(1", "literals"),
        (PLAIN, "add(1, 2, 3)", "takes 2"),
        (PLAIN, "add(a=1, a=2)", "literals"),
        (PLAIN, "add(__import__('os'))", "malformed node"),
        (PLAIN, "add(99**98**97)", "malformed node"),
        (PLAIN, "add(1e999)", "finite"),
        (PLAIN, "add({1, 2})", "a list"),
        (PLAIN, "add(" + "-" * 3_900 + "1)", "literals"),
        (PLAIN, "add(1, " + "9" * 5_000 + ")", "characters"),
    ],
)
def test_what_was_meant_for_a_call_and_is_none_is_a_fact_with_its_reason(form: Form, text: str, why: str) -> None:
    (found,) = form.read(text, TOOLS).calls
    assert isinstance(found, Malformed)
    assert why in found.why


@pytest.mark.parametrize("text", ["The answer is 5.", "f(x) = 3", "(a)", "sum(1", "", "{3, 4}", "add 1 and 2"])
def test_mere_text_is_no_call(text: str) -> None:
    assert not PLAIN.read(text, TOOLS).calls
    assert not TAGGED.read(text, TOOLS).calls
    assert not BARE.read(text, TOOLS).calls


def test_a_tool_that_nobody_knows_is_a_call_all_the_same() -> None:
    assert PLAIN.read("subtract(3)", TOOLS).calls == (Call("subtract", {"0": 3}),)


def test_a_call_of_four_thousand_characters_is_read_and_no_longer_one() -> None:
    for length, is_call in ((4000, True), (4001, False)):
        bare = '{"name": "add", "parameters": {"a": "' + "x" * (length - 40) + '"}}'
        assert len(bare) == length
        line = 'add("' + "x" * (length - 7) + '")'
        assert len(line) == length
        for form, text in ((BARE, bare), (PLAIN, line)):
            (found,) = form.read(text, TOOLS).calls
            assert isinstance(found, Call) is is_call
            if isinstance(found, Malformed):
                assert found.why == "it has more than 4,000 characters"
    assert PLAIN.read("fly(" + "1" * 5000 + ")", TOOLS).calls == ()  # of no tool that there is: a text


@pytest.mark.parametrize("deep", [DEEPEST + 1, 150, 600, 900])
def test_a_call_is_no_deeper_than_a_record_of_it_can_be_read_back(deep: int) -> None:
    def nested(deep: int) -> str:
        return "[" * deep + "]" * deep

    for form, around in ((TAGGED, '<tool_call>{"name": "add", "arguments": {"a": %s}}</tool_call>'),
                         (BARE, '{"name": "add", "parameters": {"a": %s}}'), (PLAIN, "add(%s)")):  # fmt: skip
        assert isinstance(form.read(around % nested(DEEPEST - 1), TOOLS).calls[0], Call)
        (found,) = form.read(around % nested(deep), TOOLS).calls
        assert isinstance(found, Malformed) and "nested" in found.why


def test_a_tool_takes_as_many_arguments_as_it_has() -> None:
    assert isinstance(PLAIN.read("add(1, 2)", TOOLS).calls[0], Call)
    (found,) = PLAIN.read("add(1, 2, 3)", TOOLS).calls
    assert isinstance(found, Malformed) and "it takes 2, and 3 are given" in found.why


def test_bare_calls_of_a_turn_are_parted_by_semicolons() -> None:
    one, other = BARE.write(Call("look")), BARE.write(Call("add", {"a": "x; y"}))
    assert BARE.read(other, TOOLS).calls == (Call("add", {"a": "x; y"}),)
    assert BARE.read(f"{one} ; {one};", TOOLS).calls == (Call("look"), Call("look"))
    (first, second) = BARE.read(f"{one}; {{", TOOLS).calls
    assert first == Call("look") and isinstance(second, Malformed)


def test_a_malformed_call_keeps_its_text_and_the_name_it_was_meant_for() -> None:
    text = '{"name": "add", "arguments": [1]}'
    assert BARE.read(text, TOOLS) == Read("", (Malformed(text, "its arguments are to be an object", "add"),))
    infinite = '{"name": "add", "arguments": {"a": NaN}}'
    why = "a number in it is not finite, it is nested more than 50 deep, or a text has half of a character"
    assert BARE.read(infinite, TOOLS).calls == (Malformed(infinite, why, "add"),)
    (found,) = PLAIN.read("add(1) + 2", TOOLS).calls
    assert isinstance(found, Malformed) and (found.text, found.name) == ("add(1) + 2", "add")
    assert TAGGED.read("<tool_call>{}", TOOLS).calls == (Malformed("{}", "there is no </tool_call> behind it"),)
    long = "add(" + "1" * 5000 + ")"
    assert PLAIN.read(long, TOOLS).calls == (Malformed(long, "it has more than 4,000 characters", "add"),)


def test_the_text_around_calls_stays_without_blanks_at_its_ends() -> None:
    assert BARE.read("  no call \n", TOOLS) == Read("no call") and BARE.read('{"a": 1}', TOOLS) == Read('{"a": 1}')
    assert PLAIN.read("\nFirst\nlook()\n then \n", TOOLS) == Read("First\n then", (Call("look"),))
    call = TAGGED.write(Call("look"))
    assert TAGGED.read(f" a {call} b {call} ", TOOLS) == Read("a  b", (Call("look"), Call("look")))


def test_blanks_around_a_call_do_not_count_and_neither_do_arguments_that_are_none() -> None:
    one = BARE.write(Call("look"))
    assert BARE.read(f"{one}; {one} ; \n", TOOLS).calls == (Call("look"), Call("look"))
    assert PLAIN.read("   add(1, 2)  ", TOOLS).calls == (Call("add", {"a": 1, "b": 2}),)
    for text in ('{"name": "look", "arguments": null}', '{"name": "look"}', '{"name": "look", "parameters": {}}'):
        assert BARE.read(text, TOOLS).calls == (Call("look", {}),)


def test_a_call_is_written_in_letters_of_any_script() -> None:
    call = Call("say", {"text": "é日", "often": 2})
    assert TAGGED.write(call) == '<tool_call>\n{"name": "say", "arguments": {"text": "é日", "often": 2}}\n</tool_call>'
    assert BARE.write(call) == '{"name": "say", "parameters": {"text": "é日", "often": 2}}'
    assert PLAIN.write(call) == "say('é日', 2)"


def test_an_error_is_said_in_one_line_of_two_hundred_characters() -> None:
    assert said_of(ValueError("one\ntwo")) == "one" and said_of(MemoryError()) == "MemoryError"
    assert said_of(ValueError("malformed node on line 1: <x>")) == "malformed node"
    assert said_of(ValueError("x" * 300)) == "x" * 200 and said_of(SyntaxError("no", ("f", 1, 1, "x"))) == "no"


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (None, True), ("", True), (0, True), (True, True), (1.5, True), (float("nan"), False), (float("inf"), False),
        ([], True), ([1, [2, "a"]], True), ([1, [float("inf")]], False), ({"a": None}, True), ({1: 2}, False),
        ({"a": {1: 2}}, False), ({"a": float("nan")}, False), ((1,), False), ({1}, False), (2j, False), (b"a", False),
    ],
)  # fmt: skip
def test_an_argument_is_what_json_holds_and_gives_back(value: Any, holds: bool) -> None:
    assert is_plain(value) is holds


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (TAGGED, '<tool_call>{"name": "add", "arguments": {"a": "\\ud800"}}</tool_call>'),
        (TAGGED, '<tool_call>{"name": "add", "arguments": {"\\udfff": 1}}</tool_call>'),
        (TAGGED, '<tool_call>{"name": "add\\ud83d"}</tool_call>'),
        (BARE, '{"name": "add", "parameters": {"a": ["x\\udc00"]}}'),
        (PLAIN, "add('\\ud800')"),
    ],
)
def test_half_of_a_character_in_a_call_is_malformed_for_no_tokenizer_takes_it(form: Form, text: str) -> None:
    (found,) = form.read(text, TOOLS).calls
    assert isinstance(found, Malformed)


def test_a_whole_character_that_json_spells_in_two_halves_is_one() -> None:
    (found,) = BARE.read('{"name": "add", "parameters": {"a": "\\ud83d\\ude00é"}}', TOOLS).calls
    assert found == Call("add", {"a": "\U0001f600é"})
