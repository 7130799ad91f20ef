"""The replies that the start would write, by reading the tree of its tokens instead of drawing from it.

    ""  ->  1 2 3 ...      "2"  ->  0 1 2 ... end      "20"  ->  7 ... end         the likeliest beginnings first

A beginning is read once, and tells how likely every token is behind it; a stop token makes a reply, with its
probability. For numbers up to 1,024 that is 1,200 beginnings and every reply there is; where replies are many or long
nothing comes of it but the price of some beginnings, and they are drawn.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, fsum, log

from straw.engines.base import Engine, SamplingParams
from straw.types import Datum

Tokens = tuple[int, ...]

TOGETHER = 256  # beginnings that are read at once
AT_ROOT, BEHIND = 2048, 64  # tokens behind a beginning that are looked at
LEAST_SHARE = 2e-5  # of a beginning that is worth reading
ENOUGH, ALL = 0.99, 0.9999  # of what the start would write


@dataclass(frozen=True, slots=True)
class Listing:
    """Replies with their log-probabilities, and how many beginnings were read for them."""

    nats: dict[Tokens, float]
    read: int

    @property
    def share(self) -> float:
        """Of all that the start would write."""
        return fsum(map(exp, self.nats.values()))

    @property
    def is_whole(self) -> bool:
        return self.share >= ENOUGH


def listed(engine: Engine, prompt: Tokens, params: SamplingParams, most: int) -> Listing:
    """By at most `most` beginnings; fewer where it cannot become enough."""
    heap: list[tuple[float, Tokens]] = [(0.0, ())]
    nats: dict[Tokens, float] = {}
    read, share = 0, 0.0
    while heap and read < most and share < ALL:
        some = [heapq.heappop(heap) for _ in range(min(TOGETHER, len(heap), most - read))]
        read += len(some)
        found = behind(engine, prompt, [one for _, one in some])
        for (missing, begun), tokens in zip(some, found, strict=True):
            for token, chance in tokens.items():
                if chance <= 0 or (now := log(chance) - missing) < log(LEAST_SHARE):
                    continue
                if token in params.stop:
                    nats[(*begun, token)] = now
                    share += exp(now)
                elif len(begun) + 1 < params.max_tokens:
                    heapq.heappush(heap, (-now, (*begun, token)))
        if len(heap) > most - read:  # more to read than may be: the rest holds too much of the share
            left = fsum(exp(-missing) for missing, _ in heapq.nsmallest(most - read, heap))
            if share + left < ENOUGH:
                break
    return Listing(nats, read)


def behind(engine: Engine, prompt: Tokens, begun: Sequence[Tokens]) -> list[dict[int, float]]:
    """How likely each token is behind each beginning, with the weights of the start."""
    count = AT_ROOT if begun == [()] else BEHIND
    data: list[Datum] = [Datum(prompt=prompt, tokens=(*one, 0), weights=(1.0,) * (len(one) + 1)) for one in begun]
    found: list[list[dict[int, float]]] = engine.likeliest(data, count, "start")
    return [one[-1] for one in found]
