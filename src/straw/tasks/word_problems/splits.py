"""Questions out of rows, on two sides: those that are trained on and those that are asked.

    train.jsonl, test.jsonl     a file for each side
    one file, or one split      a tenth of it is held out, by a hash of each question's text

A question that is asked is never trained on: its twin among the training rows is left out, and `remarks` says where
both stand. Twins are found by their text, whatever its case and blanks. Everything is read once, when it is needed, and
what cannot be asked is refused by its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import NamedTuple

from straw.errors import DataError
from straw.seeds import uniform_for
from straw.tasks.prompting.gold import Worked
from straw.tasks.word_problems.data_loading import Row, Source
from straw.text.tools.calls import all_whole

SHOWN = 5  # twins in a remark
Read = Callable[[Row], tuple[str, Worked]]  # a ValueError says what a row lacks


class Question(NamedTuple):
    """What is asked, where it stands, and what is right."""

    place: str
    text: str
    gold: str
    solution: str
    row: Row = {}  # noqa: RUF012  for reward functions: nobody changes it

    @property
    def key(self) -> str:
        """The same wherever the row stands."""
        return blake2b(f"{self.text}\0{self.gold}".encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Questions:
    """The questions of a data set.

    `train_split` None: nothing is trained on, and everything there is is asked. `limit` keeps the first so many of
    the training side.
    """

    source: Source
    eval_source: Source
    read: Read
    train_split: str | None
    eval_split: str
    eval_share: float = 0.1
    limit: int | None = None
    skips_bad: bool = False  # rows that cannot be asked; broken files are refused all the same

    @cached_property
    def is_divided(self) -> bool:
        """Whether both sides come out of the same rows."""
        same = self.source == self.eval_source
        return self.train_split is not None and same and (
            self.train_split == self.eval_split or not self.source.has_splits
        )  # fmt: skip

    @cached_property
    def rows_to_train(self) -> tuple[Question, ...]:
        return self.load(self.source, str(self.train_split))

    @cached_property
    def rows_to_ask(self) -> tuple[Question, ...]:
        return self.rows_to_train if self.is_divided else self.load(self.eval_source, self.eval_split)

    @cached_property
    def faults(self) -> list[str]:
        """Of the rows that were skipped; filled as rows are read."""
        return []

    def load(self, source: Source, split: str) -> tuple[Question, ...]:
        """Every row as a question, or the place and the fault of the first that is none."""
        found = []
        for place, row in source.rows(split):
            try:
                found.append(question_at(place, row, self.read))
            except DataError as error:
                if not self.skips_bad:
                    raise DataError(f"{error}. Mend or remove it, or write bad_rows=skip.") from None
                self.faults.append(str(error))
        if not found:
            raise DataError(f"no row of the split {split!r} can be asked: {self.faults[0]}. Mend the data.")
        return tuple(found)

    @cached_property
    def held_out(self) -> frozenset[str]:
        """Places of the rows that are asked, where one file has both sides."""
        rows = self.rows_to_train if self.is_divided else ()
        return frozenset(one.place for one in rows if held_out(one.text, self.eval_share))

    @cached_property
    def asked(self) -> tuple[Question, ...]:
        kept = tuple(one for one in self.rows_to_ask if not self.is_divided or one.place in self.held_out)
        if not kept:
            raise self.one_sided("held out")
        return kept

    @cached_property
    def trained(self) -> tuple[Question, ...]:
        if self.train_split is None:
            raise DataError("train_split=none leaves nothing to train on. Write train_split=train.")
        leave = self.held_out | {one.place for one, _ in self.twins}
        kept = tuple(one for one in self.rows_to_train if one.place not in leave)
        if not kept:
            raise self.one_sided("trained on")
        return kept[: self.limit]

    @cached_property
    def twins(self) -> list[tuple[Question, Question]]:
        """Training rows whose question is asked too, beside the row that asks it."""
        if self.is_divided or self.train_split is None:
            return []  # twins of one file have one hash, and so one side
        asked = {plain(one.text): one for one in self.asked}
        return [(one, asked[text]) for one in self.rows_to_train if (text := plain(one.text)) in asked]

    @property
    def remarks(self) -> list[str]:
        """What a person should know about the data."""
        twins = [f"{one.place} is {other.place}" for one, other in self.twins]
        said = [f"left out of training, since they are asked too: {shown(twins, ', ')}"] if twins else []
        return [*said, f"skipped, {len(self.faults)} rows: {shown(self.faults, '; ')}"] if self.faults else said

    def one_sided(self, lacking: str) -> DataError:
        if not self.is_divided:  # then all that could be trained on are twins
            return DataError(
                f"each of the {len(self.rows_to_train)} questions to train on is asked too, and what is asked is not "
                "trained on. Give eval_path other questions, or leave it out: eval_share holds some of them out."
            )
        return DataError(
            f"of {len(self.rows_to_train)} questions in {self.source.path or self.source.hub} none is {lacking}, with "
            f"eval_share={self.eval_share}. Name the held-out questions with eval_path, or choose another eval_share."
        )


def question_at(place: str, row: Row, read: Read) -> Question:
    try:
        text, (gold, solution) = read(row)
    except ValueError as error:
        raise DataError(f"{place}: {error}") from None
    if not all_whole((text, gold, solution, row)):
        raise DataError(f"{place}: it holds half a character (a lone surrogate)")
    return Question(place, text, gold, solution, row)


def shown(lines: list[str], between: str) -> str:
    more = f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    return between.join(lines[:SHOWN]) + more


def held_out(text: str, share: float) -> bool:
    return uniform_for("questions", "held out", plain(text)) < share


def plain(text: str) -> str:
    """The text as twins share it."""
    return " ".join(text.lower().split())
