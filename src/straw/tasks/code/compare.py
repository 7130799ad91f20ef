"""Whether a program said what it was to say.

    3 4\\n     3 4          the same: blanks around a line, and empty lines around all, do not count
    0.50       0.5          the same: two lines of numbers are compared as numbers, exactly
    3\\n4      3 4          not the same

These are the rules of LiveCodeBench. Values of functions are compared by `sandbox.inside.values.same`.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from straw.sandbox.inside.values import same
from straw.sandbox.programs import Call, Said, Script

LONGEST = 100_000  # characters of a line that is read as numbers


def is_right(question: Script | Call, expected: object, said: Said) -> bool:
    """A script has to end in good order as well."""
    if isinstance(question, Script):
        return said.end == "exited" and said.code == 0 and same_output(str(expected), said.out)
    try:
        return same(expected, said.value)
    except (LookupError, RecursionError):
        return False


def same_output(expected: str, said: str) -> bool:
    ours, theirs = lines_of(expected), lines_of(said)
    return len(ours) == len(theirs) and all(map(same_line, ours, theirs))


def lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.strip().split("\n")]


def same_line(expected: str, said: str) -> bool:
    if expected == said:
        return True
    numbers = numbers_in(expected)
    return numbers is not None and numbers == numbers_in(said)


def numbers_in(line: str) -> list[Decimal] | None:
    if len(line) > LONGEST:
        return None
    try:
        numbers = [Decimal(word) for word in line.split()]
    except InvalidOperation:
        return None
    return None if any(number.is_snan() for number in numbers) else numbers  # which may not even be compared
