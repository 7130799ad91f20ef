"""Extract: the value of the answer, found and compared by math-verify, as LightEval's extractive match does.

    1  with an answer tag    what stands in the last one is read, and has to be one answer; an empty tag is wrong
       without               the end of the reply: boxed, "the answer is", the last number
    2  math-verify reads both and compares values: 1,200 = 1200, $5.00 = 5, 50% = 50, \\frac{1}{2} = 0.5

What a tag may hold beside its answer stands in `one_answer`: 18 dollars is 18; 17, 18 and 17 = 18 and "not 18" are
nothing. A reply without a tag that is an answer and nothing else is read like a tag where the gold one is a formula or
a word. A gold answer of one capital letter is a choice: A, (A) or \\text{A}.
A plain number meets a plain gold without a parser; formulas go to a process that is stopped after a second of work
(`judge`), and what was not judged by then is wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from straw.text.graders.bounds import MOST_READ, is_refused
from straw.text.graders.judge import said_in, same_value
from straw.text.graders.values.one_answer import Reading, is_same, reading_of
from straw.text.graders.values.plain_numbers import plain_number
from straw.text.reading.answer_tags import last_answer

MINUS = str.maketrans({"−": "-", "\x00": " "})  # math-verify knows the sign of a keyboard only
MOST_SAID = 1000  # characters of an answer; where a gold one is longer, the same characters are right
MARKED = re.compile(r"(?<!\\)\$|\\[(\[]|boxed")  # where math-verify looks first


@dataclass(frozen=True, slots=True)
class Extract:
    """What the study calls strict."""

    name: str = "extract"

    def extract(self, reply: str) -> str | None:
        answer = last_answer(reply)
        if answer is not None:
            return answer or None
        text = readable(reply)
        return None if text is None else said_in(text)

    def judge(self, reply: str, gold: str) -> bool:
        answer = last_answer(reply)
        text, gold = reply if answer is None else answer, gold.translate(MINUS).strip()
        if not gold or text.strip() == gold:
            return bool(gold)
        said = readable(text)
        if not said or len(gold) > MOST_SAID or is_refused(gold):
            return False
        number, target = plain_number(said), plain_number(gold)
        if number is not None and target is not None:
            return number == target
        return is_found(said, gold) if answer is None else is_answer(said, gold)


@lru_cache(maxsize=4096)
def gold_reading(gold: str) -> Reading:
    return reading_of(gold, has_phrase=False)


def is_answer(text: str, gold: str) -> bool:
    """Whether the text is the gold answer, and nothing but that."""
    return len(text) <= MOST_SAID and is_same(reading_of(text), gold_reading(gold))


def is_found(text: str, gold: str) -> bool:
    """Whether the text comes to it in the end; one that is an answer and nothing else is read like a tag."""
    target = gold_reading(gold)
    is_bare = len(text) <= MOST_SAID and (target.is_words or not MARKED.search(text))
    said = reading_of(text) if is_bare else None
    if said and said.number is not None and target.number is not None:
        return is_same(said, target)
    if said and target.number is None and is_same(said, target):
        return True
    golds = (gold,) if target.number is None else (target.text, gold)  # 18 dollars are 18 too
    return any(same_value(text, one) for one in dict.fromkeys(golds))


def readable(text: str) -> str | None:
    """The end of the text, as far as it is read; None where no parser may see it."""
    end = text[-MOST_READ:].translate(MINUS).strip()
    return None if is_refused(end) else end
