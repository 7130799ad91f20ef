"""What is asked about a prompt itself: log-probabilities of its tokens, of others in their places, and the likeliest.

Tokens can be drawn in its places too, at the request's temperature and from seeds of their own. All log-probabilities
are at temperature 1, from the hidden states of the one reading that sampling needs anyway; never more logits at once
than `lm_head.BUDGET` numbers.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from torch import Tensor

from straw.engines.local.forward.lm_head import BUDGET, Head
from straw.engines.local.sampler import uniforms
from straw.engines.tenants.records import Sampled, Sampling, TopK
from straw.engines.tenants.sampling.keys.prompts import Prompt
from straw.engines.tenants.sampling.rows import NO_CHANCE
from straw.seeds import seed_for

Found = dict[str, Tensor]  # own, targets; likeliest and drawn: ids, and log-probabilities by "... nats"


def score(prompt: Prompt, sampling: Sampling, head: Head) -> Generator[int, None, Sampled]:
    """Pauses before each piece with the number of its rows."""
    pieces: list[Found] = []
    size = max(1, BUDGET // head.weight.shape[0])
    if sampling.asks_of_prompt:
        u = chances(sampling)
        for start in range(0, len(prompt.tokens) - 1, size):
            stop = min(start + size, len(prompt.tokens) - 1)
            yield stop - start
            pieces.append(measured(prompt, sampling, head, u, start, stop))
    return together(sampling, pieces)


def chances(sampling: Sampling) -> np.ndarray:
    """[places, k] numbers in [0, 1): not those that the replies are drawn with."""
    shape = len(sampling.prompt) - 1, sampling.prompt_alternatives
    if not sampling.prompt_alternatives:
        return np.zeros(shape)
    return uniforms([seed_for("alternatives", *sampling.seeds[:1])], shape[0] * shape[1]).reshape(shape)


def measured(prompt: Prompt, sampling: Sampling, head: Head, u: np.ndarray, start: int, stop: int) -> Found:
    """Of the tokens behind places start to stop."""
    z = head.logits(prompt.hidden[start:stop])
    z = z - z.amax(-1, keepdim=True)  # what is likely is near 0, where float32 is fine
    lse = z.logsumexp(-1, keepdim=True)
    found: Found = {}
    if sampling.prompt_logprobs:
        tokens = torch.tensor(prompt.tokens[start + 1 : stop + 1], device=z.device)
        found["own"] = (z.gather(1, tokens.unsqueeze(1)) - lse).squeeze(1)
    if sampling.target_tokens is not None:
        asked = torch.from_numpy(np.ascontiguousarray(sampling.target_tokens[start:stop], np.int64)).to(z.device)
        found["targets"] = (z.gather(1, asked.clamp_min(0)) - lse).masked_fill(asked < 0, 0.0)
    if sampling.topk_prompt_logprobs:
        values, found["likeliest"] = z.topk(sampling.topk_prompt_logprobs)
        found["likeliest nats"] = values - lse
    if sampling.prompt_alternatives:
        found["drawn"] = drawn(z, torch.from_numpy(u[start:stop]), sampling.temperature)
        found["drawn nats"] = z.gather(1, found["drawn"]) - lse
    return {name: one.cpu() for name, one in found.items()}


def drawn(z: Tensor, u: Tensor, temperature: float) -> Tensor:
    """[R, V] logits and [R, k] uniforms -> [R, k] tokens, with replacement."""
    if temperature == 0:
        return z.argmax(-1, keepdim=True).expand(u.shape)
    mass = (z / temperature).softmax(-1).cpu().cumsum(-1, dtype=torch.float64)
    return torch.searchsorted(mass, u * mass[:, -1:], right=True).clamp_max_(z.shape[-1] - 1).to(z.device)


def together(sampling: Sampling, pieces: list[Found]) -> Sampled:
    def behind(first: np.ndarray, name: str) -> np.ndarray:
        return np.concatenate([first, *(piece[name].numpy().astype(first.dtype) for piece in pieces)])

    def table(name: str, k: int, num_before: int) -> TopK | None:
        empty = np.full((num_before, k), NO_CHANCE, np.float32)
        return TopK(behind(np.zeros_like(empty, np.int32), name), behind(empty, f"{name} nats")) if k else None

    asked = sampling.target_tokens
    return Sampled(
        sequences=(),
        prompt_logprobs=behind(np.full(1, np.nan, np.float32), "own") if sampling.prompt_logprobs else None,
        topk_prompt=table("likeliest", sampling.topk_prompt_logprobs, 1),
        target_logprobs=behind(np.zeros((0, asked.shape[1]), np.float32), "targets") if asked is not None else None,
        alternatives=table("drawn", sampling.prompt_alternatives, 0),
    )
