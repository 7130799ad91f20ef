"""The largest of some numbers without ground truth: a reply that names a number of the list is all that is known.

    straw train benchmarks/memory_unjudged.py:Unjudged model_name=smollm2

For setting c of `memory_test.py`. `hits` is what a reward may know, and a memory with it: the form. Whether the number
is the largest is read from the rollouts afterwards, by `is_largest`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from straw.tasks.largest import Largest
from straw.types import End, Grade, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Unjudged(Largest):
    """Lists of numbers, of which nobody says the largest."""

    def grade(self, problem: Problem, replies: Sequence[str], end: End) -> Grade:
        found = Largest.grade(self, problem, replies, end)
        return replace(found, hits=(bool(found.well_formed),))


def is_largest(rollout: Mapping[str, Any]) -> bool:
    """Of a line of rollouts.jsonl: its problem's key lists the numbers."""
    numbers = [int(one) for one in str(rollout["problem"]).split("-")[1:]]
    return bool(rollout["grade"].get("answer") == max(numbers))
