"""Novelty among the right replies of a group, after ExTra (arXiv 2606.24994): a right way that others do not go.

    extra(i) = mean over the other right replies j of 1 - v_i . v_j         unit vectors, one a reply

Paid behind the group's centring, as `novelty=outside` does: a group whose replies are all right has no advantages, and
this is what it can still teach. It differs from explore of knn+ behind the centring, which pays right replies too:

    extra   unlike the right replies beside it      nothing is remembered      the only right reply of a group: no pay
    knn+    unlike what failed at this question     a memory of failures       no failure remembered: no pay

So extra widens what is right already, and where nobody or one is right it is silent. The paper was not at hand beyond
its abstract: the mean cosine distance and the window that scales it are ours, and its second part, beginning again at
promising prefixes, is not built.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor

from straw.rewards.intrinsic.base import Arrays, Raw, Trace
from straw.rewards.intrinsic.similarity import EQUAL


class Extra:
    """It keeps nothing: a step is compared with itself alone."""

    names: tuple[str, ...] = ("extra",)

    def raw(self, traces: Sequence[Trace]) -> Raw:
        """The traces of one question stand side by side."""
        groups = (list(group) for _, group in groupby(traces, key=lambda trace: trace.key))
        return {"extra": [score for group in groups for score in among_right(group)]}

    def write(self, traces: Sequence[Trace]) -> None: ...

    def counts(self) -> dict[str, int]:
        return {}

    def arrays(self) -> Arrays:
        return {}

    def load(self, arrays: Arrays) -> None: ...


def among_right(group: Sequence[Trace]) -> list[float | None]:
    """None for a wrong reply, and for the only right one."""
    right = [trace for trace in group if trace.is_right]
    if len(right) < 2:
        return [None] * len(group)
    vectors = {trace.text: unit(trace.vectors) for trace in right}  # once a text: equal replies have equal bits
    total = torch.stack([vectors[trace.text] for trace in right]).sum(0)
    scores = {text: distance(vector, total, len(right)) for text, vector in vectors.items()}
    return [scores[trace.text] if trace.is_right else None for trace in group]


def unit(rows: Tensor) -> Tensor:
    """A reply of several sentences is their mean."""
    return torch.nn.functional.normalize(rows.mean(0).double(), dim=0)


def distance(vector: Tensor, total: Tensor, count: int) -> float:
    """The mean of 1 - cosine to the others: of itself it is 0, so the sum over all is that over the others."""
    found = (count - float(vector @ total)) / (count - 1)
    return 0.0 if found < EQUAL else found
