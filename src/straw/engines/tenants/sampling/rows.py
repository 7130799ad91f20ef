"""A request with its rows, and what each of them has written."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace

import numpy as np

from straw.engines.base import SamplingParams, Tokens
from straw.engines.local.sampler import GOLDEN, mix
from straw.engines.tenants.records import Sampled, Sampling, Sequence, TopK
from straw.engines.tenants.sampling.keys.prompts import Prompt
from straw.engines.tenants.sampling.stop_strings import StopStrings

NO_CHANCE = -99999.0  # for what the distribution leaves out: it has to fit into every format


@dataclass(eq=False, slots=True)
class Row:
    """One reply that grows.

    `num_read` of its tokens are in the keys. Where there was no room for it any more it begins with none of them
    again, and what it has written is read again a token at a time: then its bits are those that it would have had.
    """

    request: Request
    seed: np.uint64  # hashed
    strings: StopStrings | None
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    topk: list[tuple[list[int], list[float]]] = field(default_factory=list)
    num_read: int = 0  # beside what was said before
    stopped: bool = False

    @property
    def num_keys(self) -> int:
        """Of its own, behind the prompt that it shares."""
        return self.request.num_said + self.num_read

    @property
    def is_done(self) -> bool:
        return self.stopped or len(self.tokens) >= self.request.max_tokens

    @property
    def draws(self) -> bool:
        """Whether the next token is its own to draw, and was not written before."""
        return self.num_read == len(self.tokens)

    def put(self, token: int, logprob: float) -> None:
        self.tokens.append(token)
        self.logprobs.append(logprob)
        self.stopped = token in self.request.stop or (self.strings is not None and self.strings.ends_with(token))

    def sequence(self) -> Sequence:
        k = self.request.sampling.topk_logprobs
        topk = None
        if k:
            ids, values = [one for one, _ in self.topk], [one for _, one in self.topk]
            topk = TopK(np.array(ids, np.int32).reshape(-1, k), np.array(values, np.float32).reshape(-1, k))
        return Sequence(
            tokens=tuple(self.tokens), logprobs=np.array(self.logprobs, np.float32), stopped=self.stopped, topk=topk
        )


@dataclass(eq=False, slots=True)
class Request:
    key: str
    number: int  # in the order in which they came
    version: Hashable  # the weights that write it, however they are called by then
    sampling: Sampling
    max_tokens: int
    stop: frozenset[int]
    params: SamplingParams  # what `draw` needs of it
    codes: list[int]  # of the opening's blocks
    rows: list[Row] = field(default_factory=list)
    prompt: Prompt | None = None  # the opening, once it was read
    said: Prompt | None = None  # what was said behind it
    facts: Sampled | None = None  # about the prompt
    cached: int = 0
    unplaced: list[Row] = field(default_factory=list)  # rows without keys of their own

    @property
    def opening(self) -> Tokens:
        """All of the prompt, or what a conversation begins with: its keys are shared."""
        return self.sampling.prompt[: self.sampling.turns[0]] if self.sampling.turns else self.sampling.prompt

    @property
    def num_said(self) -> int:
        """Tokens behind the opening, whose keys are each row's own."""
        return len(self.sampling.prompt) - self.sampling.turns[0] if self.sampling.turns else 0

    @property
    def num_writing(self) -> int:
        return sum(not row.is_done for row in self.rows)

    def result(self) -> Sampled:
        assert self.facts is not None
        sequences = tuple(row.sequence() for row in self.rows)
        return replace(self.facts, sequences=sequences, cached_prompt_tokens=self.cached)


def uniforms_at(seeds: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Number `draws[i]` of `uniforms(seeds[i], ...)`, from the hashed seed."""
    with np.errstate(over="ignore"):
        bits = mix(seeds + GOLDEN * (draws.astype(np.uint64) + np.uint64(1)))
    return (bits >> np.uint64(11)).astype(np.float64) / 2**53


def hashed(seeds: tuple[int, ...]) -> np.ndarray:
    """As `uniforms` begins with them."""
    with np.errstate(over="ignore"):
        return mix(np.array([seed % 2**64 for seed in seeds], dtype=np.uint64) + GOLDEN)
