r"""An answer without what is put around it: marks, dollars, a box, a phrase before it, a full stop behind it.

    The answer is **$18$**.    ->    The answer is **$18$**    The answer is $18$    The answer is 18    18

Each layer is taken off once and in order, so a text has one innermost answer. A phrase is words up to "is", ":" or "=",
and none of them may turn the meaning round or leave it open: what follows "not" or "at least" is no answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from straw.text.graders.values.plain_words import is_phrase

MOST_LAYERS = 12
SIGNS = {
    "−": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "÷": "/", "π": r"\pi ", "∞": r"\infty ",
    "°": r"^\circ ", "±": r"\pm ", "≤": r"\le ", "≥": r"\ge ", "∪": r"\cup ", "∈": r"\in ", "²": "^2", "³": "^3",
    "½": r"\frac{1}{2}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "’": "'",
}  # fmt: skip
SAME = (
    (re.compile(r"\\(?:left|right|displaystyle)(?![A-Za-z])|(?<!\\)\\!\s*"), ""),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"(?<!\\)\\[,;: ]|(?<=\S)~(?=\S)"), " "),
    (re.compile(r"\\[dtc]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\(?:math|text)(?:rm|bf|it|sf|normal)?(?=\s*\{)|\\mbox"), r"\\text"),
    (re.compile(r"\^\{\\circ\}|\\degrees?(?![A-Za-z])"), r"^\\circ "),
    (re.compile(r"√(\w+)"), r"\\sqrt{\1}"),
    (re.compile(r"√"), r"\\sqrt"),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\\(le|ge|ne)q(?![A-Za-z])"), r"\\\1"),
    (re.compile(r"(?<![A-Za-z\\])pi(?![A-Za-z])"), r"\\pi"),
    (re.compile(r"(?<=[0-9])\s*x\s*(?=10\^)"), r"\\times "),
)
MARKS = (("**", "**"), ("__", "__"), ("*", "*"), ("`", "`"), ('"', '"'), ("“", "”"), ("'", "'"))
DOLLARS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))
BRACED = re.compile(r"(?:\\(?:boxed|fbox|text)\s*)?\{")
BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
BOLD = re.compile(r"(?<![\w)}*])\*\*([^*\s](?:[^*]*[^*\s])?)\*\*")
PHRASE = re.compile(r"([A-Za-z][A-Za-z ,'$()-]*?)??(?:\b(?:is|are|was|were|equals?|be|has|have|had)\b|'s\b|:|=)")
NAME = re.compile(r"[A-Za-z]{2}")


def cleaned(text: str) -> str:
    """One way to write each sign; characters that nobody sees are blanks."""
    text = "".join(SIGNS.get(one, " " if unicodedata.category(one)[0] in "CZ" else one) for one in text)
    for pattern, plain in SAME:
        text = pattern.sub(plain, text)
    return text.strip()


def layers(text: str, has_phrase: bool = True) -> Iterator[str]:
    """The text, and what is left of it under each layer."""
    text = cleaned(text)
    yield text
    for _ in range(MOST_LAYERS):
        inner = without_a_mark(text) or unboxed(text) or (without_a_phrase(text) if has_phrase else None)
        if inner is None:
            return
        text = inner
        yield text


def innermost(text: str, has_phrase: bool = True) -> str:
    return list(layers(text, has_phrase))[-1]


def without_a_mark(text: str) -> str | None:
    """A full stop, or what stands at both ends and nowhere between."""
    if text.endswith(".") and not text.endswith(".."):
        return text[:-1].strip()
    if text.startswith("#"):
        return text.lstrip("#").strip()
    for begin, end in (*MARKS, *DOLLARS):
        inside = text[len(begin) : -len(end)]
        is_around = text.startswith(begin) and text.endswith(end) and len(text) >= len(begin) + len(end)
        if is_around and begin not in inside and end not in inside and not text.endswith("\\" + end):
            return inside.strip()
    found = BRACED.match(text)
    if found and closing(text, found.end() - 1) == len(text) - 1:
        return text[found.end() : -1].strip()
    bold = BOLD.sub(r"\1", text)
    return bold if bold != text else without_dollars(text)


def without_dollars(text: str) -> str | None:
    """One formula among words; a single dollar is money."""
    marks = [place for place, one in enumerate(text) if one == "$" and text[place - 1 : place] != "\\"]
    if len(marks) != 2:
        return None
    return f"{text[: marks[0]]}{text[marks[0] + 1 : marks[1]]}{text[marks[1] + 1 :]}".strip()


def unboxed(text: str) -> str | None:
    """The only box, with harmless words around it."""
    found = BOX.search(text)
    end = closing(text, found.end() - 1) if found else None
    if found is None or end is None or BOX.search(text, end):
        return None
    around = f"{text[: found.start()]} {text[end + 1 :]}".replace("$", " ")
    return text[found.end() : end].strip() if is_phrase(around.strip(" .:")) else None


def without_a_phrase(text: str) -> str | None:
    """A formula's own name is no phrase: y = 2x stays."""
    found = PHRASE.match(text)
    if not found or found.end() == len(text):
        return None
    words = re.sub(r"[$()]", " ", found[1] or "").strip()
    if found[0].endswith("=") and words and not NAME.search(words):
        return None
    return text[found.end() :].strip() if is_phrase(words) else None


def closing(text: str, place: int) -> int | None:
    """Where the bracket that opens at a place is closed."""
    deep = 0
    for here in range(place, len(text)):
        deep += {"{": 1, "}": -1}.get(text[here], 0)
        if not deep:
            return here
    return None
