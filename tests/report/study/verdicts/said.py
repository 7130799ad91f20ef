"""Verdicts on the runs of a folder."""

from __future__ import annotations

from pathlib import Path

from straw.report.study.analysis import studied
from straw.report.study.load_runs import gathered
from straw.report.study.verdicts import Verdict, verdicts_of


def verdicts_at(folder: Path) -> list[Verdict]:
    return verdicts_of(studied(gathered([folder])))


def said(folder: Path, *words: str) -> str:
    """The one sentence with all of these words."""
    (found,) = [one.text for one in verdicts_at(folder) if all(word in one.text for word in words)]
    return found
