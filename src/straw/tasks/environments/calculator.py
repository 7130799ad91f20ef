"""A world for the recipe `calculator`: arithmetic in two steps, with a tool that works expressions out.

    user       What is 47 * 6 + 38?
    assistant  calculate("47 * 6 + 38")
    user       320
    assistant  320                          right: the last number that it says

Whoever can reckon needs no tool, and whoever calls it has to say what it gave. An expression is numbers, + - * / and
brackets, read by `Reader` and by nobody else; what is no such expression raises, which the model is told. Two examples
show a model whose chat template knows no tools how a call is written.
"""

from __future__ import annotations

import re
from fractions import Fraction
from random import Random
from typing import Any

FORMS = ("{a} * {b} + {c}", "{a} * {b} - {c}", "({a} + {c}) * {b}", "{c} + {a} * {b}")
TOKEN = re.compile(r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<sign>[-+*/()]))")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
LONGEST = 100  # characters of an expression: nothing that is read can be large, or nested deeply


class Calculator:
    """Two numbers below 100 and one below 10."""

    last_reply = ""
    examples = (
        {"role": "user", "content": "What is 12 * 3 + 40?"},
        {"role": "assistant", "content": 'calculate("12 * 3 + 40")'},
        {"role": "user", "content": "76"},
        {"role": "assistant", "content": "76"},
        {"role": "user", "content": "What is (64 + 18) * 5?"},
        {"role": "assistant", "content": 'calculate("(64 + 18) * 5")'},
        {"role": "user", "content": "410"},
        {"role": "assistant", "content": "410"},
    )
    expression, right = "0", Fraction(0)

    def reset(self, seed: int | None = None, **row: Any) -> str:
        random = Random(seed)
        numbers = {"a": random.randint(11, 99), "b": random.randint(2, 9), "c": random.randint(11, 99)}
        self.expression = random.choice(FORMS).format(**numbers)
        self.right = worked_out(self.expression)
        return f"What is {self.expression}?"

    def calculate(self, expression: str) -> str:
        """Works out an expression.

        Args:
            expression: Numbers with + - * / and brackets.
        """
        return written(worked_out(expression))

    @property
    def solved(self) -> bool:
        said = NUMBER.findall(self.last_reply.replace(",", ""))
        return bool(said) and Fraction(said[-1]) == self.right

    def get_reward(self) -> float:
        return float(self.solved)


def written(value: Fraction) -> str:
    """Whole numbers as they are, others to four places."""
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.4f}"


def worked_out(expression: str) -> Fraction:
    if not isinstance(expression, str) or len(expression) > LONGEST:
        raise ValueError(f"an expression is a text of at most {LONGEST} characters")
    reader = Reader(tokens_of(expression))
    value = reader.sum()
    if reader.rest:
        raise ValueError(f"{reader.rest[-1]} is one too many")
    return value


def tokens_of(expression: str) -> list[str]:
    tokens, at = [], 0
    while expression[at:].strip():
        found = TOKEN.match(expression, at)
        if found is None:
            raise ValueError(f"{expression[at:].strip()[0]!r} is no number, + - * / or bracket")
        tokens.append(found["number"] or found["sign"])
        at = found.end()
    return tokens


class Reader:
    """By descent: a sum is made of products, a product of numbers, signs and brackets."""

    def __init__(self, tokens: list[str]) -> None:
        self.rest = tokens[::-1]

    def next_is(self, *signs: str) -> bool:
        return bool(self.rest) and self.rest[-1] in signs

    def sum(self) -> Fraction:
        value = self.product()
        while self.next_is("+", "-"):
            value = value + self.product() if self.rest.pop() == "+" else value - self.product()
        return value

    def product(self) -> Fraction:
        value = self.number()
        while self.next_is("*", "/"):
            value = value * self.number() if self.rest.pop() == "*" else divided(value, self.number())
        return value

    def number(self) -> Fraction:
        if not self.rest:
            raise ValueError("something is missing at its end")
        token = self.rest.pop()
        if token == "-":
            return -self.number()
        if token == "(":
            value = self.sum()
            if not self.next_is(")"):
                raise ValueError("a bracket is not closed")
            self.rest.pop()
            return value
        if not token[0].isdigit():
            raise ValueError(f"{token} stands where a number should")
        return Fraction(token)


def divided(value: Fraction, by: Fraction) -> Fraction:
    if by == 0:
        raise ValueError("nothing is divided by 0")
    return value / by
