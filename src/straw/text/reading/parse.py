"""What a reply says, read strictly.

    strict_int("  07\\n", 16) -> 7         blanks around and leading zeros are fine
    strict_int("7.", 16)     -> None      anything else is not a number below N: signs, '1_0', '7 7', '²', '16'

A number is read only when it is the whole reply, so that a model is paid for what it said and not for what a
generous reader found in it. Nothing is ever evaluated.
"""

from __future__ import annotations


def strict_int(text: str, N: int) -> int | None:
    """The number in [0, N) that the reply consists of."""
    return _digits(text.strip(), N)


def strict_ints(text: str, N: int, length: int) -> tuple[int, ...] | None:
    """Exactly `length` numbers in [0, N), separated by single blanks."""
    numbers = [_digits(word, N) for word in text.strip().split(" ")]
    read = tuple(number for number in numbers if number is not None)
    return read if len(read) == len(numbers) == length else None


def parse_bit(text: str) -> int | None:
    """The first '0' or '1' of the reply: 'Bit: 1' says 1."""
    return next((int(character) for character in text if character in "01"), None)


def _digits(word: str, N: int) -> int | None:
    if not (word.isascii() and word.isdigit()):
        return None
    significant = word.lstrip("0") or "0"
    if len(significant) > len(str(N)):  # int() refuses thousands of digits, and a model may write them
        return None
    value = int(significant)
    return value if value < N else None
