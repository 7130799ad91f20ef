"""How many tokens a run has used, what they cost, and when it has to stop.

    tinker.json in the run folder     tokens by kind, dollars, and how many were spent when the budget last stopped it

What was spent stays spent: a run that is killed and goes on from a checkpoint counts on from all it used, and only a
person who resumes a run that its budget stopped grants it as much again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from straw.engines.tinker.prices import Price, Tokens
from straw.files import MIB, parse_json, read_file
from straw.runs.files.atomic_write import write_whole
from straw.runs.files.jsonl import json_line

FILE = "tinker.json"
KINDS = ("prefill", "cached", "sampled", "trained")


class Meter:
    def __init__(self, price: Price | None, budget_usd: float | None) -> None:
        self.price, self.budget_usd = price, budget_usd
        self.tokens = Tokens()
        self.granted_from = 0.0  # dollars that were spent when the budget was granted last
        self.folder: Path | None = None

    def add(self, **tokens: int) -> None:
        self.tokens += Tokens(**tokens)

    @property
    def usd(self) -> float:
        return self.price.usd(self.tokens) if self.price is not None else 0.0

    @property
    def is_empty(self) -> bool:
        """Whether the budget is used up."""
        return self.budget_usd is not None and self.usd - self.granted_from >= self.budget_usd

    def numbers(self) -> dict[str, float]:
        """For a row of metrics: since the run began."""
        tokens = {f"tinker/{name}_tokens": float(count) for name, count in asdict(self.tokens).items()}
        return tokens | ({"tinker/usd": self.usd} if self.price is not None else {})

    def keep_in(self, folder: Path) -> None:
        """Count on from what the run in this folder has used, and write it there from now on."""
        self.folder = folder
        earlier = read_record(folder / FILE)
        self.tokens += Tokens(**{name: int(earlier.get(name, 0)) for name in KINDS})
        self.granted_from += float(earlier.get("granted_from", 0.0))
        self.write()

    def write(self) -> None:
        if self.folder is not None:
            record = {**asdict(self.tokens), "usd": self.usd, "granted_from": self.granted_from}
            write_whole(self.folder / FILE, json_line(record))

    def grant_again(self) -> None:
        """The budget has stopped the run: whoever resumes it grants as much again."""
        self.granted_from = self.usd
        self.write()


def read_record(path: Path) -> Mapping[str, Any]:
    try:
        found = parse_json(read_file(path, MIB))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
