"""Random calls: what they are made of."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from straw.tasks.environments.moves import WORDS, numbers_in, random_call, random_value


def tool(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "do", "parameters": {"properties": properties, **more}}}


def values(schema: dict[str, Any], heard: tuple[int, ...] = (), count: int = 3000) -> list[Any]:
    random = Random(0)
    return [random_value(schema, random, heard) for _ in range(count)]


def test_what_is_required_is_given_and_where_nothing_is_all_of_it() -> None:
    whole = {"type": "integer"}
    for more, names in (({}, {"a", "b"}), ({"required": ["b"]}, {"b"}), ({"required": []}, set())):
        call = random_call([tool({"a": whole, "b": whole}, **more)], Random(0))
        assert (call.name, set(call.arguments)) == ("do", names)
    assert random_call([{"function": {"name": "wait"}}], Random(0)).arguments == {}


def test_every_tool_is_called() -> None:
    random = Random(0)
    tools = [{"function": {"name": name}} for name in "abc"]
    assert {random_call(tools, random).name for _ in range(50)} == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ({"type": "integer"}, {*range(100)}),
        ({"type": "number"}, {float(one) for one in range(100)}),
        ({"type": "boolean"}, {True, False}),
        ({"type": ["null", "boolean"]}, {True, False}),
        ({"enum": ["x", 3]}, {"x", 3}),
        ({"enum": ["x"], "type": "integer"}, {"x"}),
        ({"type": "string"}, {*WORDS}),
        ({}, {*WORDS}),
    ],
)
def test_values_are_of_their_types(schema: dict[str, Any], found: set[Any]) -> None:
    some = values(schema)
    assert set(some) == found
    shares = [some.count(one) / len(some) for one in found]
    assert max(shares) < 2.2 / len(found)


def test_lists_have_one_value_and_objects_none() -> None:
    assert all(
        len(one) == 1 and one[0] in range(100) for one in values({"type": "array", "items": {"type": "integer"}})
    )
    assert values({"type": "array"}, count=1)[0][0] in WORDS and values({"type": "object"}, count=1) == [{}]


def test_a_whole_number_is_mostly_one_that_was_read() -> None:
    some = values({"type": "integer"}, heard=(500, 700))
    assert sum(one in (500, 700) for one in some) / len(some) == pytest.approx(0.9, abs=0.02)
    assert set(values({"type": "number"}, heard=(500,))) <= {float(one) for one in range(100)}


def test_numbers_of_ten_digits_are_not_repeated() -> None:
    assert numbers_in("a 12, -7 and 123456789 or 1234567890") == [12, 7, 123456789]


def test_a_call_has_what_is_required_in_the_schema_s_order_and_numbers_that_were_read() -> None:
    schema = tool({"b": {"type": "integer"}, "a": {"type": "boolean"}, "c": {"type": "integer"}}, required=["c", "b"])
    found = [random_call([schema], Random(seed), "between 500 and 700") for seed in range(200)]
    assert all([*one.arguments] == ["b", "c"] for one in found)
    read = sum(one.arguments["b"] in (500, 700) for one in found)
    assert 150 < read < 200 and all(isinstance(one.arguments["c"], int) for one in found)
    assert {*random_call([schema], Random(0)).arguments.values()} <= {*range(100)}


def test_a_list_of_whole_numbers_repeats_none_that_was_read() -> None:
    some = values({"type": "array", "items": {"type": "integer"}}, heard=(500,), count=200)
    assert all(len(one) == 1 and one[0] < 100 for one in some)


def test_of_several_kinds_the_first_that_is_one_counts() -> None:
    assert {type(one) for one in values({"type": ["null", "number", "string"]}, count=20)} == {float}
    assert {*values({"type": ["string", "null"]}, count=200)} == {*WORDS}
