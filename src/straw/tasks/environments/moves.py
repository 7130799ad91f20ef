"""Calls of somebody who knows which tools there are, and no more: one at random, with random arguments of its types.

For the warm-up of a model from nothing, which has to learn how a call is written before it can be paid for a good one,
and for asking a world whether it repeats itself. A whole number is mostly one that stands in what was read last, as
people do who know no better, or one of 0 to 99; a text is one of a few short words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from straw.text.tools.calls import Call

Schema = Mapping[str, Any]
WORDS = ("a", "b", "yes", "no", "one", "two")
MOST = 100
NUMBER, LONGEST = re.compile(r"\d+"), 9  # digits
REPEATS = 0.9  # how often a number is one that was read
STOPS = 0.1  # how often it makes no call, where that ends an episode


def random_call(schemas: Sequence[Schema], random: Random, read: str = "") -> Call:
    """`read`: what stands in front of it."""
    function = random.choice(list(schemas))["function"]
    parameters = function.get("parameters", {})
    required = set(parameters.get("required", parameters.get("properties", {})))
    properties: Mapping[str, Schema] = parameters.get("properties", {})
    heard = numbers_in(read)
    return Call(
        function["name"],
        {name: random_value(one, random, heard) for name, one in properties.items() if name in required},
    )


def numbers_in(text: str) -> list[int]:
    return [int(number) for number in NUMBER.findall(text) if len(number) <= LONGEST]


def random_value(schema: Schema, random: Random, heard: Sequence[int] = ()) -> Any:
    if "enum" in schema:
        return random.choice(list(schema["enum"]))
    kind = schema.get("type", "string")
    if isinstance(kind, list):
        kind = next(one for one in kind if one != "null")
    match kind:
        case "integer":
            return random.choice(heard) if heard and random.random() < REPEATS else random.randrange(MOST)
        case "number":
            return float(random.randrange(MOST))
        case "boolean":
            return random.random() < 0.5
        case "array":
            return [random_value(schema.get("items", {}), random)]
        case "object":
            return {}
        case _:
            return random.choice(WORDS)
