r"""A whole number as people and models spell it.

    1,234   1 234   1_234   1'234   1{,}234   1\,234     thousands, all marked in the same way
    28.0 is 28, 0028 is 28, and 3.5 is a number but no whole one
    6 5 4 3 2 1                                          digit by digit, where one number is expected

A minus is a sign where it is no subtraction: "it is -5" says -5, "10-5" and "10 -5" hold 10 and 5. Groups that do not
all have three digits are a list: "1234,567" and "12 345 67" are two and three numbers.
"""

from __future__ import annotations

import re

MARK = r",|_|'|’|\{,\}|\\[,;: ]|[ \u00a0\u2009\u202f]"  # the blanks: ordinary, unbreakable, thin, narrow
THOUSANDS = (
    rf"(?<![0-9][,_'’ ])[0-9]{{1,3}}(?P<mark>{MARK})[0-9]{{3}}(?:(?P=mark)[0-9]{{3}}){{0,33}}+(?!(?P=mark)?[0-9])"
    r"|[0-9]{1,3}(?:\.[0-9]{3}){2,33}+(?!\.?[0-9])"  # one point alone is a decimal point
)
APART = r"(?<![0-9] )[0-9](?: [0-9]){1,99}+(?! ?[0-9])"
MINUS = r"(?P<minus>(?<![0-9A-Za-z.)\-−])(?<![0-9)] )[-−]|\b[Nn]egative )?"
FRACTION = r"(?P<fraction>\.[0-9]++)?"
NUMBER = rf"{MINUS}(?P<digits>{THOUSANDS}|[0-9]++){FRACTION}"
EXPECTED_NUMBER = rf"{MINUS}(?P<digits>{APART}|{THOUSANDS}|[0-9]++){FRACTION}"
ANY_NUMBER = r"[0-9]++(?:[,_'][0-9]{3}){0,33}+(?:\.[0-9]++)?"  # for patterns that need not know its value
MOST_DIGITS = 100  # int() refuses thousands of digits, and a model may write them


def whole(found: re.Match[str]) -> int | None:
    """The value of a match of NUMBER; None where it is no whole number that anybody would read out."""
    plain = re.sub(r"[^0-9]", "", found["digits"]).lstrip("0") or "0"
    if len(plain) > MOST_DIGITS or (found["fraction"] or "").strip(".0"):
        return None
    return -int(plain) if found["minus"] else int(plain)
