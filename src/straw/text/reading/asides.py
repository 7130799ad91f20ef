r"""Numbers that a reply says in passing, behind its answer or on the way to it.

    28 = 3 + 25    28 (3 + 25)    28 because 12 has a sum of 3     what an answer is made of, and why
    28 for 3 numbers, in step 2, the 2nd time                      counts, and where one is
    4321 is 1234 reversed, the reverse of 1234, not 1432           the question again, and what is denied

`last_number` leaves them out, unless there is nothing else. What has no answer in front of it is no aside: an
expression that ends a reply ("277-96", "7 + 11"), or the last of a list.
"""

from __future__ import annotations

import re

from straw.text.reading.spelled_number import ANY_NUMBER, NUMBER

BEHIND_NUMBER = r"(?:(?<=[0-9])|(?<=[0-9][ *`$).,])|(?<=[0-9]\*\*)|(?<=[0-9]\*\* )|(?<=[0-9][.,)] ))"
EXPRESSION = rf"{ANY_NUMBER}(?:[)$_ ]*+(?:[-−+/÷*×·]|\\times|\\cdot)[($_ ]*+{ANY_NUMBER})++"
LIST = rf"\[\s*+{ANY_NUMBER}(?:,\s*+{ANY_NUMBER})++\s*+\]"
SEVERAL = rf"{ANY_NUMBER}(?:,\s++{ANY_NUMBER}){{0,8}}+,?\s++and\s++{ANY_NUMBER}"
COUNTED = "numbers|integers|steps|terms|values|addends|lines|times|parts"
COUNTING = "for|from|in|of|over|across|with|using|after|adding|took|takes|there (?:are|were)"
ASIDES = (
    rf"{BEHIND_NUMBER}(?:=|\(=?|i\.e\.|or|from)[($_ ]*+{EXPRESSION}(?![)$_* ]*+(?:[=→]|\\))",
    rf"{BEHIND_NUMBER}because\b[^\n.]*+",
    rf"{BEHIND_NUMBER}is (?:the )?(?:number )?[*_`$]*+{ANY_NUMBER}[*_`$]*+ (?:reversed|backwards|in reverse)\b",
    rf"\brevers\w+ of (?:the )?(?:number )?[*_`$]*+{ANY_NUMBER}",
    rf"\boriginal(?: number)?[\s:*_`$]*+{ANY_NUMBER}",
    rf"\b(?:of|for|from|in) (?:the )?(?:numbers |integers |digits )?(?:{LIST}|{SEVERAL})",
    rf"\b(?:{COUNTING}) (?:the |all |these )?{ANY_NUMBER} (?:\w+ )?(?:{COUNTED})\b",
    rf"\b(?:has|have|with|all) {ANY_NUMBER} digits|{ANY_NUMBER}-digit|\({ANY_NUMBER} digits\)",
    rf"{BEHIND_NUMBER}\((?:from|was) [*_`$]*+{ANY_NUMBER}[*_`$]*+\)",
    r"\b(?:step|part|line|note|example|case) ?#?[0-9]++",
    r"[0-9]++(?:st|nd|rd|th)\b",
    rf"\b(?:not|instead of|rather than) [*_`$]*+{ANY_NUMBER}",
    r"</?[A-Za-z][^<>\n]{0,40}>",  # <h2>
)
NUMBERS = re.compile(NUMBER)
IN_EARNEST = re.compile(rf"(?:{'|'.join(ASIDES)})|{NUMBER}", re.IGNORECASE)


def last_number(text: str) -> re.Match[str] | None:
    """The last match of NUMBER that is no aside, or else the last."""
    found = [match for match in IN_EARNEST.finditer(text) if match["digits"]] or list(NUMBERS.finditer(text))
    return found[-1] if found else None
