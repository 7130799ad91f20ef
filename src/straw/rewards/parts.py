"""The named parts that a weighted reward is made of.

    correctness    1 when the task's grader calls the answer right                     0 or 1
    integer        1 when the answer is a whole number                                 0 or 1
    strict_format  1 for both tagged blocks and nothing else, each on its own lines    0 or 1
    soft_format    1 for both tagged blocks, lines or not                              0 or 1
    xmlcount       a quarter for each tag in its place, less for text behind the last  0 to 1
    cosine         by correctness and length (rewards/length.py)                      -1 to 1
    overlong       a reply that comes near the most tokens loses (rewards/length.py)  -1 to 0

The formats and `integer` are facts of the grade (text/reading/answer_tags.py). A part says None where a grade lacks the
fact: then it is absent, not zero. A new part is one function and one line of PARTS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from straw.rewards.length import cosine_length, overlong_length
from straw.types import Grade

Pays = Callable[[Grade, int | None], float | None]  # of the grade and the most tokens of a reply
ZERO_OR_ONE = (0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One named number of a grade, with the values that it can take; None when they are not a few.

    `full` is what a right reply like this one is owed, where that may be less than the highest. `points_at_the_answer`:
    only a right answer gets all of it. `needs_limit`: it measures a reply against the most tokens that it may have.
    """

    pays: Pays
    values: tuple[float, ...] | None = ZERO_OR_ONE
    lowest: float = 0.0
    highest: float = 1.0
    full: Pays | None = None
    points_at_the_answer: bool = False
    needs_limit: bool = False


def correctness(grade: Grade, limit: int | None) -> float:
    return float(all(grade.hits))


def cosine(grade: Grade, limit: int | None) -> float | None:
    return by_length(grade, limit, is_right=all(grade.hits))


def cosine_when_right(grade: Grade, limit: int | None) -> float | None:
    return by_length(grade, limit, is_right=True)


def by_length(grade: Grade, limit: int | None, is_right: bool) -> float | None:
    return None if grade.num_tokens is None or limit is None else cosine_length(is_right, grade.num_tokens, limit)


def overlong(grade: Grade, limit: int | None) -> float | None:
    return None if grade.num_tokens is None or limit is None else overlong_length(grade.num_tokens, limit)


def form(name: str) -> Pays:
    """A fact of the grade's form."""
    return lambda grade, limit: grade.form.get(name)


PARTS: Mapping[str, Part] = {
    "correctness": Part(pays=correctness, points_at_the_answer=True),
    "integer": Part(pays=form("integer"), full=form("integer")),  # not every right answer is a whole number
    "strict_format": Part(pays=form("strict_format")),
    "soft_format": Part(pays=form("soft_format")),
    "xmlcount": Part(pays=form("xmlcount"), values=None),
    "cosine": Part(
        pays=cosine, values=None, lowest=-1.0, full=cosine_when_right, points_at_the_answer=True, needs_limit=True
    ),
    "overlong": Part(pays=overlong, values=None, lowest=-1.0, highest=0.0, full=overlong, needs_limit=True),
}
