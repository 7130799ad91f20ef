"""Which data are read together: those that begin alike, whoever sent them.

1. Data that are equal up to the first token that trains are a group: the prompt and its replies of reinforcement
   learning. They are read as `local.batches` reads the same data, so the gradient has the same bits.
2. What is left and begins alike for at least half of its length is a group too, whatever trains.

    112 tokens of prompt, 8 replies of 16      8 x 128 = 1024 tokens become 112 + 8 x 16 = 240

Both cost a look at each token and one sort. A sender who set the prompt apart (`Example.prompt`) has decided: then only
rule 1 holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from straw.engines.tenants.records import Example, Tokens

LEAST = 16  # tokens that are worth sharing


@dataclass(frozen=True, slots=True)
class Shared:
    """Data whose first `prefix` tokens are equal."""

    members: list[int]
    prefix: int


def shared(data: Sequence[Example], starts: Sequence[int]) -> list[Shared]:
    """In the order of their first members. `starts`: the first token that trains."""
    by_prompt: dict[Tokens, list[int]] = {}
    free: list[int] = []
    for index, (example, start) in enumerate(zip(data, starts, strict=True)):
        if start:
            by_prompt.setdefault(example.tokens[: start + 1], []).append(index)
        else:
            free.append(index)
    groups = []
    for prompt, members in by_prompt.items():
        if len(members) > 1 or data[members[0]].prompt == len(prompt):
            groups.append(Shared(members, len(prompt)))
        else:
            free += members
    groups += alike(data, starts, sorted(free))
    return sorted(groups, key=lambda group: group.members[0])


@dataclass(slots=True)
class Run:
    """Data that stand together in the order of the alphabet."""

    members: list[int]
    prefix: int
    longest: int


def alike(data: Sequence[Example], starts: Sequence[int], free: Sequence[int]) -> list[Shared]:
    """Neighbours, as long as half of each is shared."""
    runs: list[Run] = []
    before: Tokens = ()
    for index in sorted(free, key=lambda index: data[index].tokens):
        tokens = data[index].tokens
        if runs and joins(runs[-1], before, tokens):
            runs[-1].members.append(index)
        else:
            runs.append(Run([index], len(tokens), len(tokens)))
        before = tokens
    return [Shared(sorted(run.members), run.prefix if run.members[1:] else alone(data, starts, run)) for run in runs]


def joins(run: Run, before: Tokens, tokens: Tokens) -> bool:
    together, longest = min(run.prefix, common(before, tokens)), max(run.longest, len(tokens))
    if together < LEAST or 2 * together < longest:
        return False
    run.prefix, run.longest = together, longest
    return True


def alone(data: Sequence[Example], starts: Sequence[int], run: Run) -> int:
    """As the local engine reads it; what trains from its first token on has no prompt, and is read as one."""
    (index,) = run.members
    return starts[index] + 1 if starts[index] else data[index].num_tokens


def common(one: Tokens, other: Tokens) -> int:
    """>>> common((1, 2, 3), (1, 2, 4, 5))
    2
    """
    n = min(len(one), len(other))
    differ = np.array(one[:n]) != np.array(other[:n])
    return int(np.argmax(differ)) if differ.any() else n
