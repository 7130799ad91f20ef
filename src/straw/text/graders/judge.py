"""Questions to math-verify, answered in bounded time by a process of their own.

    same_value("so it is 1/2.", "0.5")           ->  True
    same_formula("\\\\frac{1}{2}", "0.5")         ->  True
    said_in("so it is 18.")                      ->  "18"

A question that costs more than a second of work, or that math-verify cannot read, is answered no. A process that cannot
be started, or is lost, is an error and never a verdict: a grader that fails in silence pays nothing to anyone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from straw.errors import StrawError
from straw.text.bounded_process import Beside

WORKER = Path(__file__).with_name("worker.py")


class Judge(Beside):
    """It speaks every second, whether it has an answer or not."""

    def __init__(self) -> None:
        super().__init__(WORKER, purpose="runs math-verify")

    def greet(self, said: Mapping[str, Any]) -> None:
        if "missing" in said:
            raise StrawError(
                f"this grader needs math-verify ({said['missing']}): pip install math-verify, or grader=exact"
            )

    def ask(self, **question: object) -> dict[str, Any]:
        answer = self.answer(question)
        if answer is None:
            raise StrawError("the process that runs math-verify was ended in the middle of its work")
        return answer


JUDGE = Judge()


@lru_cache(maxsize=4096)
def same_value(text: str, gold: str) -> bool:
    """Whether the answer that math-verify finds in a text has the value of the gold one."""
    return JUDGE.ask(ask="same", text=text, gold=gold).get("right") is True


@lru_cache(maxsize=4096)
def same_formula(formula: str, gold: str) -> bool:
    """The same for a text that is an answer and nothing else."""
    return JUDGE.ask(ask="formula", text=formula, gold=gold).get("right") is True


@lru_cache(maxsize=4096)
def said_in(text: str) -> str | None:
    """The answer that math-verify finds in a text."""
    said = JUDGE.ask(ask="said", text=text).get("said")
    return said if isinstance(said, str) and said else None
