"""Extract: the value of the answer, found and compared by math-verify, as LightEval's extractive match does.

    1  with an answer tag    what stands in the last one is read, and nothing else; an empty tag is wrong
       without               the end of the reply: boxed, "the answer is", the last number
    2  math-verify reads both and compares values: 1,200 = 1200, $5.00 = 5, 50% = 50, \\frac{1}{2} = 0.5

LaTeX in a tag may stand there without dollars. A gold answer of one capital letter is a choice: A, (A) or \\text{A}.
A plain number meets a plain gold without a parser; all else goes to a process that is stopped after a second of
work (`judge`), and what was not judged by then is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

from straw.text.answer_tags import last_answer
from straw.text.graders.bounds import MOST_READ, is_refused
from straw.text.graders.judge import said_in, same_value
from straw.text.graders.plain_numbers import plain_number

MINUS = str.maketrans({"−": "-", "\x00": " "})  # math-verify knows the sign of a keyboard only


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
        text, gold = readable(reply if answer is None else answer), gold.translate(MINUS).strip()
        if not text or not gold or is_refused(gold):
            return False
        number, target = plain_number(text), plain_number(gold)
        if number is not None and target is not None:
            return number == target
        return same_value(text, gold, is_tagged=answer is not None)


def readable(text: str) -> str | None:
    """The end of the text, as far as it is read; None where no parser may see it."""
    end = text[-MOST_READ:].translate(MINUS).strip()
    return None if is_refused(end) else end
