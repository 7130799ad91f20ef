"""Memory-R: what succeeded and what failed, by question, and how near a new reply is to either.

    knn    exploit   near the mean of what succeeded at this question and the k - 1 most alike
    knn+   explore   as well: far from all that failed there

A question's own answers come first, as soon as it was met; before that, those of the nearest other questions. Where no
question is near enough (`floor`), or none was ever answered, there is no score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import torch
from torch import Tensor

from straw.rewards.intrinsic.base import Arrays, Raw, Trace
from straw.rewards.intrinsic.memory_parts import joined_store
from straw.rewards.intrinsic.memory_store import MemoryStore
from straw.rewards.intrinsic.similarity import exploit, explore

Measure = Callable[[list[Tensor], Sequence[int]], list[float]]


class Episodic:
    """Two stores, one of them only where somebody is paid for exploring."""

    def __init__(self, success: MemoryStore, failure: MemoryStore | None, *, k: int, floor: float | None) -> None:
        self.success, self.failure, self.k, self.floor = success, failure, k, floor
        self.names: tuple[str, ...] = ("exploit",) if failure is None else ("exploit", "explore")

    def raw(self, traces: Sequence[Trace]) -> Raw:
        """The traces of one question stand side by side."""
        groups = [list(group) for _, group in groupby(traces, key=lambda trace: trace.key)]
        success, failure = self.success, self.failure
        found = {"exploit": self._scores(groups, success, lambda v, slots: exploit(v, success.centroid(slots)))}
        if failure is not None:
            found["explore"] = self._scores(groups, failure, lambda v, slots: explore(v, failure.values_of(slots)))
        return found

    def _scores(self, groups: list[list[Trace]], store: MemoryStore, measure: Measure) -> list[float | None]:
        questions = torch.stack([group[0].question for group in groups])
        near = store.nearest([group[0].key for group in groups], questions, self.k, self.floor)
        return [score for group, slots in zip(groups, near, strict=True) for score in scores(group, slots, measure)]

    def write(self, traces: Sequence[Trace]) -> None:
        for (key, is_right), group in groupby(traces, key=lambda trace: (trace.key, trace.is_right)):
            store = self.success if is_right else self.failure
            if store is not None:
                found = list(group)
                store.add(key, found[0].question, torch.cat([trace.vectors for trace in found]))

    @property
    def _stores(self) -> list[MemoryStore]:
        return [store for store in (self.success, self.failure) if store is not None]

    def counts(self) -> dict[str, int]:
        return {
            "memory/keys": sum(store.num_keys for store in self._stores),
            "memory/values": sum(store.num_values for store in self._stores),
        }

    def arrays(self) -> Arrays:
        failures = self.failure.arrays() if self.failure is not None else {}
        return named("success", self.success.arrays()) | named("failure", failures)

    def changes(self) -> Arrays:
        failures = self.failure.changes() if self.failure is not None else {}
        return named("success", self.success.changes()) | named("failure", failures)

    def joined(self, parts: Sequence[Arrays]) -> Arrays:
        stores = [name for name in ("success", "failure") if part(parts[-1], name)]
        return {
            key: array for name in stores
            for key, array in named(name, joined_store([part(one, name) for one in parts])).items()
        }  # fmt: skip

    def kept(self) -> None:
        for store in self._stores:
            store.kept()

    def load(self, arrays: Arrays) -> None:
        self.success.load(part(arrays, "success"))
        if self.failure is not None:
            self.failure.load(part(arrays, "failure"))


def scores(group: list[Trace], slots: Sequence[int], measure: Measure) -> Iterator[float | None]:
    """Equal texts are measured once, so equal replies have equal bits."""
    if not slots:
        return iter([None] * len(group))
    vectors = {trace.text: trace.vectors for trace in group}
    by_text = dict(zip(vectors, measure(list(vectors.values()), slots), strict=True))
    return (by_text[trace.text] for trace in group)


def named(name: str, arrays: Arrays) -> dict[str, Tensor]:
    return {f"{name}.{key}": array for key, array in arrays.items()}


def part(arrays: Arrays, name: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{name}."): array for key, array in arrays.items() if key.startswith(f"{name}.")}
