"""Replies and log-probabilities from a sampling client of the service.

    seeds_per=sample    a request for every reply, with its own seed: what a `straw serve` needs to give the local bits
    seeds_per=prompt    a request for every prompt, with the seed of its first reply: the prompt is read, and paid, once

A conversation sends its whole prefix with every turn: the wire has no other way, and the service keeps read prefixes. A
server of one's own is told by the chunks who said what, and by an empty one before them that it is told: then it reads
the turns as the local engine does, and its replies have the local bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import nan
from typing import TYPE_CHECKING, Any, NamedTuple

from straw.engines.base import Conversation, Reply, SamplingParams, Tokens
from straw.engines.tinker.meter import Meter
from straw.engines.tinker.sdk import in_a_line, result, sdk
from straw.errors import TrainingError
from straw.types import Datum

if TYPE_CHECKING:
    from straw.engines.tinker.engine import TinkerEngine

MOST_SAMPLES = 128  # of one request
MOST_IN_FLIGHT = 512  # requests
MOST_SEED = 2**31 - 1  # that the hosted service is sent


class Wanted(NamedTuple):
    """One request."""

    prompt: Tokens
    num_samples: int
    seed: int
    turns: tuple[int, ...] = ()  # lengths of what a conversation opens with, and of its replies and messages

    def chunks(self) -> list[Tokens]:
        ends = list(accumulate(self.turns))
        return [(), *(self.prompt[end - size : end] for size, end in zip(self.turns, ends, strict=True))]


class Snapshot:
    """Weights of one version, to sample from."""

    def __init__(self, client: Any, meter: Meter) -> None:
        self.client, self.meter = client, meter

    def replies(self, wanted: Sequence[Wanted], params: SamplingParams) -> list[list[Reply]]:
        """Of each request; all are on their way before the first is waited for."""
        tinker, out = sdk(), []
        for first in range(0, len(wanted), MOST_IN_FLIGHT):
            some = wanted[first : first + MOST_IN_FLIGHT]
            with in_a_line():
                futures = [
                    self.client.sample(
                        prompt=input_of(tinker, one), num_samples=one.num_samples,
                        sampling_params=params_of(tinker, params, one.seed),
                    )
                    for one in some
                ]  # fmt: skip
            out += [self._replies(one, result(future)) for one, future in zip(some, futures, strict=True)]
        return out

    def _replies(self, wanted: Wanted, answer: Any) -> list[Reply]:
        replies = [reply_of(one) for one in answer.sequences]
        cached = min(int(getattr(answer, "prompt_cache_hit_tokens", 0) or 0), len(wanted.prompt))
        self.meter.add(
            prefill=len(wanted.prompt) - cached,
            cached=cached + (wanted.num_samples - 1) * len(wanted.prompt),
            sampled=sum(len(one.tokens) for one in replies),
        )
        return replies

    def logprobs(self, data: Sequence[Datum]) -> list[list[float]]:
        """Nats of every token behind each prompt, at temperature 1."""
        tinker, out = sdk(), []
        for first in range(0, len(data), MOST_IN_FLIGHT):
            some = data[first : first + MOST_IN_FLIGHT]
            with in_a_line():
                futures = [
                    self.client.compute_logprobs(tinker.ModelInput.from_ints([*one.prompt, *one.tokens]))
                    for one in some
                ]
            for one, future in zip(some, futures, strict=True):
                found = result(future)[len(one.prompt) :]
                out.append([nan if nats is None else float(nats) for nats in found])
                self.meter.add(prefill=len(one.prompt) + len(one.tokens), sampled=1)
        return out


def input_of(tinker: Any, wanted: Wanted) -> Any:
    if not wanted.turns:
        return tinker.ModelInput.from_ints(list(wanted.prompt))
    return tinker.ModelInput(chunks=[tinker.EncodedTextChunk(tokens=list(chunk)) for chunk in wanted.chunks()])


def params_of(tinker: Any, params: SamplingParams, seed: int) -> Any:
    return tinker.SamplingParams(
        max_tokens=params.max_tokens, seed=seed, stop=sorted(params.stop), temperature=params.temperature,
        top_k=params.top_k or -1, top_p=params.top_p,
    )  # fmt: skip


def reply_of(sequence: Any) -> Reply:
    tokens = tuple(int(one) for one in sequence.tokens)
    nats = tuple(float(one) for one in sequence.logprobs or ())
    if len(nats) != len(tokens):
        raise TrainingError(f"the service gave {len(nats)} log-probabilities for {len(tokens)} tokens")
    return Reply(tokens, nats, stopped=str(sequence.stop_reason) == "stop")


def requests_for(prompt: Tokens, seeds: Sequence[int], *, each: bool) -> list[Wanted]:
    """`each`: every seed in a request of its own; else the first seed of some stands for them."""
    if each:
        return [Wanted(prompt, 1, int(seed)) for seed in seeds]
    return [
        Wanted(prompt, len(seeds[at : at + MOST_SAMPLES]), int(seeds[at]) & MOST_SEED)
        for at in range(0, len(seeds), MOST_SAMPLES)
    ]


class RemoteConversation(Conversation):
    """Rows as the tokens that each has read and written; all turns belong to the weights that read the first."""

    def __init__(self, engine: TinkerEngine, prompt: Tokens, num_rows: int) -> None:
        self.engine, self.version = engine, engine.policy_version
        self.read = [prompt] * num_rows
        self.turns: list[tuple[int, ...]] = [(len(prompt),)] * num_rows

    def generate(self, params: SamplingParams, seeds: Sequence[int]) -> list[Reply]:
        self._check_version()
        if len({*self.read}) == 1 and (len(self.turns[0]) == 1 or self.engine.is_hosted):
            (replies,) = self.engine.sample(self.read[:1], len(self.read), params, [seeds])
        else:
            replies = self.engine.sample_turns(self.read, self.turns, params, seeds)
        self.read = [before + reply.tokens for before, reply in zip(self.read, replies, strict=True)]
        self.turns = [(*turns, len(reply.tokens), 0) for turns, reply in zip(self.turns, replies, strict=True)]
        return replies

    def append(self, tokens: Sequence[Tokens]) -> None:
        self._check_version()
        self.read = [before + more for before, more in zip(self.read, tokens, strict=True)]
        self.turns = [with_message(turns, len(more)) for turns, more in zip(self.turns, tokens, strict=True)]

    def _check_version(self) -> None:
        self.engine.check_published()
        if self.version != self.engine.policy_version:
            raise TrainingError(
                f"a conversation is held by one version; it began with {self.version} and the sampler has "
                f"{self.engine.policy_version}: begin a new one after publish()"
            )


def with_message(turns: tuple[int, ...], num_tokens: int) -> tuple[int, ...]:
    """Messages behind one reply are one; where nobody has replied yet an empty reply stands before it.

    >>> with_message((9, 4, 0), 3), with_message((9,), 3), with_message((9,), 0)
    ((9, 4, 3), (9, 0, 3), (9,))
    """
    pairs = turns if len(turns) > 1 or not num_tokens else (*turns, 0, 0)
    return (*pairs[:-1], pairs[-1] + num_tokens) if num_tokens else pairs
