"""Expressions of + - * / and brackets, read into a tree of numbers and worked out in exact fractions.

    equation("(7 + 9) * 2 - 4").value     28
    equation("1 / 3 + 1 / 2").value       Fraction(5, 6)
    equation("2 ** 9"), equation("-3")    None: no powers, no signs, nothing but the four between two numbers

The text is never evaluated. Python's own parser makes a syntax tree, and a small walker takes from it what is allowed.
The text is short, and its numbers have few digits, so reading costs microseconds whatever a model wrote.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from operator import add, mul, sub

MOST_CHARACTERS, MOST_DIGITS = 200, 12
WRITTEN = re.compile(rf"(?:[-+*/() ]|(?<![0-9])[0-9]{{1,{MOST_DIGITS}}}(?![0-9]))+")

Value = int | Fraction  # whole numbers as int: many times faster, and equal to the fraction
SYMBOLS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
BINDING = {"+": 1, "-": 1, "*": 2, "/": 2}


def quotient(left: Value, right: Value) -> Value:
    found = Fraction(left) / right
    return int(found) if found.denominator == 1 else found


OPERATORS: dict[str, Callable[[Value, Value], Value]] = {"+": add, "-": sub, "*": mul, "/": quotient}


@dataclass(frozen=True, slots=True)
class Number:
    """A number that was given."""

    value: int
    binding = 3

    @property
    def numbers(self) -> tuple[int, ...]:
        return (self.value,)

    @property
    def steps(self) -> tuple[str, ...]:
        return ()

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True)
class Operation:
    """Two expressions and what is done with them. Division by zero is refused at birth."""

    symbol: str
    left: Expression
    right: Expression
    value: Value

    @property
    def binding(self) -> int:
        return BINDING[self.symbol]

    @property
    def numbers(self) -> tuple[int, ...]:
        """All that were used, from left to right."""
        return (*self.left.numbers, *self.right.numbers)

    @property
    def steps(self) -> tuple[str, ...]:
        """One operation a line, in an order in which each line can be worked out."""
        line = f"{self.left.value} {self.symbol} {self.right.value} = {self.value}"
        return (*self.left.steps, *self.right.steps, line)

    def __str__(self) -> str:
        """With the brackets that are needed."""
        left = f"({self.left})" if self.left.binding < self.binding else str(self.left)
        tight = self.right.binding > self.binding or (self.right.binding == self.binding and self.symbol in "+*")
        right = str(self.right) if tight else f"({self.right})"
        return f"{left} {self.symbol} {right}"


Expression = Number | Operation


def operation(symbol: str, left: Expression, right: Expression) -> Operation:
    return Operation(symbol, left, right, OPERATORS[symbol](left.value, right.value))


def equation(text: str) -> Expression | None:
    """The expression that the text consists of; None where it is anything else."""
    text = text.strip()
    if len(text) > MOST_CHARACTERS or not WRITTEN.fullmatch(text):
        return None
    try:
        return _walked(ast.parse(text, mode="eval").body)
    except (SyntaxError, ZeroDivisionError, ValueError, RecursionError, MemoryError):
        return None


def _walked(node: ast.expr) -> Expression:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return Number(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in SYMBOLS:
        return operation(SYMBOLS[type(node.op)], _walked(node.left), _walked(node.right))
    raise ValueError(f"{type(node).__name__} is no part of an expression")
