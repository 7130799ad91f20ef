"""In how many ways two replies are alike, from which kernels and metrics are made.

    prefix     how many tokens both begin with, where they have equally many; else -1
    suffix     the same from the end
    equal      at how many places they have the same token
    unlike     at how many one of them has another, or none
    graded     how near the first tokens that differ are to each other, from the start and from the end: 0 to 1
    distances  between the hidden states in which a model holds them, layer by layer
    places     how many replies stand between them in a dictionary, where that is asked for

What a token means is not known here: two are equal or not. The model may know more, and its states say it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Likeness:
    """[some, all] each; `graded`: none or two, `places`: none or one, `distances` [layers, some, all]."""

    prefix: Array
    suffix: Array
    graded: list[Array]
    equal: Array
    unlike: Array
    distances: Array
    places: list[Array]


class Replies:
    """Those that can be believed in. `states`: [replies, layers, width]; `vectors`: of every token in them."""

    def __init__(
        self, replies: Sequence[Tokens], states: Array | None = None, vectors: Mapping[int, Array] | None = None,
        dictionary: bool = False,
    ) -> None:  # fmt: skip
        if min(token for reply in replies for token in reply) < 0:
            raise ValueError("a token is a number from 0 on: one below would be taken for what is behind the end")
        width = max(map(len, replies))
        self.tokens = np.zeros((len(replies), width), np.int64)  # each one more than it is: 0 is behind the end
        self.backwards = np.zeros_like(self.tokens)
        for row, reply in enumerate(replies):
            self.tokens[row, : len(reply)] = np.asarray(reply, np.int64) + 1
            self.backwards[row, : len(reply)] = self.tokens[row, : len(reply)][::-1]
        self.lengths = (self.tokens > 0).sum(axis=1)
        self.apart = apart(vectors) if vectors else None
        self.places = np.argsort(in_dictionary(replies)) if dictionary else None
        found = np.zeros((len(replies), 0, 1)) if states is None else states
        self.states = standardised(np.ascontiguousarray(found.transpose(1, 0, 2), np.float64))

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def width(self) -> int:
        return int(self.tokens.shape[1])

    @property
    def num_layers(self) -> int:
        return len(self.states)

    @cached_property
    def scales(self) -> Array:
        """The median distance of each layer, among some replies that are spread evenly."""
        some = spread(len(self), 64)
        return np.array([np.median(self.distances(layer, some)[:, some]) for layer in range(self.num_layers)])

    def likeness(self, some: Array) -> Likeness:
        equal, unlike = np.zeros((2, len(some), len(self)))
        for place in range(self.width):
            mine, other = self.tokens[some, place][:, None], self.tokens[None, :, place]
            equal += (mine == other) & (mine > 0)
            unlike += mine != other
        distances = [self.distances(layer, some) for layer in range(self.num_layers)]
        stacked = np.stack(distances) if distances else np.zeros((0, len(some), len(self)))
        prefix, from_start = self.common(self.tokens, some)
        suffix, from_end = self.common(self.backwards, some)
        graded = [] if self.apart is None else [from_start, from_end]
        places = [] if self.places is None else [np.abs(self.places[some][:, None] - self.places[None, :])]
        return Likeness(prefix, suffix, graded, equal, unlike, stacked, places)

    def common(self, tokens: Array, some: Array) -> tuple[Array, Array]:
        begun = self.lengths[some][:, None] == self.lengths[None, :]
        count, grade = np.where(begun, 0, -1).astype(np.int16), np.zeros(begun.shape, np.float32)
        for place in range(self.width):
            mine, other = tokens[some, place][:, None], tokens[None, :, place]
            goes_on = begun & (mine == other) & (mine > 0)
            if self.apart is not None:
                grade += np.where(begun & ~goes_on & (mine > 0), 1 - self.apart.between(mine, other), 0.0)
            count += goes_on
            begun = goes_on
        return count, grade

    def distances(self, layer: int, some: Array) -> Array:
        """Of states, exactly 0 from a reply to itself."""
        states = self.states[layer]
        squares = np.einsum("rw,rw->r", states, states)
        found = squares[some][:, None] + squares[None, :] - 2 * states[some] @ states.T
        found[np.arange(len(some)), some] = 0.0
        return np.asarray(np.sqrt(np.maximum(found, 0.0)), np.float64)


def in_dictionary(replies: Sequence[Tokens]) -> Array:
    """Short ones first, then token by token."""
    return np.array(sorted(range(len(replies)), key=lambda one: (len(replies[one]), replies[one])))


def standardised(states: Array) -> Array:
    """Every coordinate by its mean and spread over the replies: a few are large in all of them, and tell nothing."""
    spreads = states.std(axis=1, keepdims=True)
    return np.asarray((states - states.mean(axis=1, keepdims=True)) / np.where(spreads > 0, spreads, 1.0), np.float32)


@dataclass(frozen=True, slots=True)
class Apart:
    """How far tokens are from each other, in [0, 1)."""

    tokens: Array  # sorted, each one more than it is
    distances: Array

    def between(self, some: Array, others: Array) -> Array:
        return np.asarray(self.distances[np.searchsorted(self.tokens, some), np.searchsorted(self.tokens, others)])


def apart(vectors: Mapping[int, Array]) -> Apart:
    tokens = sorted(vectors)
    rows = np.concatenate([np.zeros((1, len(vectors[tokens[0]]))), np.stack([vectors[token] for token in tokens])])
    squares = (rows**2).sum(axis=1)
    found = np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2 * rows @ rows.T, 0.0))
    np.fill_diagonal(found, 0.0)
    return Apart(np.array([0, *(token + 1 for token in tokens)]), (found / (found.max() * 1.001)).astype(np.float32))


def spread(total: int, most: int) -> Array:
    """As many places of so many as there may be, evenly."""
    return np.unique(np.arange(min(total, most)) * total // min(total, most))
