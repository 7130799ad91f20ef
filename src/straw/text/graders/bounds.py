"""What no parser should see: texts whose value could take forever to work out, or to read.

    99**98**97        a power of a power that is no small number
    10^100000         an exponent of five digits
    111...1           more than 100 digits in a row
    ((((...           more than 30 brackets deep

Each test walks through the text once. What passes may still be slow, so it is judged in a process that can be
stopped: see `judge`.
"""

from __future__ import annotations

import re
from itertools import accumulate

MOST_READ = 10_000  # characters from the end of a reply
DEEPEST = 30
POWER = r"[\s})]{0,9}(?:\*\*|\^)[\s{(+-]{0,9}"
NUMBER, LARGE = r"[0-9.]+", r"[0-9.]{2,}"
TOO_MUCH = re.compile(
    rf"[0-9A-Za-z)}}]{POWER}[0-9.]{{5,}}(?![0-9.]|\*\*)"  # **18000** is bold and no power
    rf"|[0-9]{POWER}{LARGE}{POWER}[0-9]"
    rf"|[0-9]{POWER}{NUMBER}{POWER}{LARGE}"
    rf"|[0-9]{POWER}{NUMBER}{POWER}{NUMBER}{POWER}[0-9]"
    r"|[0-9]{101}|(?:[0-9]{1,3},){34}"
)
STEPS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


def is_refused(text: str) -> bool:
    """Whether a text must not reach a parser; it counts as no answer then."""
    return len(text) > MOST_READ or TOO_MUCH.search(text) is not None or depth(text) > DEEPEST


def depth(text: str) -> int:
    """How deep brackets stand in each other; a closing one without its opening one does not count."""
    steps = (STEPS[character] for character in text if character in STEPS)
    return max(accumulate(steps, lambda deep, step: max(0, deep + step), initial=0))
