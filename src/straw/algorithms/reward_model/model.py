"""The belief of one log from step to step: new replies are new rows of it, and it is formed anew where it has to be.

    anew       the pool has grown, equal replies were paid otherwise, or the noise is another one
    by rows    replies that were not tried before

Sums in another order have other last bits. So a state says in which pieces the belief was formed, and one that is
recalled is formed in the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from straw.algorithms.reward_model.belief import Belief
from straw.algorithms.reward_model.fields import JITTER, LEAST, Paid, Turns, full_shares, joined, noise_of
from straw.algorithms.reward_model.likeness import Array, Replies

SAME_NOISE = 1.25  # times: not worth forming a belief anew


class RewardModel:
    """`state`: what `state_dict` gave."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self.belief: Belief | None = None
        self.state: dict[str, Any] = dict(state or {"count": 0, "noise": JITTER, "pieces": [], "rewards": []})

    def state_dict(self) -> dict[str, Any]:
        return self.state

    def log_chances(
        self, make: Callable[[], Replies], count: int, tried: Sequence[int], means: Sequence[float],
        full: float, noise: float,
    ) -> Array:  # fmt: skip
        """`tried`: places in the pool of `count`, in the order in which they were tried. `make`: spells the pool."""
        if not self.may_go_on(count, means, noise):
            self.belief = None
            self.state = {"count": count, "noise": noise, "pieces": [], "rewards": []}
        if self.belief is None:
            self.belief = Belief(make(), full, self.state["noise"])
            for piece in self.state["pieces"]:
                begin = len(self.belief.tried)
                self.belief.append(tried[begin : begin + piece], means[begin : begin + piece])
        if new := len(tried) - len(self.belief.tried):
            self.belief.append(tried[-new:], means[-new:])
            self.state = {
                **self.state, "pieces": [*self.state["pieces"], new], "rewards": [float(one) for one in means]
            }  # fmt: skip
        return self.belief.log_chances()

    def may_go_on(self, count: int, means: Sequence[float], noise: float) -> bool:
        held = self.state["rewards"]
        is_alike = max(noise, self.state["noise"]) <= SAME_NOISE * min(noise, self.state["noise"])
        return count == self.state["count"] and is_alike and list(means[: len(held)]) == held


def shares(
    model: RewardModel, make: Callable[[], Replies], said: Sequence[Turns], paid: Sequence[Paid],
    replies: Sequence[Turns], prior: Array, full: float,
) -> Array:  # fmt: skip
    """For each of the replies how likely it is the one that earns `full`; they add up to 1.

    One that was paid in full is it. As long as all was paid alike there is nothing to go by but what was tried. Turns
    that are paid by themselves have a field each, and no centre (`fields`).
    """
    if len(paid[0]) > 1:
        return full_shares(said, paid, replies, prior, full)
    places = {joined(one): place for place, one in enumerate(replies)}
    totals: dict[int, list[float]] = {}
    for one, values in zip(said, paid, strict=True):
        totals.setdefault(places[joined(one)], []).append(sum(values))
    tried, means = [*totals], [float(np.mean(values)) for values in totals.values()]
    chances = np.ones(len(replies))
    if max(means) >= full - LEAST:
        chances[:] = 0.0
        chances[[place for place, mean in zip(tried, means, strict=True) if mean >= full - LEAST]] = 1.0
    elif len({sum(values) for values in paid}) == 1:
        chances[tried] = 0.0
    else:
        nats = model.log_chances(make, len(replies), tried, means, full, noise_of([*totals.values()]))
        chances = np.exp(nats - nats.max())
    found = prior * chances
    return np.asarray(found / found.sum()) if found.sum() > 0 else np.asarray(prior / prior.sum())
