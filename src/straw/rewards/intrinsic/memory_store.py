"""A bounded memory of what was answered to which question: first in, first out, for questions and for answers.

    key      the hash of a question's text: who it is. Its embedding only finds neighbours.
    values   the embeddings of its newest answers, `max_values` at most; `max_keys` questions at most

    nearest   k questions by cosine: one matmul and a top-k; a question that is known is its own nearest
    centroid  sum of the running sums / sum of the counts: O(k), however many answers there are

Questions lie in the rows of one matrix, answers in the rows of another. Both double when they are full, up to their
bound; then a new row takes the place of the oldest and nothing is shifted. Sums are float64: what was added and taken
away again leaves no trace above 1e-13. Vectors are torch's, so they begin at equal boundaries in every process and a
matmul has equal bits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from straw.rewards.intrinsic.base import is_finite
from straw.rewards.intrinsic.knn_index import Cells
from straw.rewards.intrinsic.memory_parts import packed, unpacked

FIRST_ROWS = 64
APPROXIMATE_ABOVE = 100_000  # keys: below, a look at all of them takes a few milliseconds
Arrays = dict[str, Tensor]


class MemoryStore:
    """Questions and their answers as unit vectors of `width` numbers."""

    def __init__(self, width: int, max_keys: int, max_values: int, *, approximate: bool = False) -> None:
        self.width, self.max_keys, self.max_values = width, max_keys, max_values
        self.cells = Cells(width) if approximate else None
        self.slots: dict[str, int] = {}  # where each key lies
        self.owners: list[str] = []  # the key in each slot
        self.rows: list[deque[int]] = []  # of each slot: its values' rows, oldest first
        self.oldest = 0  # the slot that the next new key takes, once all are in use
        self.free: list[int] = []
        self.keys = torch.zeros(0, width)
        self.sums = torch.zeros(0, width, dtype=torch.float64)
        self.values = torch.zeros(0, width)
        self.num_rows = 0  # of `values` that were ever used
        self.changed: set[int] = set()  # slots, since all of it was kept last

    @property
    def num_keys(self) -> int:
        return len(self.owners)

    @property
    def num_values(self) -> int:
        return self.num_rows - len(self.free)

    def __contains__(self, key: str) -> bool:
        return key in self.slots

    # --- writing

    def add(self, key: str, question: Tensor, values: Tensor) -> None:
        """Newer values go behind older ones; a full question forgets its oldest."""
        if not (is_finite(question) and is_finite(values)):
            raise ValueError("a memory holds finite vectors, or its running sums would never be finite again")
        slot = self.slots.get(key)
        if slot is None:
            slot = self._new_slot(key, question)
        self.changed.add(slot)
        rows = self.rows[slot]
        if len(rows) + len(values) <= self.max_values:
            taken = [self._free_row() for _ in values]
            self.values[taken] = values
            self.sums[slot] += values.double().sum(0)
            rows.extend(taken)
            return
        for value in values:
            if len(rows) == self.max_values:
                row = rows.popleft()
                self.sums[slot] -= self.values[row]
            else:
                row = self._free_row()
            self.values[row] = value
            self.sums[slot] += value
            rows.append(row)

    def _new_slot(self, key: str, question: Tensor) -> int:
        if self.num_keys < self.max_keys:
            slot = self.num_keys
            self.keys = grown(self.keys, slot, self.max_keys)
            self.sums = grown(self.sums, slot, self.max_keys)
            self.owners.append(key)
            self.rows.append(deque())
        else:
            slot, self.oldest = self.oldest, (self.oldest + 1) % self.max_keys
            del self.slots[self.owners[slot]]
            self.free.extend(self.rows[slot])
            self.owners[slot] = key
            self.rows[slot].clear()
        self.slots[key] = slot
        self.keys[slot] = question
        self.sums[slot] = 0
        if self.cells is not None:
            self.cells.place(slot, self.keys[: self.num_keys], starts_at=APPROXIMATE_ABOVE)
        return slot

    def _free_row(self) -> int:
        if self.free:
            return self.free.pop()
        row, self.num_rows = self.num_rows, self.num_rows + 1
        self.values = grown(self.values, row, self.max_keys * self.max_values)
        return row

    # --- reading

    def nearest(self, keys: Sequence[str], questions: Tensor, k: int, floor: float | None = None) -> list[list[int]]:
        """Slots of the k nearest questions of each, nearest first; none of those less alike than `floor`."""
        found: list[list[int]] = [[self.slots[key]] if k == 1 and key in self.slots else [] for key in keys]
        asked = [place for place, slots in enumerate(found) if not slots]
        if not asked or not self.num_keys:
            return found
        if self.cells is not None and self.cells.is_in_use:
            for place in asked:
                candidates = self.cells.candidates(questions[place], self.num_keys)
                found[place] = self._best(keys[place], self.keys[candidates] @ questions[place], k, floor, candidates)
            return found
        known = self.keys[: self.num_keys]
        if len(asked) == 1:
            alike = [known @ questions[asked[0]]]
        else:
            alike = list(questions[asked] @ known.T)
        for place, row in zip(asked, alike, strict=True):
            found[place] = self._best(keys[place], row, k, floor)
        return found

    def _best(
        self, key: str, alike: Tensor, k: int, floor: float | None, candidates: Tensor | None = None
    ) -> list[int]:
        own = self.slots.get(key)
        if not len(alike):
            return [] if own is None else [own]
        best = [int(alike.argmax())] if k == 1 else alike.topk(min(k, len(alike))).indices.tolist()
        if floor is not None:
            best = [place for place in best if float(alike[place]) >= floor]
        slots = best if candidates is None else candidates[best].tolist()
        if own is None:
            return slots
        return [own, *(slot for slot in slots if slot != own)][:k]

    def centroid(self, slots: Sequence[int]) -> Tensor:
        """The mean of all their values."""
        total = self.sums[slots[0]] if len(slots) == 1 else self.sums[list(slots)].sum(0)
        return (total / sum(len(self.rows[slot]) for slot in slots)).float()

    def values_of(self, slots: Sequence[int]) -> Tensor:
        """Each slot's values, oldest first."""
        return self.values[[row for slot in slots for row in self.rows[slot]]]

    # --- keeping

    def arrays(self) -> Arrays:
        """All of it, without a trace of which row was used when: equal memories have equal bytes."""
        return self._of(slice(self.num_keys), range(self.num_keys)) | self._small()

    def changes(self) -> Arrays:
        """Of the questions that changed since `kept`; `memory_parts` joins them to what was kept before."""
        slots = sorted(self.changed)
        return {"slots": torch.tensor(slots, dtype=torch.int64)} | self._of(slots, slots) | self._small()

    def kept(self) -> None:
        """What `arrays` or `changes` said is safe."""
        self.changed.clear()

    def _of(self, rows: slice | list[int], slots: Sequence[int]) -> Arrays:
        counts = torch.tensor([len(self.rows[slot]) for slot in slots], dtype=torch.int64)
        wide = {"keys": self.keys[rows].clone(), "sums": self.sums[rows].clone(), "values": self.values_of(slots)}
        return wide | {"counts": counts}

    def _small(self) -> Arrays:
        small = {"hashes": packed(self.owners), "oldest": torch.tensor([self.oldest])}
        return small if self.cells is None else small | self.cells.arrays(self.num_keys)

    def load(self, arrays: Arrays) -> None:
        counts = arrays["counts"].tolist()
        self.owners = unpacked(arrays["hashes"])
        self.slots = {key: slot for slot, key in enumerate(self.owners)}
        ends = list(accumulate(counts))
        self.rows = [deque(range(end - count, end)) for end, count in zip(ends, counts, strict=True)]
        self.keys, self.sums, self.values = arrays["keys"].clone(), arrays["sums"].clone(), arrays["values"].clone()
        self.num_rows, self.free, self.oldest = len(self.values), [], int(arrays["oldest"])
        self.changed.clear()
        if self.cells is not None:
            self.cells.load(arrays)


def grown(matrix: Tensor, needed: int, bound: int) -> Tensor:
    """The matrix if it has a row `needed`, or one with twice the rows, up to the bound."""
    if needed < len(matrix):
        return matrix
    larger = matrix.new_zeros(min(bound, max(FIRST_ROWS, 2 * len(matrix), needed + 1)), matrix.shape[1])
    larger[: len(matrix)] = matrix
    return larger
