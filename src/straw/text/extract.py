"""What number a free reply answers with, read generously, by a chain of three.

    1  [ANSWER] <number>                          the last one; only this is well formed
    2  the answer is <number>, or = <number>      the last of either
    3  a number                                   the last in the text

    "2 + 3 = 5. [ANSWER] 1,234"  ->  Answer(1234, has_tag=True)
    "so it is -5."               ->  Answer(-5, has_tag=False)

A comma counts where it marks thousands, a minus where it is no subtraction ("10-5" ends in 5), and 28.0 is 28; 3.5
is a number and no whole one, so it answers nothing. `text.parse` is the strict reader.
"""

from __future__ import annotations

import re
from typing import NamedTuple

NUMBER = r"((?<![0-9A-Za-z.])[-−])?([0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(\.[0-9]+)?"
TAGGED = re.compile(r"\[ANSWER\]\s*" + NUMBER)
STATED = re.compile(r"(?:\banswer is:?|=)\s*" + NUMBER, re.IGNORECASE)
ANYWHERE = re.compile(NUMBER)
MOST_DIGITS = 100  # int() refuses thousands of digits, and a model may write them


class Answer(NamedTuple):
    """What was read: None where there is no whole number."""

    number: int | None
    has_tag: bool


def extract_answer(text: str) -> Answer:
    """The number that the first step of the chain finds; a later step is asked only when it finds none."""
    for pattern in (TAGGED, STATED, ANYWHERE):
        if found := pattern.findall(text):
            return Answer(_whole(*found[-1]), has_tag=pattern is TAGGED)
    return Answer(None, has_tag=False)


def _whole(minus: str, digits: str, fraction: str) -> int | None:
    plain = digits.replace(",", "").lstrip("0") or "0"
    if len(plain) > MOST_DIGITS or fraction.strip(".0"):
        return None
    return -int(plain) if minus else int(plain)
