"""A text in sentences, well enough for a memory that stores them one by one.

    "She has 3.5 kg. Dr. Lee eats 1! So 2.5 are left"  ->  "She has 3.5 kg." "Dr. Lee eats 1!" "So 2.5 are left"

A sentence ends at . ! or ? (with closing brackets or quotes) before a blank, or at the end of a line. It does not end
behind an abbreviation, an initial, the number of a list item, or before a small letter.
"""

from __future__ import annotations

import re

ABBREVIATIONS = frozenset(
    {"mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "e.g", "i.e", "cf", "fig", "eq", "no", "approx"}
)
END = re.compile(r"[.!?]+[\"')\]]*(?=\s)")
LIST_NUMBER = re.compile(r"\(?\d{1,2}")


def sentences(text: str) -> list[str]:
    """In order, without blanks around them; a text without any is one empty sentence."""
    found = [one for line in text.splitlines() for one in of_line(line)]
    return found or [""]


def of_line(line: str) -> list[str]:
    found, begin = [], 0
    for match in END.finditer(line):
        sentence = line[begin : match.end()]
        if ends(sentence.strip(), line[match.end() :].lstrip()):
            found.append(sentence)
            begin = match.end()
    return [one.strip() for one in [*found, line[begin:]] if one.strip()]


def ends(sentence: str, rest: str) -> bool:
    """Whether what was read so far is a whole sentence."""
    if not sentence.endswith("."):
        return True
    last = sentence[:-1].rpartition(" ")[2].lower()
    is_initial = len(last) == 1 and last.isalpha()
    is_list_number = sentence[:-1] == last and LIST_NUMBER.fullmatch(last) is not None
    return not (last in ABBREVIATIONS or is_initial or is_list_number or rest[:1].islower())
