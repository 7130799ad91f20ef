"""Numbers that need no parser: decimal digits, perhaps with commas, a sign, a dollar in front.

    plain_number("1,200")  ->  Fraction(1200)        plain_number("-$5.50")  ->  None, let the parser see
    plain_number("$5.00")  ->  Fraction(5)           plain_number("1,2")     ->  None, 1.2 to some and 12 to others

Most answers to word problems are such numbers, so most grades cost microseconds.
"""

from __future__ import annotations

import re
from fractions import Fraction

PLAIN = re.compile(r"\$?(-?)(0|[1-9][0-9]{0,2}(?:,[0-9]{3})+|[1-9][0-9]*)(\.[0-9]{1,6})?")
MOST_CHARACTERS = 15  # what a float holds without rounding


def plain_number(text: str) -> Fraction | None:
    """The number that the text consists of; None for anything that two readers might read differently."""
    found = PLAIN.fullmatch(text) if len(text) <= MOST_CHARACTERS else None
    if not found:
        return None
    minus, whole, decimals = found.groups(default="")
    return Fraction(f"{minus}{whole.replace(',', '')}{decimals}")
