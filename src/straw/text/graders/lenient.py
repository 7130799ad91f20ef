"""Lenient: the rules of Qwen's evaluation, which finds an answer wherever one may stand.

    1  final answer is $...$. I hope        4  final answer is ... (all the rest)
    2  the last boxed                       5  the last number, commas removed
    3  he answer is ... (all the rest)

It knows no tags. What is found is tidied (`tidy`), and is right when it is equal within 1e-4 of itself, or to a
hundredth or a hundred times the gold (50% = 0.5 = 50), or has the same letters, or the same value. Like its model it
fails where a number follows the answer. A minus that is not the keyboard's counts as one here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isclose, isfinite

from straw.text.graders.bounds import is_refused
from straw.text.graders.judge import same_formula
from straw.text.graders.tidy import tidied
from straw.text.graders.values.formula import has_known_signs, in_brackets, parts_of

NUMBER = re.compile(r"-?[0-9]*\.?[0-9]+")
VALUE = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
RATIO = re.compile(r"(-?)\\frac\{(-?[0-9.]+)\}\{(-?[0-9.]+)\}")
PAIR = re.compile(r"[(\[].+[)\]]")
CHOICE = re.compile(r"\b[A-E]\b")
SIGNS = re.compile(r"[=<>]|\\(?:le|ge|ne|in)(?![a-z])|_[0-9]$")  # what both sides have; a base in braces does not count
CLOSE = 1e-4
MOST_CHARACTERS = 500  # no gold answer is as long


@dataclass(frozen=True, slots=True)
class Lenient:
    """What the study calls loose."""

    name: str = "lenient"

    def extract(self, reply: str) -> str | None:
        return twice_tidied(found(reply.replace("−", "-"))) or None

    def judge(self, reply: str, gold: str) -> bool:
        said, target = self.extract(reply), twice_tidied(gold.replace("−", "-"))
        return said is not None and target is not None and equal(said, target)


def twice_tidied(text: str) -> str | None:
    """As the original does with both sides: the second time x \\in [1,2] is [1,2]."""
    return tidied(tidied(text)) if len(text) <= MOST_CHARACTERS else None


def found(reply: str) -> str:
    """The answer as it stands in the reply; empty where there is none."""
    if "final answer is $" in reply and "$. I hope" in reply:
        said = reply.split("final answer is $", 1)[1].split("$. I hope", 1)[0]
    elif "boxed" in reply:
        said = in_box(reply.rpartition("boxed")[2])
    elif "he answer is" in reply:
        said = reply.rpartition("he answer is")[2]
    elif "final answer is" in reply:
        said = reply.rpartition("final answer is")[2]
    else:
        said = next(iter(NUMBER.findall(reply.replace(",", ""))[-1:]), "")
    said = re.sub(r"\n\s*", "", said.strip()).removeprefix(":")
    return said.removesuffix(".").removesuffix("/")


def in_box(text: str) -> str:
    """{a{b}c} and more  ->  a{b}c    without a bracket: up to a dollar."""
    if not text.startswith("{"):
        return text.partition("$")[0]
    deep = 0
    for place, character in enumerate(text):
        deep += {"{": 1, "}": -1}.get(character, 0)
        if not deep:
            return text[1:place]
    return text[1:]


def equal(said: str, gold: str) -> bool:
    """Letter by letter, by number, by parts, by value."""
    if said.lower() == gold.lower():
        return True
    if len(gold) == 1 and gold in "ABCDE":
        return CHOICE.findall(said.upper())[-1:] == [gold]
    number, target = value_of(said), value_of(gold)
    if number is not None and target is not None:
        return any(isclose(number, one, rel_tol=CLOSE) for one in (target, target / 100, target * 100))
    if bare(said) == bare(gold):
        return True
    return equal_parts(said, gold) or equal_values(said, gold)


def equal_parts(said: str, gold: str) -> bool:
    """(1,2) and [1,2] part by part, and k=5 as 5."""
    if PAIR.fullmatch(said) and PAIR.fullmatch(gold):
        ours, theirs = said[1:-1].split(","), gold[1:-1].split(",")
        if len(ours) == len(theirs) > 1 and all(map(equal, map(opened, ours), map(opened, theirs))):
            return True
    name, equals, rest = said.partition("=")
    if equals and "=" not in gold and len(name) <= 2 and "=" not in rest:
        return equal(rest, gold)
    name, equals, rest = gold.partition("=")
    return bool(equals) and "=" not in said and len(name) <= 2 and "=" not in rest and equal(said, rest)


def opened(part: str) -> str:
    """Of (0,9) and (9,36) joined the parts are 0 and 9 and 36: what a bracket closes from outside ends a part."""
    deep = 0
    for place, character in enumerate(part):
        deep += {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
        if deep < 0:
            return part[:place]
    return part


def equal_values(said: str, gold: str) -> bool:
    """Fractions are worked out here; what needs algebra is asked of math-verify."""
    ours, theirs = ratio_of(said), ratio_of(gold)
    if ours is not None and theirs is not None:
        return isclose(ours, theirs, rel_tol=CLOSE)
    if not needs_algebra(said) or not needs_algebra(gold) or is_refused(said) or is_refused(gold):
        return False
    return is_readable(said, gold) and same_formula(in_brackets(said), in_brackets(gold))


def is_readable(said: str, gold: str) -> bool:
    """Lists and unions are compared letter by letter, and so is what math-verify would leave out."""
    is_single = not any("\\cup" in one or len(parts_of(one)) > 1 for one in (said, gold))
    return is_single and has_known_signs(said, gold) and SIGNS.findall(said) == SIGNS.findall(gold)


def needs_algebra(text: str) -> bool:
    """Whether it could have a value at all: words have none."""
    letters = re.sub(r"\\[A-Za-z]+", "", text)
    return bool(text) and not re.search(r"[A-Za-z]{4}", letters)


def value_of(text: str) -> float | None:
    """1,200 and 5. and -.5; a per cent sign is a hundredth."""
    plain = text.replace(",", "")
    per_cent = plain.endswith("%")
    plain = plain.removesuffix("%").removesuffix("\\")
    if not VALUE.fullmatch(plain) or not isfinite(float(plain)):
        return None
    return float(plain) / 100 if per_cent else float(plain)


def ratio_of(text: str) -> float | None:
    if (number := value_of(text)) is not None:
        return number
    parts = RATIO.fullmatch(text)
    above, below = (value_of(parts[2]), value_of(parts[3])) if parts else (None, None)
    if not parts or above is None or not below:
        return None
    return -above / below if parts[1] else above / below


def bare(text: str) -> str:
    return re.sub(r"[{}()]", "", text).lower()
