"""The policy gradient: advantages become data, and the best rollouts of before are learned again."""

from __future__ import annotations

from straw.algorithms.replay import BestReplay
from straw.config import Algorithm
from straw.engines.base import Engine, Loss
from straw.rollouts.datums import datum_of
from straw.training.learners.base import Groups
from straw.training.plan import Plan
from straw.training.schedule import share_left
from straw.training.step import replayed, training_data, weighed
from straw.training.updates import Updates
from straw.types import Metric, Rollout


class PolicyGradient:
    def __init__(self, plan: Plan, engine: Engine, updates: Updates, replay: BestReplay) -> None:
        self.plan, self.page, self.engine, self.updates, self.replay = plan, plan.page, engine, updates, replay

    def learn(self, step: int, told: Groups, groups: Groups) -> dict[str, Metric]:
        extra = self.weighed(replayed(groups, self.replay))
        for rollout in (rollout for group in groups for rollout in group):
            self.replay.add(rollout)
        loss = loss_at(self.plan, step, self.updates.num_steps)
        return self.updates.on(training_data(groups, extra, str(self.page.algorithm.weigh), loss), loss, step)

    def weighed(self, extra: list[Rollout]) -> list[Rollout]:
        """With importance weights, where the page wants them."""
        cap = self.page.algorithm.replay_cap
        if cap is None or not extra:
            return extra
        data = [datum_of(one, 1.0, replayed=True) for one in extra]
        return weighed(extra, self.engine.logprobs(data, temperature=self.page.sampling.temperature), cap)


def loss_at(plan: Plan, step: int, num_steps: int) -> Loss:
    """The page's loss with its penalty and bonus, in this step."""
    algorithm = plan.page.algorithm
    return Loss(
        name=str(algorithm.loss_fn),
        settings=plan.loss_settings,
        entropy_coef=entropy_coef(algorithm, step, num_steps),
        kl_coef=algorithm.kl_coef,
        kl_by_ratio=algorithm.use_bias_correction_kl,
        temperature=plan.page.sampling.temperature,
    )


def entropy_coef(algorithm: Algorithm, step: int, num_steps: int) -> float:
    start = algorithm.entropy_coef or 0.0
    return start if algorithm.entropy_schedule == "constant" else start * share_left(step - 1, num_steps)
