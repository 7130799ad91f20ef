"""Examples as the model reads them: grouped by what they begin with, cut to size, flat.

    Asked -> groups (`prefixes`) -> micro-batches of at most `max_tokens` -> Flat

The twin of `local.batches`, for targets that need not be the next token. What trains comes first and stands as it
would there; every other cell is `read` from the same hidden states, for its log-probability alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from straw.engines.local.batches import Group, in_pieces
from straw.engines.local.forward.packing import Pack
from straw.engines.tenants.training.checks import Asked, Integers
from straw.engines.tenants.training.losses import HIGH, LOW, Cells
from straw.engines.tenants.training.prefixes import shared


@dataclass(frozen=True, slots=True)
class Wanted:
    """Cells in the order of the hidden states that they stand on: rows [n] into states [m]."""

    cells: Integers  # their numbers in the whole call
    states: Tensor
    rows: Tensor
    targets: Tensor


@dataclass(frozen=True, slots=True)
class Flat:
    """One micro-batch."""

    tokens: Tensor
    pack: Pack
    trained: Wanted
    read: Wanted
    inputs: Cells  # of the trained ones


def micro_batches(asked: Asked, max_tokens: int, device: torch.device) -> Iterator[Flat]:
    groups = shared(asked.data, asked.starts)
    prefix = {index: group.prefix for group in groups for index in group.members}
    # the local engine counts the last token of a reply, which is predicted and not read
    lengths = [(prefix[i], example.num_tokens - prefix[i] + 1) for i, example in enumerate(asked.data)]
    for some in in_pieces([group.members for group in groups], lengths, max_tokens):
        yield flatten(asked, some, prefix, device)


def flatten(asked: Asked, groups: Sequence[Group], prefix: dict[int, int], device: torch.device) -> Flat:
    tokens: list[int] = []
    begins: dict[int, int] = {}  # where the prefix of each datum begins in the flat row
    for group in groups:
        begins |= dict.fromkeys(group, len(tokens))
        tokens += asked.data[group[0]].tokens[: prefix[group[0]]]
    cells, states, owners = [], [], []
    for number, index in enumerate(index for group in groups for index in group):
        first, last = asked.first[index], asked.first[index + 1]
        place, shift = asked.places[first:last], len(tokens) - prefix[index]
        cells.append(np.arange(first, last))
        states.append(place + np.where(place < prefix[index], begins[index], shift))
        owners.append(np.full(last - first, number))
        tokens += asked.data[index].tokens[prefix[index] :]
    lengths = [[asked.data[index].num_tokens - prefix[index] for index in group] for group in groups]
    cell, state, owner = (np.concatenate(parts) for parts in (cells, states, owners))
    order = np.argsort(state, kind="stable")
    cell, state, owner = cell[order], state[order], owner[order]
    active = asked.active[cell]
    return Flat(
        tokens=torch.tensor(tokens, device=device),
        pack=Pack([prefix[group[0]] for group in groups], lengths, device),
        trained=wanted(asked, cell[active], state[active], device),
        read=wanted(asked, cell[~active], state[~active], device),
        inputs=inputs_of(asked, cell[active], owner[active], device),
    )


def wanted(asked: Asked, cells: Integers, states: Integers, device: torch.device) -> Wanted:
    some, rows = np.unique(states, return_inverse=True)
    arrays = (some, rows, asked.targets[cells])
    return Wanted(cells, *(torch.from_numpy(array.astype(np.int64)).to(device) for array in arrays))


def inputs_of(asked: Asked, cells: Integers, owner: Integers, device: torch.device) -> Cells:
    def array(name: str) -> Tensor:
        return torch.from_numpy(asked.inputs[name][cells]).to(device)

    return Cells(
        weights=array("weights"),
        advantages=array("advantages"),
        sampler_logprobs=array("logprobs"),
        low=array(LOW),
        high=array(HIGH),
        mask=array("sequence_ratio_mask"),
        owner=torch.from_numpy(owner).to(device),
    )
