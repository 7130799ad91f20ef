"""Algorithms as rows: who gets credit, which loss turns it into a gradient, how tokens are weighed.

    grpo = group z-score + ppo clip + every reply counts the same

    baseline      advantage of reward r in a group with mean m
    group         r - m
    leave_one_out r - mean of the others
    zscore        (r - m) / (std + 1e-4), std of the sample (over G - 1), as TRL's scale_rewards="group"
    ema           r - running mean (kept in the checkpoint), which moves once a batch or with every reply
    constant      r - a number
    optimistic    r - ((1 - o) m + o): a group that agrees on less than 1 is pushed apart

    weigh         each token of a rollout of T tokens, in a batch of B rollouts with all M tokens
    rollout       1 / B           the log-probability of the whole reply: the policy gradient itself
    reply         1 / (B T)       every reply counts the same (GRPO, and the digits study)
    token         1 / M           every token counts the same (DAPO)

    row, and what computes the same in TRL 1.16 (the KL penalty and the entropy bonus are added to every row alike)
    grpo          GRPOTrainer with loss_type="grpo", scale_rewards="group", beta=0.04,
                  use_bias_correction_kl=False
    dr_grpo, ppo  GRPOTrainer with loss_type="dr_grpo", scale_rewards="none", times max_completion_length; no value
                  function: a group's mean stands for it
    rloo          its leave-one-out advantages; RLOOTrainer also clips the ratio of a whole reply, and takes the KL
                  out of the reward
    reinforce ... the policy gradient of the whole reply with importance weights, not clipped

A student makes no use of advantages: it keeps a log of attempts, believes something and learns towards that.

surrogate     full reward is where a model of the reward, fitted to the log, expects it     knows tokens and rewards,
              and is fast where answers that are near each other are spelled alike
reward_aware  the ideal observer's posterior over answers                                  knows the formula as well

A new algorithm is one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from straw.algorithms import advantages as credit


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """The defaults of one row; each may be overridden by the option of the same name."""

    baseline: str
    loss_fn: str = "importance_sampling"
    weigh: str = "rollout"
    kl_coef: float = 0.0
    student: str | None = None


NAMED: dict[str, Algorithm] = {
    "reinforce": Algorithm(baseline="group"),
    "reinforce_ema": Algorithm(baseline="ema", weigh="reply"),
    "reinforce_constant": Algorithm(baseline="constant"),
    "rloo": Algorithm(baseline="leave_one_out"),
    "grpo": Algorithm(baseline="zscore", loss_fn="ppo", weigh="reply", kl_coef=0.04),
    "dr_grpo": Algorithm(baseline="group", loss_fn="ppo"),
    "ppo": Algorithm(baseline="group", loss_fn="ppo"),
    "optimistic": Algorithm(baseline="optimistic"),
    "surrogate": Algorithm(baseline="constant", student="surrogate"),
    "reward_aware": Algorithm(baseline="constant", student="reward_aware"),
    "sft": Algorithm(baseline="none", loss_fn="cross_entropy"),
}


def mark_of(name: str) -> str:
    """What a student's run is called beside its reward, so that it is not taken for another kind of learner.

    Example: mark_of("reward_aware") == ", reward_aware"; mark_of("grpo") == ""
    """
    row = NAMED.get(name)
    return f", {name}" if row is not None and row.student is not None else ""


BASELINES = ("group", "leave_one_out", "zscore", "ema", "constant", "optimistic", "none")
WEIGHINGS = ("rollout", "reply", "token")


@dataclass(slots=True, kw_only=True)
class Credit:
    """Rewards to advantages, with the one number that outlives a batch in plain sight."""

    baseline: str
    constant: float = 0.5
    decay: float = 0.9
    optimism: float = 0.1
    running_mean: float = 0.0  # where it stands; at first where the page lets it begin
    moves: str = "reply"  # with every one, or once a "batch"

    def advantages(self, groups: Sequence[Sequence[float]]) -> list[list[float]]:
        """One advantage per reward, group by group."""
        if self.baseline == "ema":
            flat = [reward for group in groups for reward in group]
            found, once = credit.against_ema(flat, self.running_mean, self.decay)
            by_each = self.moves == "reply"
            self.running_mean = credit.moved_by_each(flat, self.running_mean, self.decay) if by_each else once
            remaining = iter(found)
            return [[next(remaining) for _ in group] for group in groups]
        return [self._of_group(group) for group in groups]

    def _of_group(self, rewards: Sequence[float]) -> list[float]:
        match self.baseline:
            case "group":
                return credit.centred(rewards)
            case "leave_one_out":
                return credit.rloo(rewards)
            case "zscore":
                return credit.zscore(rewards)
            case "constant":
                return credit.against_constant(rewards, self.constant)
            case "optimistic":
                return credit.optimistic(rewards, self.optimism)
        raise ValueError(f"no credit is given by baseline {self.baseline!r}")

    def state_dict(self) -> dict[str, float]:
        return {"running_mean": self.running_mean}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.running_mean = state["running_mean"]
