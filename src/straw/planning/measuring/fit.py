"""Costs from pieces of work that were timed: least squares in which nothing costs less than nothing.

seconds = call_s + prompts x prompt_s + longest x token_s + row_tokens x row_s
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

NAMES = ("call_s", "prompt_s", "token_s", "row_s")


@dataclass(frozen=True, slots=True)
class Timed:
    """A piece of work and what it took."""

    prompts: int
    longest: float
    row_tokens: float
    seconds: float


def fitted(timed: Sequence[Timed]) -> dict[str, float]:
    """The four costs. Long work counts as much as short work: errors are shares of what it took."""
    asked = np.array([(1.0, one.prompts, one.longest, one.row_tokens) for one in timed])
    took = np.array([max(one.seconds, 1e-9) for one in timed])
    found = nonnegative(asked / took[:, None], np.ones(len(took)))
    return dict(zip(NAMES, found.tolist(), strict=True))


def nonnegative(matrix: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """x >= 0 that brings matrix x nearest to `wanted`: of all choices of columns the best without a negative one."""
    columns = range(matrix.shape[1])
    best, least = np.zeros(matrix.shape[1]), float(np.square(wanted).sum())
    for size in range(1, matrix.shape[1] + 1):
        for chosen in combinations(columns, size):
            part, *_ = np.linalg.lstsq(matrix[:, chosen], wanted, rcond=None)
            error = float(np.square(matrix[:, chosen] @ part - wanted).sum())
            if (part >= 0).all() and error < least - 1e-12:
                best, least = np.zeros(matrix.shape[1]), error
                best[list(chosen)] = part
    return best
