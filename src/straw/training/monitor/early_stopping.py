"""Early stopping: a run is over when so many evaluations in a row brought nothing better.

    keep_best=accuracy patience=5      the checkpoint of the best accuracy is kept; five evaluations without a better
                                       one end the run
    keep_best=-kl                      the lower, the better

The first evaluation, before the first step, counts: what never becomes better than its start is over soon. An equal
value is no better one. What is remembered is part of the checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any


@dataclass(slots=True)
class Patience:
    """`most` is 0 where a run goes on whatever is measured.

    Example: Patience("accuracy", most=2) is over after hearing 0.5, 0.4 and 0.5.
    """

    metric: str = ""
    most: int = 0
    best: float | None = None
    waited: int = 0  # evaluations since then

    @property
    def is_on(self) -> bool:
        return self.most > 0

    @property
    def is_over(self) -> bool:
        return self.is_on and self.waited >= self.most

    def hear(self, values: Mapping[str, float | None]) -> bool:
        """Take an evaluation; whether it is the best so far. One that lacks the metric, or is NaN, tells nothing."""
        value = values.get(self.metric.removeprefix("-"))
        if not self.is_on or value is None or not isfinite(value):
            return False
        sign = -1 if self.metric.startswith("-") else 1
        if self.best is None or sign * value > sign * self.best:
            self.best, self.waited = value, 0
            return True
        self.waited += 1
        return False

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.best, self.waited = state.get("best"), int(state.get("waited", 0))
