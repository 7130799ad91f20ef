r"""What a text says where it says one answer: a number, words, or a formula.

    1,200 dollars    number 1200        Evelyn    words       3\sqrt{13} cm    formula 3\sqrt{13}
    50%              number 50, %       (C)       words C     17, 18           formula 17, 18 (a list of two)

Gold answers are read the same way, and `is_same` compares: numbers to six decimals, words by their letters, formulas
by math-verify once `formula` has seen that the answer is built like the gold one. A share may be said in per cent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from straw.text.graders.judge import same_formula
from straw.text.graders.values.formula import formula_in, in_brackets, is_built_like
from straw.text.graders.values.layers import cleaned, layers
from straw.text.graders.values.plain_words import MATHEMATICS, TEXT, is_unit

NUMBER = re.compile(
    r"(?P<sign>-?|\+)\s*(?:\\?\$|[£€¥₹])?\s*"
    r"(?P<whole>[1-9][0-9]{0,2}(?:,[0-9]{3})+|[1-9][0-9]{0,2}(?: [0-9]{3})+|[0-9]*)"
    r"(?P<decimals>(?:\.[0-9]+)?)(?:\s*(?P<percent>%|per ?cent\b|pct\b))?(?:\s?\\?\$|\s?[£€¥₹¢])?(?P<unit>.*)",
    re.DOTALL,
)
DIGITS = re.compile(r"[+-]?(?=.?[0-9])[0-9]{0,100}(?:\.[0-9]{1,100})?")
DECIMALS = 6
LETTER = re.compile(r"(?:(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\s+)?\(?([A-J])\)?(?:[.:)]\s+(?P<rest>.*))?", re.DOTALL)
CHOICES = re.compile(r"\b(?:[B-HJ]|[AI](?! (?!is\b)[a-z]))\b")  # not those of "A good one" and "I choose"
LETTERS = re.compile("[A-Za-z]+")
WORDS = re.compile(r"[A-Za-z][A-Za-z ,.;:'-]*")


@dataclass(frozen=True, slots=True)
class Reading:
    """What is innermost, and every layer around it."""

    text: str  # a number by its digits alone, words as they are spelt, a formula without its unit
    layers: tuple[str, ...]
    number: Fraction | None = None
    is_percentage: bool = False
    is_words: bool = False


def reading_of(text: str, has_phrase: bool = True) -> Reading:
    """Of a gold answer nothing is taken for a phrase."""
    around = tuple(layers(text, has_phrase))
    if number := number_in(around[-1]):
        digits, is_percentage = number
        return Reading(digits + "%" * is_percentage, around, Fraction(digits), is_percentage)
    if are_words(around[-1]):
        return Reading(spelt(around[-1]), around, is_words=True)
    return Reading(formula_in(around[-1]), around)


def number_in(text: str) -> tuple[str, bool] | None:
    """Its digits, and whether they are per cent."""
    found = NUMBER.fullmatch(text)
    digits = found["sign"] + re.sub("[ ,]", "", found["whole"]) + found["decimals"] if found else ""
    if not found or not DIGITS.fullmatch(digits) or not is_unit(found["unit"]):
        return None
    return digits, found["percent"] is not None


def are_words(text: str) -> bool:
    """Letters alone, a word or a choice among them: Evelyn, (C)."""
    plain = unlettered(text)
    named = any(len(word) > 1 and word.lower() not in MATHEMATICS for word in LETTERS.findall(plain))
    return LETTER.fullmatch(plain) is not None or (WORDS.fullmatch(plain) is not None and named)


def is_same(said: Reading, gold: Reading) -> bool:
    """Whether the answer is the gold one."""
    if gold.is_words:
        is_there = gold.text in {spelt(layer) for layer in said.layers}  # a gold answer may have an "is" in it
        return is_there and (len(gold.text) > 1 or set(CHOICES.findall(unlettered(said.layers[0]))) <= {gold.text})
    if said.number is not None and gold.number is not None:
        return same_number(said, gold)
    if said.text == gold.text:
        return True
    formula = in_brackets(said.text) if said.number is None else said.text
    return is_built_like(said.text, gold.text) and same_formula(formula, gold.text)


def same_number(said: Reading, gold: Reading) -> bool:
    """50% is 50, and a half where the gold is a share; 1800% is not 18."""
    assert said.number is not None and gold.number is not None
    values = {said.number}
    if said.is_percentage and not gold.is_percentage and 0 < abs(gold.number) < 1:
        values.add(said.number / 100)
    if gold.is_percentage and not said.is_percentage:
        values.add(said.number * 100)
    return any(round(value, DECIMALS) == round(gold.number, DECIMALS) for value in values)


def spelt(text: str) -> str:
    """A choice by its letter, words without capitals."""
    plain = unlettered(text)
    choice = LETTER.fullmatch(plain)
    if choice:
        return choice[1] if not choice["rest"] or not re.search(r"\b[A-J]\b", choice["rest"]) else ""
    return plain if len(plain) == 1 else " ".join(plain.rstrip(".").lower().split())


def unlettered(text: str) -> str:
    return TEXT.sub(r"\1", cleaned(text)).strip()
