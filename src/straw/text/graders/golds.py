"""Before a run starts: does the right answer earn full marks, for every problem there is?

    check_golds(grader_named("exact"), ["18", "1,200"])  ->  []
    check_golds(grader_named("exact"), ["18", ""])       ->  ["exact fails its own gold answer '', written as ..."]

A grader that cannot read a gold answer pays nothing for it, in silence and for the whole run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from reprlib import repr as shortened
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from straw.text.graders.registry import Grader


def tagged(gold: str) -> str:
    """A reply that says the answer as the XML prompt asks for it."""
    return f"<reasoning>\nsee above\n</reasoning>\n<answer>\n{gold}\n</answer>"


def boxed(gold: str) -> str:
    """A reply that says the answer as the boxed prompt asks for it."""
    return f"So the final answer is $\\boxed{{{gold}}}$."


def check_golds(grader: Grader, golds: Iterable[str], written: Callable[[str], str] = tagged) -> list[str]:
    """A line for each gold answer that fails; equal ones are asked once."""
    return check_replies(grader, ((written(gold), gold) for gold in golds))


def check_replies(grader: Grader, pairs: Iterable[tuple[str, str]]) -> list[str]:
    """The same for replies that a task has written itself: (reply, gold)."""
    return [
        f"{grader.name} fails its own gold answer {gold!r}, written as {shortened(reply)}"
        for reply, gold in dict.fromkeys(pairs)
        if not grader.judge(reply, gold)
    ]
