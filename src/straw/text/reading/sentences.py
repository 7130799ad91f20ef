"""A text in sentences, well enough for a memory that stores them one by one.

    "She has 3.5 kg. Dr. Lee eats 1! So 2.5 are left"  ->  "She has 3.5 kg." "Dr. Lee eats 1!" "So 2.5 are left"

A sentence ends at . ! or ? (with closing brackets or quotes) before a blank, or at the end of a line. It does not end
behind an abbreviation, an initial, the number of a list item, or before a small letter. A text costs time in proportion
to its length, whatever stands in it.
"""

from __future__ import annotations

import re

ABBREVIATIONS = frozenset(
    {"mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "e.g", "i.e", "cf", "fig", "eq", "no", "approx"}
)
END = re.compile(r"(?<![.!?])[.!?]++[\"')\]]*+(?=\s)")  # from the first mark of a row, and never half of it
LIST_NUMBER = re.compile(r"\(?\d{1,2}")
LONGEST = 12  # characters of a word that does not end a sentence, and some more


def sentences(text: str) -> list[str]:
    """In order, without blanks around them; a text without any is one empty sentence."""
    found = [one for line in text.splitlines() for one in of_line(line)]
    return found or [""]


def of_line(line: str) -> list[str]:
    found, begin = [], behind_blanks(line, 0)
    for match in END.finditer(line):
        if ends(line, begin, match.end()):
            found.append(line[begin : match.end()])
            begin = behind_blanks(line, match.end())
    return [one for one in [*found, line[begin:].strip()] if one]


def ends(line: str, begin: int, end: int) -> bool:
    """Whether line[begin:end] is a whole sentence: its last word tells, and the first letter behind it."""
    if line[end - 1] != ".":
        return True
    start = max(begin, end - 1 - LONGEST)
    last = line[start : end - 1].rpartition(" ")[2].lower()
    is_initial = len(last) == 1 and last.isalpha()
    is_list_number = end - 1 - len(last) == begin and LIST_NUMBER.fullmatch(last) is not None
    follows = behind_blanks(line, end)
    return not (last in ABBREVIATIONS or is_initial or is_list_number or line[follows : follows + 1].islower())


def behind_blanks(line: str, place: int) -> int:
    """Where the next word begins."""
    while place < len(line) and line[place].isspace():
        place += 1
    return place
