r"""What an equation comes to: the side that is a number by itself, the last of several.

    3 + 25 = 28  says 28        28 = 3 + 25       says 28        1234 → 4321  says 4321
    277-96       says 277

Nothing is worked out here: an expression that nobody says the result of says no more than it begins with.
"""

from __future__ import annotations

import re

from straw.text.reading.spelled_number import NUMBER

LATEX = r"\\(?:text|math)[a-z]*+|\\(?:f?box(?:ed)?|left|quad|displaystyle|underline|bf|[Ll]arge)(?![a-z])"
AROUND = rf"(?:[ \t()\[\]{{}}$_`*]|{LATEX})*+"
COMES_TO = (
    r"=>|->|=|→|⇒|\\(?:right|long)*(?:arrow|to)(?![a-z])|(?:equals|gives|becomes)(?![a-z])"
    r"|(?:when |read |written )?(?:reversed|backwards|in reverse)(?: is|:| =| equals| gives| becomes)(?![a-z])"
)
JOIN = re.compile(
    rf"{AROUND}(?:(?P<equals>{COMES_TO})|[-−+/×·÷]|\\(?:times|cdot|div)(?![a-z])){AROUND}|[ \t]*\*[ \t]*+"
)
TERM = re.compile(NUMBER)


def result_of(found: re.Match[str], text: str) -> re.Match[str]:
    """The number to which the equation comes that `found` begins; `found` itself where it begins none."""
    sides, at = [[found]], found.end()
    while (join := JOIN.match(text, at)) and (term := TERM.match(text, join.end())):
        if join["equals"]:
            sides.append([term])
        else:
            sides[-1].append(term)
        at = term.end()
    alone = [side[0] for side in sides if len(side) == 1]
    return alone[-1] if alone else found
