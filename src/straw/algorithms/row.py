"""A row: what an algorithm says of baseline, loss and weights, and who learns instead of a policy gradient.

Rows of ours stand in `registry` and, each with its paper, in `rows/`; somebody else's in a file of theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from straw.config import Algorithm as Section
from straw.config.tuning import Tuning, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """The defaults of one row; each of the first four may be overridden by the option of the same name.

    `also` has further options of the page that its paper fixes. `learner` is who learns instead of a policy gradient,
    and `is_supervised` says that reference replies are learned and nothing is sampled. `by_advantages`: its learner
    makes advantages of its own, and heeds KL penalty and entropy bonus as a policy gradient does. `has_teacher`: more
    reaches the weights than rewards tell, so the ledger, whose law is about rewards, stays empty. `tuning` goes before
    what was tuned for the reward, `tuning_by_luck` before both where answers have to be found by luck.

    >>> straw.Algorithm(baseline="leave_one_out", loss_fn="ppo", weigh="reply").has_targets
    False
    """

    baseline: str | Callable[..., Any] = "group"
    loss_fn: str | Callable[..., Any] = "importance_sampling"
    weigh: str = "rollout"
    kl_coef: float = 0.0
    also: Values = field(default_factory=dict)
    learner: str | None = None
    is_supervised: bool = False
    by_advantages: bool = False
    has_teacher: bool = False
    tuning: Tuning | None = None
    tuning_by_luck: Tuning | None = None
    Options: type[Section] | None = None  # none: its learner's, or those that all rows share

    def options(self, name: str) -> Values:
        """The options of a page that this row says; `name`: its own, by which its functions can be found again."""
        said = {"baseline": self.baseline, "loss_fn": self.loss_fn, "weigh": self.weigh, "kl_coef": self.kl_coef}
        file = name.rpartition(":")[0]
        named = {key: f"{file}:{value.__name__}" if callable(value) else value for key, value in said.items()}
        return named | self.also

    @property
    def has_targets(self) -> bool:
        """Whether it learns towards given targets, and makes no use of advantages."""
        return self.is_supervised or (self.learner is not None and not self.by_advantages)
