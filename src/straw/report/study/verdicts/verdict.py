"""A sentence, and where its numbers stand."""

from __future__ import annotations

from dataclasses import dataclass

FEW = 4  # conditions that get a sentence each


@dataclass(frozen=True, slots=True)
class Verdict:
    text: str
    about: str  # the figure it stands on
    is_warning: bool = False
