"""Runs from Python that cost a tenth of a second: the ones of `tests.small_runs`, as keyword arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.small_runs import WORDS

SMALL: dict[str, Any] = dict(word.split("=") for word in WORDS) | {"quiet": True}
RAW: dict[str, Any] = {"model": "tiny-0.2M", "warmup": "none", "quiet": True}
SHORT: dict[str, Any] = {**RAW, "max_tokens": 3, "n_batches": 2, "save_every": 1, "eval_samples": 2}
ONE_STEP: dict[str, Any] = {**SHORT, "n_batches": 1}
ROWS = [{"prompt": f"{number} + 1?", "answer": str(number + 1), "level": number % 3} for number in range(12)]


def long(completions: list[str], **columns: object) -> list[float]:
    """Longer is better."""
    return [len(text) / 10 for text in completions]


def bytes_of(folder: Path) -> bytes:
    return (folder / "rollouts.jsonl").read_bytes()
