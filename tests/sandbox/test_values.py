"""Plain data keeps its value on the way, and what is right is compared as Python compares."""

from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict, deque, namedtuple
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from straw.sandbox.inside.values import decode, same, spelled, trusted

TEXTS = some.text(alphabet=some.characters(exclude_categories=["Cs"]))
NUMBERS = some.integers() | some.floats(allow_nan=False) | some.booleans() | some.just(10**400)
OF_JSON = some.recursive(
    some.none() | NUMBERS | TEXTS, lambda inner: some.lists(inner) | some.dictionaries(TEXTS, inner), max_leaves=20
)
KEYS = some.recursive(
    some.none() | NUMBERS | TEXTS | some.binary(), lambda inner: some.tuples(inner, inner), max_leaves=4
)
PLAIN = some.recursive(
    some.none() | NUMBERS | TEXTS | some.binary() | some.complex_numbers(allow_nan=False),
    lambda inner: some.lists(inner) | some.tuples(inner) | some.dictionaries(KEYS, inner) | some.sets(KEYS)
    | some.frozensets(KEYS),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(PLAIN)
def test_a_value_is_the_same_on_the_other_side(value: Any) -> None:
    text = spelled(value)
    for found in (decode(json.loads(text)), trusted(text)):
        assert found == value and type(found) is type(value)


@settings(max_examples=25, deadline=None)
@given(OF_JSON, OF_JSON)
def test_same_is_what_python_calls_equal(right: Any, said: Any) -> None:
    assert same(right, json.loads(spelled(right)))
    assert same(right, json.loads(spelled(said))) == (right == said)


def test_a_number_that_is_none() -> None:
    assert math.isnan(decode(json.loads(spelled(math.nan)))) and not same(math.nan, json.loads(spelled(math.nan)))
    assert trusted(spelled([math.inf, -math.inf])) == [math.inf, -math.inf]


def test_a_tuple_may_stand_for_a_list_and_a_set_may_not() -> None:
    assert same([1, [2]], json.loads(spelled((1, (2,)))))
    assert not same([1, 2], json.loads(spelled({1, 2}))) and not same([1], json.loads(spelled([1, 1])))


def test_keys_that_are_no_texts_and_keys_that_come_twice() -> None:
    assert not same({"1": 2}, json.loads(spelled({1: 2})))
    assert not same({"a": 1}, json.loads('{"dict": [["a", 1], ["a", 1]]}'))
    assert not same({"a": 1, "b": 2}, json.loads('{"dict": [["a", 1], ["a", 1]]}'))
    assert same({"a": 1, "b": 2}, json.loads('{"dict": [["b", 2], ["a", 1]]}'))


@pytest.mark.parametrize("value", [object(), deque([1]), Fraction(1, 2), range(3), (one for one in [1]), print, int])
def test_what_is_no_plain_data_does_not_travel(value: Any) -> None:
    with pytest.raises(ValueError, match="no plain data"):
        spelled([value])


def test_kinds_of_plain_data_travel_as_what_they_are_equal_to() -> None:
    Pair = namedtuple("Pair", "a b")
    values = [Counter("aab"), OrderedDict(x=1), Pair(1, 2), True]
    assert decode(json.loads(spelled(values))) == [{"a": 2, "b": 1}, {"x": 1}, (1, 2), True]


@pytest.mark.parametrize(
    "said",
    [{}, {"tuple": 3}, {"dict": [1]}, {"dict": [["a"]]}, {"int": 5}, {"int": "0x"}, {"what": 1}, {"a": 1, "b": 2}],
)
def test_what_nobody_says_is_not_right(said: Any) -> None:
    for right in (None, 0, 1, "", [], [1], {}, {"a": 1}, 5):
        assert not same(right, said)
