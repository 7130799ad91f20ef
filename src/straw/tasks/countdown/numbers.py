"""Numbers and a target that can be reached with them, drawn by a generator.

    expression    a random tree over all numbers; its value is the target       always solvable, any count of numbers
    random        numbers and target apart, until a search finds a way          targets as even as the numbers allow
    FILE.py:NAME  a function of yours, f(random, draw), that returns an expression as a text, or None to be asked again

Each gives a way to the target. No way is the only one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import NamedTuple

from straw.errors import ConfigError
from straw.registry import find
from straw.tasks.countdown.expression import Expression, Number, Value, equation, operation

MOST_DRAWS = 10_000


class Reached(NamedTuple):
    """A target and one way to it."""

    target: int
    way: Expression

    @property
    def numbers(self) -> tuple[int, ...]:
        return self.way.numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """How problems are drawn.

    Example: Draw(least=2, most=2, max_number=9).drawn(Random(0)) may be Reached(12, 3 * 4).
    """

    generator: str = "expression"
    least: int = 3
    most: int = 4
    min_number: int = 1
    max_number: int = 99
    max_target: int = 100
    operators: str = "+-*/"

    def drawn(self, random: Random) -> Reached:
        generator = find("generators", self.generator)
        for _ in range(MOST_DRAWS):
            found = generator(random, self)
            if isinstance(found, str):
                found = self.read(found)
            if found is not None:
                return found
        raise ConfigError(
            f"no target up to max_target={self.max_target} was reached in {MOST_DRAWS} draws of {self.least} to "
            f"{self.most} numbers up to {self.max_number} with {self.operators}. Write a larger max_target."
        )

    def read(self, text: str) -> Reached | None:
        """What a function from outside returned; None where its value is no target."""
        way = equation(text)
        if way is None:
            raise ConfigError(
                f"countdown_generator={self.generator} is to return an expression such as '(7 + 9) * 2 - 4', or None "
                f"to be asked again; it returned {text[:80]!r}."
            )
        return Reached(int(way.value), way) if self.is_target(way.value) else None

    def is_target(self, value: Value) -> bool:
        return value.denominator == 1 and 1 <= value <= self.max_target

    def numbers(self, random: Random) -> list[int]:
        count = random.randint(self.least, self.most)
        return [random.randint(self.min_number, self.max_number) for _ in range(count)]


def by_expression(random: Random, draw: Draw) -> Reached | None:
    """Two parts, drawn from those there are, become one, until one is left."""
    parts: list[Expression] = [Number(number) for number in draw.numbers(random)]
    while len(parts) > 1:
        left, right = (parts.pop(random.randrange(len(parts))) for _ in range(2))
        symbol = random.choice(draw.operators)
        if symbol == "/" and right.value == 0:
            return None
        parts.append(operation(symbol, left, right))
    return Reached(int(parts[0].value), parts[0]) if draw.is_target(parts[0].value) else None


def by_search(random: Random, draw: Draw) -> Reached | None:
    numbers, target = draw.numbers(random), random.randint(1, draw.max_target)
    way = a_way(numbers, target, draw.operators)
    return Reached(target, way) if way else None


GENERATORS: dict[str, Callable[[Random, Draw], Reached | str | None]] = {
    "expression": by_expression,
    "random": by_search,
}


def a_way(numbers: Sequence[int], target: int, operators: str = "+-*/") -> Expression | None:
    """The first expression found that uses each number once and has this value; None when there is none."""
    return _search([Number(number) for number in numbers], target, operators, set())


def _search(parts: list[Expression], target: int, operators: str, tried: set[tuple[Value, ...]]) -> Expression | None:
    """Any two parts may be joined first, so trying all pairs tries all trees; equal values are tried once."""
    if len(parts) == 1:
        return parts[0] if parts[0].value == target else None
    values = tuple(sorted(part.value for part in parts))
    if values in tried:
        return None
    tried.add(values)
    for one, other in combinations(range(len(parts)), 2):
        rest = [part for place, part in enumerate(parts) if place not in (one, other)]
        for joined in _joined(parts[one], parts[other], operators):
            if (found := _search([*rest, joined], target, operators, tried)) is not None:
                return found
    return None


def _joined(left: Expression, right: Expression, operators: str) -> list[Expression]:
    joined = [operation(symbol, left, right) for symbol in operators if symbol != "/" or right.value]
    turned = [operation(symbol, right, left) for symbol in operators if symbol == "-" or (symbol == "/" and left.value)]
    return [*joined, *turned]
