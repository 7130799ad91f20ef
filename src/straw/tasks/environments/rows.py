"""The rows that episodes are begun with, or none: then the environment itself says what is asked.

    {"prompt": [{"role": "user", "content": "..."}], "environment": "chess", "level": 3}

All of a row goes to `reset`. Without data the one row there is has an empty message, as in TRL, and every group a world
of its own by its seed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

from straw.errors import DataError
from straw.seeds import uniform_for
from straw.tasks.word_problems.data_loading import Source
from straw.tasks.word_problems.prompts import messages_of
from straw.tasks.word_problems.tasks import plain_value, shuffled
from straw.text.tools.calls import is_whole
from straw.types import Message

Row = Mapping[str, Any]
EMPTY: Row = {"prompt": [{"role": "user", "content": ""}]}
HELD_OUT = 0.1


@dataclass(frozen=True, kw_only=True)
class Rows:
    """`path` None: no data."""

    path: str | None = None
    eval_path: str | None = None
    limit: int | None = None
    seed: int = 0

    @cached_property
    def read(self) -> list[Row]:
        return [EMPTY] if self.path is None else rows_of(self.path, "train")

    @cached_property
    def sides(self) -> tuple[list[Row], list[Row]]:
        """Those that are trained on and those that are asked: by a hash of their text, where one file has both.

        Where that leaves one side empty (rows that are all alike) both have all, and differ by the worlds' seeds.
        """
        if self.eval_path is not None:
            return self.read[: self.limit], rows_of(self.eval_path, "test")
        asked = [row for row in self.read if uniform_for("environment rows", text_of(row)) < HELD_OUT]
        trained = [row for row in self.read if uniform_for("environment rows", text_of(row)) >= HELD_OUT]
        if not asked or not trained:
            return self.read[: self.limit], self.read
        return trained[: self.limit], asked

    @property
    def num_trained(self) -> int | None:
        return None if self.path is None else len(self.sides[0])

    def trained(self, index: int) -> Row:
        turn, place = divmod(index, len(self.sides[0]))
        return self.sides[0][shuffled(self.seed, turn, len(self.sides[0]))[place]]

    def asked(self, index: int) -> Row:
        return self.sides[1][index % len(self.sides[1])]


def rows_of(path: str, split: str) -> list[Row]:
    found: list[Row] = []
    for place, row in Source(path=path).rows(split):
        try:
            asked_in(row)
        except ValueError as error:
            raise DataError(f"{place}: {error}. Mend or remove it.") from None
        plain = {str(name): plain_value(value) for name, value in row.items()}
        if not is_whole(text_of(plain)):
            raise DataError(f"{place}: a text of it has half of a character (a lone surrogate). Mend or remove it.")
        found.append(plain)
    return found


def asked_in(row: Row) -> tuple[Message, ...]:
    """What a row asks, before the environment adds to it."""
    if not isinstance(row.get("prompt", ""), str | list):
        raise ValueError(f"a prompt is a text or a list of messages, got {row['prompt']!r:.40}")
    return messages_of(row, "prompt") or (Message("user", ""),)


def text_of(row: Row) -> str:
    return json.dumps(row, sort_keys=True, ensure_ascii=False)


def key_of(name: str, row: Row) -> str:
    if row is EMPTY:
        return name
    return f"{name}-{blake2b(text_of(row).encode(), digest_size=6).hexdigest()}"
