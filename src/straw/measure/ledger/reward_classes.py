"""Secrets in classes: those that a channel would pay alike for a reply.

    log distance in 2 bins, N = 8, a reply of 4        secrets 3 4 5 | 0 1 2 6 7

A deterministic channel tells of a secret which class it is in, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from straw.information import num_bits
from straw.rewards.channel import Channel
from straw.tasks.base import Guessing, Task
from straw.text.reading.parse import parse_bit
from straw.types import Grade, Rollout

MOST = 1 << 16  # secrets: beyond, a run would feel the observer
NOBODY_ASKED = -1
DIGITS = 6  # of the whole pay, as the ledger writes it down
Array = NDArray[Any]


@dataclass(slots=True)
class Classes:
    """The secrets of a game, each in the parts that are paid for.

    A game of one number has one part, whatever its turns; a sequence has a part for each item, and per turn credit
    one for each bit.
    """

    channel: Channel
    N: int
    num_turns: int = 1
    length: int = 1
    tables: dict[object, Array] = field(default_factory=dict)
    labels: Array = field(default_factory=lambda: np.empty(0, np.int64))  # by the pattern of hits, as bits
    pays: dict[tuple[float, ...], int] = field(default_factory=dict)  # by what it pays

    @property
    def space(self) -> int:
        return int(self.N**self.length)

    @property
    def by_bits(self) -> bool:
        """Whether turns are paid for their own bits."""
        return self.num_turns > 1 and self.channel.per_part

    def said(self, rollout: Rollout, target: int) -> tuple[int | None, ...] | None:
        """The parts of the guess; None when nothing could be read."""
        if self.by_bits:
            bits = [parse_bit(reply) for reply in rollout.replies]
            return (*bits, *[None] * (self.num_turns - len(bits)))
        offsets = rollout.grade.offsets
        if not offsets or None in offsets:
            return None
        parts = [target] if self.length == 1 else self.parts(np.array([target]))[0]
        return tuple(int(part) + offset for part, offset in zip(parts, offsets, strict=True) if offset is not None)

    def parts(self, secrets: Array) -> Array:
        """One row a secret, its most significant part first."""
        if self.by_bits:
            return secrets[:, None] >> np.arange(self.num_turns - 1, -1, -1) & 1
        powers = self.N ** np.arange(self.length - 1, -1, -1)
        return secrets[:, None] // powers % self.N

    def of(self, said: tuple[int | None, ...], secrets: Array, grade: Grade | None = None) -> Array:
        """A number for each secret, equal where the pay is."""
        if self.length == 1 and not self.by_bits:
            told = self.channel.tells_apart(int(said[0] or 0), secrets)
            if told is not None:
                return np.asarray(told)
            return self.of_offsets(int(said[0] or 0) - secrets, grade)
        parts = self.parts(secrets)
        if self.by_bits:
            return self._combined(parts == np.array([-1 if bit is None else bit for bit in said]))
        offsets = np.array(said) - parts
        if self.channel.several == "hits":
            return self._combined(offsets == 0)
        return np.round(self._table(grade)[offsets + self.N - 1].mean(axis=1), DIGITS)

    def of_offsets(self, offsets: Array, grade: Grade | None = None) -> Array:
        """What single numbers are paid, so far from the secret."""
        return np.round(self._table(grade)[offsets + self.N - 1], DIGITS)

    def _combined(self, hits: Array) -> Array:
        """A number for each row of hits, equal where the pay is: every pattern is paid for once in a run."""
        patterns = hits @ (1 << np.arange(hits.shape[1]))
        if len(self.labels) < 1 << hits.shape[1]:
            self.labels = np.full(1 << hits.shape[1], NOBODY_ASKED)
        found = self.labels[patterns]
        if (new := found == NOBODY_ASKED).any():
            for pattern in np.unique(patterns[new]):
                self.labels[pattern] = self._label(pattern >> np.arange(hits.shape[1]) & 1)
            found = self.labels[patterns]
        return np.asarray(found)

    def _label(self, pattern: Array) -> int:
        """The place of its pay among those that were met."""
        paid = self._pay_hits(pattern)
        return self.pays.setdefault(paid, len(self.pays))

    def _pay_hits(self, pattern: Array) -> tuple[float, ...]:
        hits = tuple(bool(hit) for hit in pattern)
        paid = self.channel(Grade(hits=hits, well_formed=True, offsets=tuple(int(not hit) for hit in hits)), 0.0)
        return tuple(round(one, DIGITS) for one in paid.per_turn or (paid.total,))

    def _table(self, grade: Grade | None) -> Array:
        """What each offset of one number is paid, from -(N - 1) on; bits can spell a number beyond N - 1."""
        form = grade if self.channel.by_form else None
        key = form and (form.well_formed, tuple(sorted(form.form.items())), form.num_tokens, form.answer, form.text)
        if key not in self.tables:
            template = form or Grade(hits=(False,), well_formed=True)
            last = 2 ** num_bits(self.N) if self.num_turns > 1 else self.N
            self.tables[key] = np.array([self._pay(template, offset) for offset in range(1 - self.N, last)])
        return self.tables[key]

    def _pay(self, template: Grade, offset: int) -> float:
        paid = self.channel(replace(template, hits=(offset == 0,) * self.num_turns, offsets=(offset,)), 0.0)
        return paid.total


def classes_of(task: Task, channel: Channel) -> Classes | None:
    """None for a task that hides no secret, for too many secrets, and for parts that nobody sorted yet."""
    if not isinstance(task, Guessing) or task.space > MOST:
        return None
    classes = Classes(channel, task.hidden.N, task.max_turns, task.hidden.length)
    several = task.max_turns > 1 or task.hidden.length > 1
    return None if several and channel.several is None else classes
