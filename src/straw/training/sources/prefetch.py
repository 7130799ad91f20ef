"""Rollouts at later steps, made together while nothing is learned.

    step       1  2  3  4  5  6  7  8        nothing is paid: ever more steps at once
    made at    1  2  3  3  5  5  5  5        an update throws away what it outdates, and begins with one again

A rollout is a function of its place in the run and of the weights, so as long as these stay the same it does not
matter when it is made. Until a secret is found by right or wrong nothing is learned for hundreds of steps, and replies
to one prompt cost less together: the run leaves the same bits, sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from straw.engines.backends.base import is_exact
from straw.engines.base import Engine
from straw.training.sources.base import Collector, Groups, NoRollouts

Make = Callable[[Sequence[int]], list[Groups]]  # the groups of each of some steps
MOST_ROWS, MOST_TOKENS = 128, 2048  # together: what is foreseen should need no memory worth counting


class Foresight:
    """`make` writes the rollouts of some steps with the weights as they are."""

    def __init__(self, make: Make, rows_per_step: int, tokens_per_row: int) -> None:
        rows = min(MOST_ROWS, MOST_TOKENS // tokens_per_row)
        self.make, self.most = make, max(1, rows // rows_per_step)
        self.version: int | None = None
        self.made: dict[int, Groups] = {}
        self.unchanged = 0  # steps that these weights have lasted

    def at(self, step: int, version: int, last: int) -> Groups:
        """The groups of this step, with the weights of this version; none is made for a step behind the last."""
        if version != self.version:
            self.version, self.made, self.unchanged = version, {}, 0
        if step not in self.made:
            steps = range(step, min(step + min(max(1, self.unchanged), self.most), last + 1))
            self.made = dict(zip(steps, self.make(steps), strict=True))
        self.unchanged += 1
        return self.made.pop(step)


class Prefetching(NoRollouts):
    """The groups of a step when they are asked for, and those of later steps beside them."""

    def __init__(self, collector: Collector, engine: Engine) -> None:
        plan = collector.plan
        self.collector, self.engine, self.last = collector, engine, int(plan.page.run.n_batches or 0)
        # Elsewhere neighbours may change a row's bits; and a function is called only for what is learned from.
        keeps_bits = plan.page.model.device == "cpu" and is_exact(plan.page.engine.generator)
        is_decided = plan.page.problems.curriculum == "none"  # else the problems are not known yet
        self.is_foreseen = keeps_bits and is_decided and not plan.channel.reads_replies
        self.foresight = Foresight(
            lambda steps: collector.of_all(steps, engine),
            rows_per_step=plan.episodes_per_step,
            tokens_per_row=collector.sampling.max_tokens * plan.task.max_turns,
        )

    def rollouts(self, step: int) -> Groups:
        if not self.is_foreseen:
            return self.collector.of(step, self.engine)
        return self.foresight.at(step, self.engine.policy_version, self.last)
