"""Which data are read together: those that begin alike, whoever sent them.

1. Data that are equal up to the first token that trains are a group: the prompt and its replies of reinforcement
   learning. They are read as `local.batches` reads the same data, so the gradient has the same bits.
2. What is left and begins alike for at least half of its length is a group too, whatever trains.

    112 tokens of prompt, 8 replies of 16      8 x 128 = 1024 tokens become 112 + 8 x 16 = 240

Both cost a look at each token and one sort. What would have more than LONG tokens of its own is read alone and whole:
attention behind a shared prefix keeps a weight for every pair of tokens in every layer, and among a prompt's it keeps
none. A sender who set the prompt apart (`Example.prompt`) has decided: then only rule 1 holds.
Where there is no gradient, nobody has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from straw.engines.tenants.records import Example, Tokens

LEAST = 16  # tokens that are worth sharing
LONG = 512


@dataclass(frozen=True, slots=True)
class Shared:
    """Data whose first `prefix` tokens are equal."""

    members: list[int]
    prefix: int


def shared(data: Sequence[Example], starts: Sequence[int], *, forward_only: bool = False) -> list[Shared]:
    """In the order of their first members. `starts`: the first token that trains."""
    decided = [not forward_only and e.prompt == start + 1 for e, start in zip(data, starts, strict=True)]
    by_prompt: dict[Tokens, list[int]] = {}
    free: list[int] = []
    for index, (example, start) in enumerate(zip(data, starts, strict=True)):
        if start and (decided[index] or example.num_tokens - start - 1 <= LONG):
            by_prompt.setdefault(example.tokens[: start + 1], []).append(index)
        else:
            free.append(index)
    groups = []
    for prompt, members in by_prompt.items():
        if len(members) > 1 or decided[members[0]]:
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
    if together < LEAST or 2 * together < longest or longest - together > LONG:
        return False
    run.prefix, run.longest = together, longest
    return True


def alone(data: Sequence[Example], starts: Sequence[int], run: Run) -> int:
    """As the local engine reads it; what is long or trains from its first token on is read as a prompt."""
    (index,) = run.members
    is_long = data[index].num_tokens - starts[index] - 1 > LONG
    return starts[index] + 1 if starts[index] and not is_long else data[index].num_tokens


def common(one: Tokens, other: Tokens) -> int:
    """>>> common((1, 2, 3), (1, 2, 4, 5))
    2
    """
    n = min(len(one), len(other))
    differ = np.array(one[:n]) != np.array(other[:n])
    return int(np.argmax(differ)) if differ.any() else n
