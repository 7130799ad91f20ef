r"""Whether a formula is one answer, built like the gold one, before anybody asks for its value.

    gold 18          18 + 0 and \frac{36}{2} are;    17, 18    17 = 18    18 \pm 1    18 | 19    \not 18    are not
    gold 1, -2       -2 and 1 is: a list may be one answer where the gold is a list
    gold y = 2x      2x is, y = 2x = 3x is not

math-verify reads on where it understands and leaves out what it does not, so that \cancel{17} 18 is 18 to it, and takes
the last side of any equation. So nothing may stand here that it would leave out, and no sign that makes a second answer
unless the gold has it too.
"""

from __future__ import annotations

import re
from itertools import pairwise

from straw.text.graders.values.plain_words import MATHEMATICS, is_unit, listed

TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[A-Za-z]+|[0-9]+(?:\.[0-9]+)?|\.[0-9]+|\s+|.", re.DOTALL)
COMMANDS = listed(
    "frac sqrt pi theta alpha beta gamma delta lambda mu phi omega infty cdot times div circ sin cos tan cot sec csc "
    "arcsin arccos arctan sinh cosh tanh ln log exp binom lfloor rfloor lceil rceil max min gcd lcm sum prod int lim "
    "bmod { }"
)
KNOWN = frozenset({*"+-*/^_=(){}[],!|%'", *(f"\\{name}" for name in COMMANDS)})
AND = r"(?:\\text\{\s*+(?:and|or)\s*+\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z]))"
LISTS = re.compile(rf"(?<!\s)\s*+(?:[,;]\s*+{AND}?|{AND})\s*+")
WORD = r"[A-Za-z]{2,}(?:\^[23])?"  # of a unit, which has six at most: a longer one would be looked for from every word
UNIT = re.compile(rf"(?<=[\w}})\]!])(?:\s*+\\text\{{[^{{}}\\]*\}}(?:\^\{{?[23]\}}?)?|(?:\s++{WORD}){{1,6}})\s*+$")
NAME = re.compile(r"\s*\\?[A-Za-z]+(?:_\{?\w+\}?)?(?:\([A-Za-z](?:,\s*[A-Za-z])*\))?\s*")
CUT_SHORT = re.compile(r"[*/^_=,].*|.*(?:[-+*/^_=,(\[{]|\\cdot|\\times|\\div)", re.DOTALL)
MISPLACED = re.compile(r"(?<![A-Za-z])'|%(?!$)|\.[0-9]*\.|[,(\[{]\s*,|,\s*[)\]}]|(?<!\\frac)(?<!\\frac )[0-9]\s+[0-9.]")
BASE = re.compile(r"[0-9]\s*+_\s*+\{?\s*+([0-9]++)\s*+\}?\s*+$")
STEPS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


def formula_in(text: str) -> str:
    """Without the unit behind it, and lists by commas."""
    found = UNIT.search(text)
    if found and is_unit(" " + found[0].lstrip()):
        text = text[: found.start()]
    return LISTS.sub(",", text).strip()


def is_built_like(said: str, gold: str) -> bool:
    return has_known_signs(said, gold) and is_whole(said) and has_no_more_parts(said, gold) and has_its_base(said, gold)


def has_known_signs(said: str, gold: str) -> bool:
    """Those that math-verify understands, and those of the gold."""
    known = set(TOKEN.findall(gold)) | welcome(gold)
    letters = set("".join(one for one in known if one.isalpha()))
    return all(one in known or is_known(one, letters) for one in TOKEN.findall(said))


def is_known(token: str, letters: set[str]) -> bool:
    """A number, a name, a product of the gold's names, a blank, or a sign that math-verify understands."""
    if not token.isascii():
        return False
    if token.isalpha():
        return len(token) == 1 or token in MATHEMATICS or (len(token) < 4 and letters.issuperset(token))
    return token in KNOWN or token.isspace() or token[-1].isdigit()


def welcome(gold: str) -> set[str]:
    """A list may be said by its plus and minus, an interval by its name, a matrix in other brackets."""
    if "matrix}" in gold:
        return {"matrix", "pmatrix", "bmatrix"}
    return {"\\pm"} if is_list(gold) else {"\\in"} if gold[:1] in ("(", "[") else set()


def is_whole(text: str) -> bool:
    """Brackets are closed, and nothing is cut off or stands where it means nothing."""
    deep = [0]
    for character in text:
        deep.append(deep[-1] + STEPS.get(character, 0))
    is_closed = min(deep) == 0 == deep[-1] and text.count("|") % 2 == 0
    return is_closed and not CUT_SHORT.fullmatch(text) and not MISPLACED.search(text)


def has_no_more_parts(said: str, gold: str) -> bool:
    """As many values as the gold has, each with one name at most."""
    parts = parts_of(said)
    if len(parts) > 1 and not ("," in gold or is_list(gold)):
        return False
    equations = [part.split("=") for part in parts]
    if "=" in gold:
        return all(len(sides) <= max(2, gold.count("=") + 1) for sides in equations)
    return all(len(sides) == 1 or (len(sides) == 2 and NAME.fullmatch(sides[0])) for sides in equations)


def is_list(gold: str) -> bool:
    return "\\pm" in gold or gold.startswith("\\{") or len(parts_of(gold)) > 1


def parts_of(text: str) -> list[str]:
    """Split at the commas that no bracket holds."""
    ends, deep = [-1], 0
    for place, character in enumerate(text):
        deep += STEPS.get(character, 0)
        if character == "," and not deep:
            ends.append(place)
    return [text[before + 1 : end] for before, end in pairwise([*ends, len(text)])]


def in_brackets(text: str) -> str:
    """A parser that stops early leaves out the end of a text, but never of one in brackets."""
    inside = text.removesuffix("%")
    return text if re.search(r"[,=]|matrix|\\(?:cup|pm|in)(?![a-z])", inside) else f"({inside}){text[len(inside) :]}"


def has_its_base(said: str, gold: str) -> bool:
    """52 may be said for 52_8, but neither 52_9 nor 52_8 for 52."""
    ours, theirs = BASE.search(said), BASE.search(gold)
    return ours is None or (theirs is not None and ours[1] == theirs[1] and said.count("_") == gold.count("_"))
