r"""The right answer of a row, and the worked solution that leads to it.

    behind marks    She makes 9 * 2 = $<<9*2=18>>18 a day.\n#### 18      gold 18, solution She makes 9 * 2 = $18 a day.
    boxed           ... so there are $\boxed{\frac{1}{2}}$.              gold \frac{1}{2}, the solution as it is
    as it stands    145.0                                                gold 145

The first is GSM8K's, the second MATH's and NuminaMath's. A gold is a text: what counts as equal is for a grader to say.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

MARKS = "####"
DIGIT = re.compile("[0-9]")
CALCULATOR = re.compile(r"<<[^<>]*>>")
BOXED = ("\\boxed", "\\fbox")


class Worked(NamedTuple):
    """An answer and the way to it; an empty solution where none is told."""

    gold: str
    solution: str


def behind_marks(text: str) -> Worked:
    """GSM8K's way: calculator marks are no part of a solution that a person would write."""
    solution, marks, gold = text.rpartition(MARKS)
    if not marks:
        raise ValueError(f"its answer has no {MARKS} with the result behind it")
    gold = gold.strip()
    if not DIGIT.search(gold):
        raise ValueError(f"behind {MARKS} there is to be a number, and there is {gold[:40]!r}")
    return Worked(gold, CALCULATOR.sub("", solution).strip())


def as_it_stands(value: object) -> str:
    """A value of JSON as a person would write it."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"its answer is to be a text or a number, got {type(value).__name__}")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"its answer is no number: {value}")
        value = int(value) if value.is_integer() else value
    text = str(value).strip()
    if not text:
        raise ValueError("its answer is empty")
    return text


def boxed(text: str) -> str | None:
    r"""What the last \boxed{...} holds, with its inner brackets; None without one that is closed."""
    begin = max(text.rfind(command) for command in BOXED)
    opening = text.find("{", begin) if begin >= 0 else -1
    if opening < 0:
        return None
    depth = 0
    for place in range(opening, len(text)):
        depth += (text[place] == "{") - (text[place] == "}")
        if depth == 0:
            return text[opening + 1 : place].strip()
    return None
