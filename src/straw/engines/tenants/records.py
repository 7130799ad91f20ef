"""What is asked of a base model with many tenants, and what comes back.

A *tenant* is one training model: LoRA adapters of its own rank over the shared base, or (rank 0) the base's own
weights, which one tenant alone may train. A *snapshot* is a tenant's weights as they stood, for sampling.

Everything here is plain data, so the server that speaks the protocol and the engine that computes know each other
by this file and by `backend.Backend` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

Tokens = tuple[int, ...]
Array = npt.NDArray[Any]
IN_MEMORY = 16  # tenants, where nobody says another number; each of the others lies in a file


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What of the base a tenant trains. alpha / rank scales its adapters; rank 0 trains the base itself."""

    rank: int
    seed: int = 0
    alpha: float = 32.0
    unembed: bool = True  # an adapter on the head
    mlp: bool = True
    attn: bool = True


@dataclass(frozen=True, slots=True)
class Example:
    """Tokens that are read, and arrays with one row for each of them.

    `inputs["target_tokens"]` is int64 [N], or [N, K] for soft targets; nothing says that it is a shifted copy of the
    tokens. The others are float32 of [N] (or [N, K]): weights, logprobs, advantages, clip_low_threshold,
    clip_high_threshold, sequence_ratio_mask.

    `prompt`: how many tokens stand in the sender's first chunk (one that holds all counts too), 0 where nobody knows.
    Where it ends at the first token that trains, the sender has decided what is shared, as the local engine would.

    >>> import numpy as np
    >>> Example((1, 7, 3), {"target_tokens": np.array([7, 3, 19])}).num_tokens
    3
    """

    tokens: Tokens
    inputs: Mapping[str, Array]
    prompt: int = 0

    @property
    def num_tokens(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True, slots=True)
class Gradient:
    """What a forward, or a forward and backward, found: per example float32 of its targets' shape, and sums.

    `metrics` always has "loss:sum"; every key is "name:reduction".
    """

    logprobs: list[Array]
    elementwise_loss: list[Array]
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Replies to one prompt. `seeds` has one for each; every request has settings of its own.

    `stop` are token ids; `stop_strings` end a reply with the token that completes one of them. `end_token_stops`:
    the tokenizer's end token ends a reply too.

    `turns`: the prompt is a conversation, and these are the lengths of what it opens with and of the replies and
    messages behind it, in turn. Then it is read as the local engine reads its own turns, with the same bits.
    """

    prompt: Tokens
    seeds: tuple[int, ...]
    max_tokens: int | None = None  # none: as many as the model has room for
    temperature: float = 1.0
    top_k: int = 0  # 0: all
    top_p: float = 1.0
    stop: frozenset[int] = frozenset()
    stop_strings: tuple[str, ...] = ()
    end_token_stops: bool = True
    turns: tuple[int, ...] = ()
    topk_logprobs: int = 0  # the k likeliest at each place of the reply
    # of the prompt, all at temperature 1:
    prompt_logprobs: bool = False
    topk_prompt_logprobs: int = 0
    target_tokens: Array | None = None  # int64 [len(prompt) - 1, K], -1 for none: log-probabilities of these instead
    prompt_alternatives: int = 0  # tokens drawn in the place of each of the prompt but the first, at `temperature`

    @property
    def asks_of_prompt(self) -> bool:
        return (
            self.prompt_logprobs
            or self.topk_prompt_logprobs > 0
            or self.target_tokens is not None
            or self.prompt_alternatives > 0
        )


@dataclass(frozen=True, slots=True)
class TopK:
    """The k likeliest tokens of each place: int32 and float32, [places, k]; place 0 of a prompt has none: 0, -99999."""

    tokens: Array
    logprobs: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """One reply. The token (or tokens) that stopped it belong to it."""

    tokens: Tokens
    logprobs: Array  # float32, of the distribution that was drawn from
    stopped: bool  # not by max_tokens
    topk: TopK | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """All replies to one prompt, and what was asked about the prompt itself."""

    sequences: tuple[Sequence, ...]
    prompt_logprobs: Array | None = None  # float32 [len(prompt)], NaN at place 0
    topk_prompt: TopK | None = None
    target_logprobs: Array | None = None  # float32, the shape of target_tokens, 0.0 where it has -1
    alternatives: TopK | None = None  # [len(prompt) - 1, k]: what was drawn, with log-probabilities at temperature 1
    cached_prompt_tokens: int = 0  # read before, for an equal prompt of the same weights


@dataclass(frozen=True, slots=True)
class Facts:
    """About the base model, for whoever is asked what is served."""

    name: str
    arch: str
    num_parameters: int
    max_context_length: int | None
    vocabulary: int
    linear_layers: tuple[str, ...] = field(default=())
