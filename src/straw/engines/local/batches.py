"""Data as the model reads them: grouped by prompt, cut to size, flat.

    data -> groups (equal prompts) -> micro-batches of at most `max_tokens` -> Flat

The last token of a reply is predicted but never read. A token is predicted from the hidden state
before it; the first tokens of a group all stand on the last state of their prompt. A soft target
is several weighted targets on one state, so distributions are learned by the same loss as tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import nan

import torch
from torch import Tensor

from straw.engines.local.forward.packing import Pack
from straw.types import Datum

Group = list[int]  # indices of data with one prompt
Lengths = tuple[int, int]  # of a datum: what it shares, what is its own
Pair = tuple[int, int, float, int, int, float]  # state, target, weight, datum, place in it, share of that place


@dataclass(frozen=True, slots=True)
class Flat:
    """One micro-batch. Pairs (row, target) are sorted by row; `owner` and `place` say whose token each is."""

    tokens: Tensor
    pack: Pack
    states: Tensor  # which hidden states are needed, [M]
    rows: Tensor  # [N] into states
    targets: Tensor
    weights: Tensor
    advantages: Tensor
    sampler_logprobs: Tensor  # nan where a datum has none: it counts as drawn from the current policy
    owner: list[int]
    position: list[int]
    shares: list[float]  # of its token: 1, or what a soft target gives to this one


def micro_batches(data: Sequence[Datum], max_tokens: int) -> Iterator[list[Group]]:
    """Groups of equal prompts, those of one size together: attention pads a batch to its largest group."""
    by_prompt: dict[tuple[int, ...], Group] = {}
    for index, datum in enumerate(data):
        by_prompt.setdefault(datum.prompt, []).append(index)
    lengths = [(len(datum.prompt), len(datum.tokens)) for datum in data]
    yield from in_pieces(by_prompt.values(), lengths, max_tokens)


def in_pieces(groups: Iterable[Group], lengths: Sequence[Lengths], max_tokens: int) -> Iterator[list[Group]]:
    """Those of one size together."""
    by_size: dict[int, list[Group]] = {}
    for group in groups:
        by_size.setdefault(len(group), []).append(group)
    for same in by_size.values():
        yield from cut(same, lengths, max_tokens)


def cut(groups: Sequence[Group], lengths: Sequence[Lengths], max_tokens: int) -> Iterator[list[Group]]:
    """In order; a group that does not fit into what is left goes on in the next micro-batch."""
    batch: list[Group] = []
    size = 0
    for group in groups:
        prompt = lengths[group[0]][0]
        going: Group = []
        for index in group:
            cost = lengths[index][1] + (0 if going else prompt)
            if size and size + cost > max_tokens:
                yield [*batch, going] if going else batch
                batch, going, size, cost = [], [], 0, lengths[index][1] + prompt
            going.append(index)
            size += cost
        batch.append(going)
    yield batch


def flatten(data: Sequence[Datum], groups: Sequence[Group], device: torch.device, every_token: bool) -> Flat:
    """`every_token`: each token as it was written, also those of weight 0; else what trains."""
    prompts = [data[group[0]].prompt for group in groups]
    members = [index for group in groups for index in group]
    lengths = [[len(data[index].tokens) - 1 for index in group] for group in groups]
    tokens = [token for prompt in prompts for token in prompt]
    prompt_ends = [end - 1 for end in running_sum(map(len, prompts))]
    last_of = {index: prompt_ends[u] for u, group in enumerate(groups) for index in group}
    pairs: list[Pair] = []
    for index in members:
        pairs += pairs_of(data[index], index, last_of[index], len(tokens), every_token)
        tokens += data[index].tokens[:-1]
    pairs.sort(key=lambda pair: pair[0])
    states = sorted({pair[0] for pair in pairs})
    row_of = {state: row for row, state in enumerate(states)}
    whose = [(data[pair[3]], pair[4]) for pair in pairs]
    advantages = [datum.advantages[place] if datum.advantages else 0.0 for datum, place in whose]
    sampler = [datum.logprobs[place] if datum.logprobs else nan for datum, place in whose]

    def array(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=device)

    return Flat(
        tokens=torch.tensor(tokens, device=device),
        pack=Pack([len(prompt) for prompt in prompts], lengths, device),
        states=torch.tensor(states, dtype=torch.long, device=device),
        rows=torch.tensor([row_of[pair[0]] for pair in pairs], dtype=torch.long, device=device),
        targets=torch.tensor([pair[1] for pair in pairs], dtype=torch.long, device=device),
        weights=array([pair[2] for pair in pairs]),
        advantages=array(advantages),
        sampler_logprobs=array(sampler),
        owner=[pair[3] for pair in pairs],
        position=[pair[4] for pair in pairs],
        shares=[pair[5] for pair in pairs],
    )


def pairs_of(datum: Datum, index: int, prompt_end: int, start: int, every_token: bool) -> list[Pair]:
    """For the tokens of one datum that are asked for."""
    pairs = []
    for place, (token, weight) in enumerate(zip(datum.tokens, datum.weights, strict=True)):
        if weight == 0 and not every_token:
            continue
        state = prompt_end if place == 0 else start + place - 1
        soft = None if every_token or datum.soft_targets is None else datum.soft_targets[place]
        for target, share in (soft or {token: 1.0}).items():
            pairs.append((state, target, weight * share, index, place, share))
    return pairs


def running_sum(values: Iterator[int] | Sequence[int] | map[int]) -> list[int]:
    total, sums = 0, []
    for value in values:
        total += value
        sums.append(total)
    return sums


def read_rows(flat: Flat) -> dict[int, list[int]]:
    """Of each datum the states that stand on its own tokens; of one with a single token the end of its prompt."""
    found: dict[int, list[int]] = {}
    for owner, position, row in zip(flat.owner, flat.position, flat.rows.tolist(), strict=True):
        found.setdefault(owner, []).append(row)
        if position == 1:  # pairs of a datum are in order, and its first stands on the prompt
            found[owner].pop(0)
    return found


def scatter(out: list[list[float]], flat: Flat, logprobs: Tensor) -> None:
    """Several targets of one token count by their share."""
    for value, owner, position, share in zip(logprobs.tolist(), flat.owner, flat.position, flat.shares, strict=True):
        out[owner][position] += share * value


class Told:
    """What the micro-batches of one call said. It stays on the device until all of them are on their way, so that the
    host waits once and not behind each.
    """

    def __init__(self) -> None:
        self.whose: list[tuple[list[int], list[int], list[float]]] = []
        self.logprobs: list[Tensor] = []
        self.sums: list[dict[str, Tensor]] = []

    def add(self, flat: Flat, logprobs: Tensor, sums: dict[str, Tensor]) -> None:
        self.whose.append((flat.owner, flat.position, flat.shares))
        self.logprobs.append(logprobs)
        self.sums.append(sums)

    def fetched(self, data: Sequence[Datum]) -> tuple[list[tuple[float, ...]], dict[str, float]]:
        """By datum the log-probabilities of its tokens, and sums by name."""
        out = [[0.0] * len(datum.tokens) for datum in data]
        if not self.whose:
            return [tuple(row) for row in out], {}
        values = iter(torch.cat(self.logprobs).tolist())
        for owners, positions, shares in self.whose:
            for owner, position, share in zip(owners, positions, shares, strict=True):
                out[owner][position] += share * next(values)
        sums: dict[str, float] = {}
        numbers = torch.stack([value for one in self.sums for value in one.values()]).tolist()
        for name, number in zip((name for one in self.sums for name in one), numbers, strict=True):
            sums[name] = sums.get(name, 0.0) + number
        return [tuple(row) for row in out], sums
