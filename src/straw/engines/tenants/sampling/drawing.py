"""One token for every row, each by its own settings and from its own seed.

Rows of one setting are drawn together; a row's draw has the bits that it has alone, since nothing in `draw` looks from
one row at another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from straw.engines.base import SamplingParams
from straw.engines.local.forward.lm_head import BUDGET
from straw.engines.local.sampler import draw, keep_likeliest
from straw.engines.tenants.sampling.rows import NO_CHANCE, Row, uniforms_at


def draw_rows(logits: Tensor, rows: Sequence[Row]) -> None:
    """logits[i] are of the next token of rows[i]."""
    seeds = np.array([row.seed for row in rows], np.uint64)
    u = uniforms_at(seeds, np.array([len(row.tokens) for row in rows]))
    for params, indices in by_settings(rows):
        mine = rows if len(indices) == len(rows) else [rows[i] for i in indices]
        z = logits if len(indices) == len(rows) else logits[indices]
        tokens, logprobs = draw(z, torch.from_numpy(u[indices]).to(z.device), params)
        add_likeliest(z, mine, params)
        for row, token, logprob in zip(mine, tokens.tolist(), logprobs.tolist(), strict=True):
            row.put(token, logprob)


def by_settings(rows: Sequence[Row]) -> Iterator[tuple[SamplingParams, list[int]]]:
    """At most as many rows at once as there is room for their distributions."""
    found: dict[int, list[int]] = {}
    for index, row in enumerate(rows):
        found.setdefault(id(row.request.params), []).append(index)
    for indices in found.values():
        yield rows[indices[0]].request.params, indices


def add_likeliest(z: Tensor, rows: Sequence[Row], params: SamplingParams) -> None:
    """The k likeliest of the distribution that is drawn from, for the rows whose requests ask for them."""
    asked = [index for index, row in enumerate(rows) if row.request.sampling.topk_logprobs]
    if not asked:
        return
    z = z[asked]
    if params.temperature:
        z = keep_likeliest(z / params.temperature, params.top_k, params.top_p)
    largest = max(rows[index].request.sampling.topk_logprobs for index in asked)
    values, ids = z.topk(largest)
    values = (values - z.logsumexp(-1, keepdim=True)).clamp_min(NO_CHANCE)
    for index, some, these in zip(asked, ids.tolist(), values.tolist(), strict=True):
        k = rows[index].request.sampling.topk_logprobs
        rows[index].topk.append((some[:k], these[:k]))


def rows_at_once(vocabulary: int) -> int:
    """Of logits, and of what `draw` makes of them."""
    return max(32, BUDGET // vocabulary)
