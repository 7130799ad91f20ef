"""The graders by name, and the study's words for them.

grader_named("extract").judge("<answer> $18 </answer>", "18")   ->  True
grader_named("strict")                                          ->  the same grader
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from straw.errors import ConfigError, did_you_mean
from straw.registry import find, is_known
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


@dataclass(frozen=True, slots=True)
class ByFunction:
    """A function of two texts, reply and gold, that says whether the reply is right; it is shown the whole reply."""

    name: str
    is_right: Callable[[str, str], bool]

    def extract(self, reply: str) -> str | None:
        return None

    def judge(self, reply: str, gold: str) -> bool:
        return bool(self.is_right(reply, gold))


def grader_named(name: str) -> Grader:
    """By our name, the study's, or that of a function of yours; or a ConfigError with the nearest there is."""
    known = STUDY_WORDS.get(name, name)
    if known not in GRADERS and not is_known("graders", known):
        raise ConfigError(f"there is no grader {name!r}; {did_you_mean(name, [*GRADERS, *STUDY_WORDS])}")
    found = find("graders", known)
    if isinstance(found, type):
        found = found()
    grader: Grader = found if hasattr(found, "judge") else ByFunction(name, found)
    return grader
