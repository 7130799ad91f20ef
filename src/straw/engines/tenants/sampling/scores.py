"""What is asked about a prompt itself: log-probabilities of its tokens, of others in their places, and the likeliest.

All at temperature 1, from the hidden states of the one reading that sampling needs anyway; never more logits at once
than `lm_head.BUDGET` numbers.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from torch import Tensor

from straw.engines.local.forward.lm_head import BUDGET, Head
from straw.engines.tenants.records import Sampled, Sampling, TopK
from straw.engines.tenants.sampling.keys.prompts import Prompt
from straw.engines.tenants.sampling.rows import NO_CHANCE

Found = tuple[Tensor | None, Tensor | None, Tensor | None, Tensor | None]  # own, targets', likeliest: values and ids


def asks(sampling: Sampling) -> bool:
    return sampling.prompt_logprobs or sampling.topk_prompt_logprobs > 0 or sampling.target_tokens is not None


def score(prompt: Prompt, sampling: Sampling, head: Head) -> Generator[int, None, Sampled]:
    """Pauses before each piece with the number of its rows."""
    pieces: list[Found] = []
    size = max(1, BUDGET // head.weight.shape[0])
    if asks(sampling):
        for start in range(0, len(prompt.tokens) - 1, size):
            stop = min(start + size, len(prompt.tokens) - 1)
            yield stop - start
            pieces.append(measured(prompt, sampling, head, start, stop))
    return together(prompt, sampling, pieces)


def measured(prompt: Prompt, sampling: Sampling, head: Head, start: int, stop: int) -> Found:
    """Of the tokens behind places start to stop."""
    z = head.logits(prompt.hidden[start:stop])
    lse = z.logsumexp(-1, keepdim=True)
    own = targets = values = ids = None
    if sampling.prompt_logprobs:
        tokens = torch.tensor(prompt.tokens[start + 1 : stop + 1], device=z.device)
        own = (z.gather(1, tokens.unsqueeze(1)) - lse).squeeze(1).cpu()
    if sampling.target_tokens is not None:
        asked = torch.from_numpy(np.ascontiguousarray(sampling.target_tokens[start:stop], np.int64)).to(z.device)
        targets = (z.gather(1, asked.clamp_min(0)) - lse).masked_fill(asked < 0, 0.0).cpu()
    if sampling.topk_prompt_logprobs:
        values, ids = z.topk(sampling.topk_prompt_logprobs)
        values, ids = (values - lse).cpu(), ids.cpu()
    return own, targets, values, ids


def together(prompt: Prompt, sampling: Sampling, pieces: list[Found]) -> Sampled:
    own, targets, values, ids = (
        ([one for one in column if one is not None] for column in zip(*pieces, strict=True))
        if (pieces)
        else ([], [], [], [])
    )
    k, asked = sampling.topk_prompt_logprobs, sampling.target_tokens
    return Sampled(
        sequences=(),
        prompt_logprobs=behind(np.full(1, np.nan, np.float32), own) if sampling.prompt_logprobs else None,
        topk_prompt=TopK(
            behind(np.zeros((1, k), np.int32), ids), behind(np.full((1, k), NO_CHANCE, np.float32), values)
        ) if k else None,
        target_logprobs=behind(np.zeros((0, asked.shape[1]), np.float32), targets) if asked is not None else None,
    )  # fmt: skip


def behind(first: np.ndarray, pieces: list[Tensor]) -> np.ndarray:
    return np.concatenate([first, *(piece.numpy().astype(first.dtype) for piece in pieces)])
