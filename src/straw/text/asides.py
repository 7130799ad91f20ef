"""Numbers that a reply says in passing, behind its answer or on the way to it.

    28 = 3 + 25, because 12 has a sum of 3      sums that nobody worked out, and reasons
    28, for 3 numbers, in step 2                counts, and where one is
    4321 is 1234 reversed, and not 1432         the question again, and what is denied

`last_number` leaves them out, unless there is nothing else.
"""

from __future__ import annotations

import re

from straw.text.spelled_number import ANY_NUMBER, NUMBER

COUNTED = "numbers|integers|steps|terms|values|addends|lines|times|parts"
ASIDES = (
    rf"{ANY_NUMBER}(?:[)$_ ]*+(?:[+*×]|\\times|\\cdot)[($_ ]*+{ANY_NUMBER})++(?![)$_* ]*+(?:[-−/÷=→]|\\))",
    r"(?-i:because\b)[^\n.]*+",
    rf"\[\s*+{ANY_NUMBER}(?:,\s*+{ANY_NUMBER})++\s*+\]",  # as numbers are asked for
    rf"{ANY_NUMBER}(?:,\s++{ANY_NUMBER}){{0,8}}+,?\s++and\s++{ANY_NUMBER}",
    rf"{ANY_NUMBER}[*_`$]*+ (?:reversed|backwards|in reverse)\b",
    rf"\b(?:revers\w+|digits) of (?:the )?(?:number )?[*_`$]*+{ANY_NUMBER}",
    rf"\boriginal(?: number)?[\s:*_`$]*+{ANY_NUMBER}",
    rf"{ANY_NUMBER} (?:\w+ )?(?:{COUNTED})\b",
    rf"\b(?:has|have|with|all) {ANY_NUMBER} digits|{ANY_NUMBER}-digit",
    r"\b(?:step|part|line|note|example|case) ?#?[0-9]++",
    r"[0-9]++(?:st|nd|rd|th)\b",
    rf"\b(?:not|instead of|rather than) [*_`$]*+{ANY_NUMBER}",
    r"^[ \t]*+[1-9][.)][ \t]++(?=[A-Za-z*])",  # the number of a line in a list
    r"</?[A-Za-z][^<>\n]{0,40}>",  # <h2>
)
NUMBERS = re.compile(NUMBER)
IN_EARNEST = re.compile(rf"(?:{'|'.join(ASIDES)})|{NUMBER}", re.IGNORECASE | re.MULTILINE)


def last_number(text: str) -> re.Match[str] | None:
    """The last match of NUMBER that is no aside, or else the last."""
    found = [match for match in IN_EARNEST.finditer(text) if match["digits"]] or list(NUMBERS.finditer(text))
    return found[-1] if found else None
