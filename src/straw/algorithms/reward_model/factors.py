"""Covariances of a log that grows: the inverses of their Cholesky factors, a few rows at a time.

    K = L L'     W = L^-1          K, with new replies:  [K   k ]        W:  [ W            0   ]
                                                         [k'  k0]            [-d^-1 l' W    d^-1]

    l = W k      d d' = k0 - l' l

A row of W once written stays as it is. So whatever is a sum over rows of W (a fit, a prediction, an evidence) grows by
the new ones too, and nothing is solved again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
BLOCK = 128  # rows


class Growing:
    """[first, rows, ...] in memory that doubles where there is no room for more rows."""

    def __init__(self, first: int, *rest: int) -> None:
        self.kept, self.count = np.zeros((first, 8, *rest)), 0

    @property
    def rows(self) -> Array:
        return self.kept[:, : self.count]

    def append(self, more: Array) -> None:
        """[first, new, ...]"""
        count = self.count + more.shape[1]
        if count > self.kept.shape[1]:
            larger = np.zeros((self.kept.shape[0], 2 * count, *self.kept.shape[2:]))
            larger[:, : self.count] = self.rows
            self.kept = larger
        self.kept[:, self.count : count] = more
        self.count = count


class Factors:
    """Of several covariances of one log."""

    def __init__(self, number: int) -> None:
        self.inverse = np.zeros((number, 8, 8))
        self.count = 0
        self.volume = np.zeros(number)  # log |K|

    def grow(self, beside: Array, among: Array) -> Array:
        """The new rows of W, [covariances, new, count]. `beside`: [.., count before, new]; `among`: [.., new, new]."""
        left = self.times(beside)
        lower = np.linalg.cholesky(among - left.swapaxes(1, 2) @ left)
        corner = np.linalg.inv(lower)
        rows = np.concatenate([-corner @ self.times_from_left(left.swapaxes(1, 2)), corner], axis=2)
        self.volume += 2 * np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
        self.keep(rows)
        return np.asarray(rows)

    def blocks(self) -> Iterator[tuple[slice, int]]:
        """Some rows of W and how many columns of them are not 0: it is a triangle, and half of it need not be read."""
        for begin in range(0, self.count, BLOCK):
            end = min(begin + BLOCK, self.count)
            yield slice(begin, end), end

    def times(self, right: Array) -> Array:
        """W right"""
        pieces = [self.inverse[:, rows, :end] @ right[:, :end] for rows, end in self.blocks()]
        return np.concatenate(pieces, axis=1) if pieces else right

    def times_from_left(self, left: Array) -> Array:
        """left W"""
        found = np.zeros(left.shape)
        for rows, end in self.blocks():
            found[:, :, :end] += left[:, :, rows] @ self.inverse[:, rows, :end]
        return found

    def keep(self, rows: Array) -> None:
        before, after = self.count, self.count + rows.shape[1]
        if after > self.inverse.shape[1]:
            larger = np.zeros((len(self.inverse), 2 * after, 2 * after))
            larger[:, :before, :before] = self.inverse[:, :before, :before]
            self.inverse = larger
        self.inverse[:, before:after, :after] = rows
        self.count = after
