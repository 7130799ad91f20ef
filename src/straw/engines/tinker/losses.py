"""Which loss of the wire stands for which of straw's, and what a batch's sums are.

cross_entropy, importance_sampling, ppo     as they are
imitated                                    cross_entropy with weight times advantage: what counts as drawn just now
custom                                      anything else, and each of them with a KL penalty
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from straw.engines.tinker import data as wire
from straw.engines.tinker.objective import Sums
from straw.types import Datum

NO_ENTROPY = "an entropy bonus takes the whole distribution, and the Tinker service tells of drawn tokens only"
NO_TEMPERATURE = "the Tinker service trains at temperature 1"
GRAD_NORM = ("grad_norm", "grad_norm:mean", "grad_norm:max", "grad_norm:sum")
DRAWN = ("importance_sampling", "ppo")
WIRE_NAMES = {"imitated": "cross_entropy"}
ROWS = {
    "cross_entropy": wire.supervised_row, "importance_sampling": wire.policy_row, "ppo": wire.policy_row,
    "imitated": wire.imitating_row, "custom": wire.row_of,
}  # fmt: skip


def loss_of(name: str, output: Any, data: Sequence[Datum]) -> float:
    """What was imitated has a ratio of 1, so its loss is minus the weighted advantages."""
    if name != "imitated":
        return float(output.metrics["loss:sum"])
    return -float(sum(wire.weighted_advantages(datum).sum() for datum in data))


def add_up(sums: Sums, data: Sequence[Datum], logprobs: Sequence[tuple[float, ...]], seen: Sums) -> None:
    """Sums over the batch, as the local engine has them; the entropy is not to be had."""
    for name, value in seen.items():
        sums[name] = sums.get(name, 0.0) + value
    for datum, nats in zip(data, logprobs, strict=True):
        sums["weight"] += sum(datum.weights)
        drawn = datum.logprobs or nats
        sums["kl_sampler"] += sum(w * (q - lp) for w, q, lp in zip(datum.weights, drawn, nats, strict=True) if w)
