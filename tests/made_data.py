"""Small files of word problems, made here, for tests that need data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def word_problem(number: int) -> dict[str, str]:
    """As GSM8K writes them, with a calculator mark."""
    total = number + 3
    return {
        "question": f"Ada has {number} apples and buys 3 more. How many apples does she have?",
        "answer": f"She has {number}+3=<<{number}+3={total}>>{total} apples.\n#### {total}",
    }


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def gsm8k_folder(folder: Path, trained: int = 12, asked: int = 4) -> Path:
    write_lines(folder / "train.jsonl", (word_problem(number) for number in range(trained)))
    write_lines(folder / "test.jsonl", (word_problem(number) for number in range(1000, 1000 + asked)))
    return folder
