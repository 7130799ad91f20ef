"""A learner of your own, with an option: it observes what rollouts were paid, and says which replies to learn.

straw train secret N=16 algorithm=examples/my_learner.py:BestSoFar newest=true
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from straw.config.option import option
from straw.training.learners.soft_targets import BeliefOptions, TargetDistribution
from straw.training.learners.surrogate import spoken


@dataclass(frozen=True, kw_only=True)
class BestOptions(BeliefOptions):
    newest: bool = option(False, "whether the newest of equally good replies is believed in, instead of the first")


class BestSoFar:
    """Believes in the best reply that it observed for each prompt."""

    Options = BestOptions
    facts: ClassVar = {}

    def __init__(self, plan, engine, sampling):
        self.newest = plan.page.algorithm.newest
        self.best = {}  # by prompt: reward, prompt and reply as tokens

    def observe(self, groups, step):
        for rollout in (rollout for group in groups for rollout in group):
            known = self.best.get(rollout.problem.key)
            if known is None or rollout.reward > known[0] or (self.newest and rollout.reward == known[0]):
                datum = spoken(rollout.turns)
                self.best[rollout.problem.key] = [rollout.reward, datum.prompt, datum.tokens, datum.weights]

    def beliefs(self):
        return [TargetDistribution([self.datum(kept)], np.ones(1)) for kept in self.best.values()]

    def datum(self, kept):
        from straw.types import Datum

        _, prompt, tokens, weights = kept
        return Datum(prompt=tuple(prompt), tokens=tuple(tokens), weights=tuple(weights))

    def state_dict(self):
        return {"best": self.best}

    def load_state_dict(self, state):
        self.best = dict(state["best"])
