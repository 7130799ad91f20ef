"""Which prompt that was read begins as another does: found by hashes of its blocks, each hashed with those before it.

    prompt    [ block 0 | block 1 | block 2 | rest ]
    known by    h(0)      h(0,1)    h(0,1,2)

A look costs one hash for each token. What is found is compared with the tokens themselves.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from straw.engines.base import Tokens
from straw.engines.local.forward.prompts.blocks import BLOCK, num_reusable

T = TypeVar("T")


class Beginnings(Generic[T]):
    """Of the texts that were added and not removed, each with what was read of it, by a version of the weights."""

    def __init__(self) -> None:
        self.found: dict[tuple[Hashable, int, int], tuple[Tokens, T]] = {}

    def __len__(self) -> int:
        return len(self.found)

    def add(self, version: Hashable, tokens: Tokens, read: T) -> None:
        """Of two that begin alike the one that came last is found: it stays longer."""
        for place, code in enumerate(codes(tokens)):
            self.found[version, place, code] = tokens, read

    def remove(self, version: Hashable, tokens: Tokens) -> None:
        for place, code in enumerate(codes(tokens)):
            if (found := self.found.get((version, place, code))) and found[0] == tokens:
                del self.found[version, place, code]

    def longest(self, version: Hashable, tokens: Tokens, known: list[int]) -> tuple[T | None, int]:
        """What was read of the likest one, and how many of its first tokens need not be read again. `known`: the codes
        of as many tokens as may be known at most."""
        for place in reversed(range(len(known))):
            there, read = self.found.get((version, place, known[place]), ((), None))
            num_tokens = (place + 1) * BLOCK
            if read is not None and there[:num_tokens] == tokens[:num_tokens]:
                return read, num_tokens
        return None, 0


def reusable_codes(tokens: Tokens) -> list[int]:
    return codes(tokens[: num_reusable(len(tokens), len(tokens))])


def codes(tokens: Tokens) -> list[int]:
    """One for each whole block.

    >>> codes(tuple(range(100))) == codes(tuple(range(96))) != codes(tuple(range(1, 97)))
    True
    """
    found, code = [], 0
    for begin in range(0, len(tokens) - BLOCK + 1, BLOCK):
        code = hash((code, tokens[begin : begin + BLOCK]))
        found.append(code)
    return found
