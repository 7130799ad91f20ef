"""A sentence, where its numbers stand, and what it takes to say one that could be wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from straw.report.study.analysis import Study

FEW = 4  # conditions that get a sentence each
DOUBT = 0.05  # that any sentence of a report is wrong by chance


@dataclass(frozen=True, slots=True)
class Verdict:
    text: str
    about: str  # the figure it stands on
    is_warning: bool = False


class Part(NamedTuple):
    """What is asked of the runs, and the sentence that answers it.

    Every question gets the same share of `DOUBT`, so that a report of many sentences is no more often wrong than one
    of a single one.
    """

    questions: Callable[[Study], Iterable[Any]]
    answer: Callable[[Study, Any, float], Verdict]


Telling = Callable[[Study], Iterator[Verdict]]  # numbers alone: nothing is decided
