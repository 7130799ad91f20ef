r"""Words that may stand beside an answer without making it another one, or several.

    so the total        before it: is_phrase     not: at least, maybe, seventeen
    apples per day      behind it: is_unit       not: or so, hundred, x, and a half
    kg, \text{ cm}^2, ^\circ

A unit or a name may be any word, so those are listed that it may not be: words that deny, choose, guess, count or
calculate.
"""

from __future__ import annotations

import re


def listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


DENY = listed(
    "not no never none nor neither cannot wrong false incorrect untrue anything except unless or versus vs "
    "alternatively otherwise either instead maybe perhaps possibly probably likely about around approximately approx "
    "roughly nearly almost circa between beyond but"
)
BOUND = listed("least most than up to under over below above until exceeding exceeds minus")
COUNT = listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion trillion "
    "hundreds thousands millions billions dozen dozens half halves third thirds quarter quarters fourth fourths fifth "
    "fifths sixth sixths seventh sevenths eighth eighths ninth ninths tenth tenths hundredth hundredths thousandth "
    "thousandths twice thrice double triple doubled tripled halved negative grand mille squared cubed power factorial "
    "root plus mod modulo percent"
)
MATHEMATICS = listed(
    "sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan ln log exp sqrt pi theta alpha beta gamma phi gcd lcm "
    "det inf infty frac max min"
)
SMALL = listed("a an of on at as by he we it is per for")
SHORT_UNITS = listed(
    "m g l h s C F kg mg cm mm km ft in lb lbs oz ml mL hr hrs min sec ms mph kmh kph th st nd rd am pm sq cc yd mi"
)
WORD = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*\.?")
POWER = re.compile(r"(?<=[A-Za-z}])\^(?:\{[23]\}|[23])")
TEXT = re.compile(r"\\text\{([^{}\\]*)\}")
IN_BRACKETS = re.compile(r"\(([A-Za-z ]+)\)")
MOST_WORDS = 12


def is_phrase(text: str) -> bool:
    """Before an answer: "the sum of both", and nothing at all; but not "seventeen" and not "at least"."""
    words = words_of(text)
    if words is None or any(denies(word) for word in words):
        return False
    return not words or not (words[-1] in BOUND or all(word in COUNT for word in words))


def is_unit(text: str) -> bool:
    """Behind a number: whether it leaves the number as it is."""
    plain = POWER.sub("", text)
    is_apart = plain[:1].isspace() or plain.startswith((r"\text", r"^\circ"))
    plain = IN_BRACKETS.sub(r" \1 ", TEXT.sub(r" \1 ", plain.replace(r"^\circ", " degrees ")))
    words = words_of(plain.replace("/", " "), keeps_case=True)
    if not words:
        return words is not None
    is_whole = is_apart or words[0] in SHORT_UNITS or len(words[0]) > 3
    return is_whole and words[-1] not in SMALL and all(is_of_unit(word) for word in words)


def is_of_unit(word: str) -> bool:
    plain = word.lower()
    if denies(plain) or {plain, *plain.split("-")} & (COUNT | {"least", "most", "than", "minus"}):
        return False
    if word in SHORT_UNITS or plain in SMALL:
        return True
    return plain not in MATHEMATICS and len(plain) > 2 and bool(re.search("[aeiouy]", plain))


def denies(word: str) -> bool:
    return word in DENY or word.endswith("n't")


def words_of(text: str, keeps_case: bool = False) -> list[str] | None:
    """None where it is not a few words and nothing else."""
    words = re.split(r"[\s,]+", text.strip())[: MOST_WORDS + 1]
    if words == [""]:
        return []
    if len(words) > MOST_WORDS or not all(WORD.fullmatch(word) for word in words):
        return None
    return [word.rstrip(".") if keeps_case else word.rstrip(".").lower() for word in words]
