"""The graders by name, and the study's words for them.

grader_named("extract").judge("<answer> $18 </answer>", "18")   ->  True
grader_named("strict")                                          ->  the same grader
"""

from __future__ import annotations

from typing import Protocol

from straw.errors import ConfigError, did_you_mean
from straw.text.graders.exact import Exact
from straw.text.graders.extract import Extract
from straw.text.graders.lenient import Lenient


class Grader(Protocol):
    """Reads an answer and compares it with the gold one. Safe in any thread and process, and bounded in time."""

    @property
    def name(self) -> str: ...

    def extract(self, reply: str) -> str | None:
        """The answer as this grader reads it; None where it finds none."""
        ...

    def judge(self, reply: str, gold: str) -> bool: ...


GRADERS: dict[str, Grader] = {grader.name: grader for grader in (Exact(), Extract(), Lenient())}
STUDY_WORDS = {"strict": "extract", "medium": "exact", "loose": "lenient"}


def grader_named(name: str) -> Grader:
    """By our name or the study's, or a ConfigError with the nearest there is."""
    ours = STUDY_WORDS.get(name, name)
    if ours not in GRADERS:
        raise ConfigError(f"there is no grader {name!r}; {did_you_mean(name, [*GRADERS, *STUDY_WORDS])}")
    return GRADERS[ours]
