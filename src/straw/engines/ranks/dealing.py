"""Micro-batches dealt to ranks, round by round: what of it is read at once by all has to be of one size, or some wait.

    data -> groups of equal prompts -> micro-batches, the largest first -> rounds of one for each rank

All ranks take part in every round, because each of them holds rows of the layers that the others read with. Who has
nothing to read in the last round reads a stand-in that counts for nothing. A loss is a sum over tokens, so whose they
are changes a gradient by no more than the order of a sum does. One rank has the local engine's micro-batches.
"""

from __future__ import annotations

from collections.abc import Sequence

from straw.engines.local.batches import Group, micro_batches
from straw.types import Datum

Batch = list[Group]  # groups of indices; none: a stand-in
STAND_IN = Datum(prompt=(0,), tokens=(0, 0), weights=(0.0, 0.0))


def dealt(data: Sequence[Datum], max_tokens: int, ranks: int) -> list[list[Batch]]:
    """For each rank its micro-batches, as many as every other has."""
    if ranks == 1:
        return [list(micro_batches(data, max_tokens))]
    fair = -(-size_of(data, [list(range(len(data)))]) // ranks)
    batches = list(micro_batches(data, max(1, min(max_tokens, fair))))
    batches.sort(key=lambda batch: -size_of(data, batch))
    rounds = -(-len(batches) // ranks)
    return [[*batches[rank::ranks], *[[]] * rounds][:rounds] for rank in range(ranks)]


def size_of(data: Sequence[Datum], batch: Batch) -> int:
    """Tokens that are read: each prompt once."""
    members = [index for group in batch for index in group]
    prompts = {data[index].prompt for index in members}
    return sum(map(len, prompts)) + sum(len(data[index].tokens) for index in members)


def in_order(batches: Sequence[Batch]) -> list[int]:
    """The data of a rank, as their answers come back."""
    return [index for batch in batches for group in batch for index in group]
