"""What a memory pays for: to be near what succeeded, and far from what failed.

    exploit    - || v - c ||             c: the mean of the neighbours' successes
    explore    1 - max over b of v . b   b: the neighbours' failures; 0 for a reply that failed before

All vectors are unit vectors. A reply of several vectors (sentences) is paid their mean. Both are larger for better
replies; how they come to lie in [0, 1] is the window's business.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

EQUAL = 1e-6  # float32: unit vectors' products differ by up to 8e-7 with the order of adding


def exploit(vectors: Sequence[Tensor], centroid: Tensor) -> list[float]:
    """One number a reply."""
    distances = (torch.cat(list(vectors)) - centroid).norm(dim=1)
    return means(-distances, vectors)


def explore(vectors: Sequence[Tensor], failures: Tensor) -> list[float]:
    """One number a reply, exactly 0 for one that is among the failures."""
    novelty = 1 - (torch.cat(list(vectors)) @ failures.T).amax(1)
    return means(torch.where(novelty < EQUAL, 0.0, novelty), vectors)


def means(scores: Tensor, vectors: Sequence[Tensor]) -> list[float]:
    """Over the rows of each reply."""
    if len(scores) == len(vectors):
        return [float(score) for score in scores.tolist()]
    return [float(some.mean()) for some in scores.split([len(rows) for rows in vectors])]
