"""How different the replies to one question are, three ways; each 0 when all are the same, at most 1.

    answers    (distinct answers - 1) / (replies - 1)
    lexical    the mean over pairs of 1 - |A and B| / |A or B|, for their sets of words
    semantic   the mean over pairs of 1 - cosine of their embeddings

The third is about 0 to 1 in practice (2 for opposite vectors). From the norm of the sum: of n unit vectors the cosines
of all pairs add up to (|sum|^2 - n) / 2, so no pair has to be looked at.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

WORD = re.compile(r"\w+")


def answers(given: Sequence[Hashable]) -> float:
    """`given`: the answer that was read in each reply; None, for no answer, is an answer as any other."""
    return (len(set(given)) - 1) / (len(given) - 1) if len(given) > 1 else 0.0


def lexical(texts: Sequence[str]) -> float:
    words = [frozenset(WORD.findall(text.lower())) for text in texts]
    return mean([jaccard_distance(one, other) for one, other in combinations(words, 2)])


def jaccard_distance(one: frozenset[str], other: frozenset[str]) -> float:
    either = len(one | other)
    return 1 - len(one & other) / either if either else 0.0


def semantic(vectors: ArrayLike) -> float:
    """A row a reply, of any length but 0."""
    rows = np.asarray(vectors, dtype=np.float64)
    count = len(rows)
    if count < 2:
        return 0.0
    total = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).sum(0)
    return max(0.0, float(1 - (total @ total - count) / (count * (count - 1))))


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0
