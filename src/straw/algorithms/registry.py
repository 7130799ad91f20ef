"""Algorithms as rows: who gets credit, which loss turns it into a gradient, how tokens are weighed.

    grpo = group z-score + ppo clip + every reply counts the same

    baseline      advantage of reward r in a group with mean m
    group         r - m
    leave_one_out r - mean of the others
    zscore        (r - m) / (std + 1e-4), std of the sample (over G - 1), as TRL's scale_rewards="group"
    ema           r - running mean (kept in the checkpoint), which moves once a batch or with every reply
    constant      r - a number
    optimistic    r - ((1 - o) m + o): a group that agrees on less than 1 is pushed apart
    maxrl         (r - m) / m, and nothing where nobody was paid
    batch_zscore  (r - mean of the batch) / std of the batch
    centred_batch (r - m) / std of all r - m of the batch

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

    rows with a paper of their own, each in a file of `rows/`: dr_grpo, dapo, gspo, cispo, maxrl, reinforce_pp

A learner of its own makes no use of advantages: it keeps a log of rollouts, believes something and learns towards that.

surrogate     full reward is where models of the reward, fitted to the log, expect it      knows tokens and rewards,
              and what the start makes of replies: its hidden states, where it was pretrained
reward_aware  the ideal observer's posterior over answers                                  knows the formula as well
regress       log-probabilities, fitted to all that was paid; what was paid is not paid again      knows tokens, rewards
expert_iteration  the best paid reply to each problem is imitated, again and again (1705.08439)   knows tokens, rewards

Others make advantages of their own, token by token, or use no gradient; each has its paper in its file.

es            evolution strategies (2509.24372): weights with noise, drawn to those that were paid more; no gradient
opd           on-policy distillation: each token is worth what a teacher gives to it more (teacher=FOLDER)
sdpo          self-distillation (2601.20802): the teacher is the policy behind what it was told in words
rltf_sd       text feedback (2602.02482): second tries, behind words, are learned as first ones
ppo_critic    PPO with a value head and generalised advantage estimation, token by token

A new algorithm is one row, here or in a file of yours (algorithm=mine.py:MINE). There, a baseline, a loss and a learner
may be named by file as well. Options that only one algorithm reads stand with it: a learner's class and a row may have
`Options`, a subclass of the section [algorithm]. A loss gets those of its row among its settings.
"""

from __future__ import annotations

from straw.algorithms.row import Algorithm
from straw.algorithms.rows import cispo, dapo, dr_grpo, gspo, maxrl, reinforce_pp
from straw.config import Algorithm as Section
from straw.config.tuning import Tuning, Values
from straw.errors import ConfigError
from straw.registry import at, find

WEIGHINGS = ("rollout", "reply", "token")


SUPERVISED = Tuning(values={"learning_rate": 3e-4}, episodes_per_bit=70)
SURROGATE = Tuning(
    values={"learning_rate": 1e-3, "most_updates": 30, "target_kl": 0.1, "pool": 256}, episodes_per_bit=12
)
REWARD_AWARE = Tuning(values={"learning_rate": 1e-3, "most_updates": 30, "target_kl": 0.02}, episodes_per_bit=12)
OF_A_LEARNER = Tuning(values={"learning_rate": 1e-3}, episodes_per_bit=12)  # of somebody else
OF_BELIEFS = Tuning(  # the same, where it has beliefs that are learned towards
    values={"learning_rate": 1e-3, "most_updates": 8, "target_kl": 0.1}, episodes_per_bit=12
)
A_FEW_ANSWERS_LESS = Tuning(  # are left after a step
    values={"learning_rate": 5e-4, "most_updates": 12, "target_kl": 0.02}, episodes_per_bit=12
)

REGRESS = Tuning(values={"learning_rate": 1e-3}, episodes_per_bit=30)
EXPERT = Tuning(values={"learning_rate": 3e-4}, episodes_per_bit=30)
EVOLUTION = Tuning(values={"learning_rate": 1e-2, "sigma": 0.02}, episodes_per_bit=1000)
NO_REPLAY: Values = {"replay": 0}  # which is of rollouts, and these learn by the token


NAMED: dict[str, Algorithm] = {
    "reinforce": Algorithm(baseline="group"),
    "reinforce_ema": Algorithm(baseline="ema", weigh="reply"),
    "reinforce_constant": Algorithm(baseline="constant"),
    "rloo": Algorithm(baseline="leave_one_out"),
    "grpo": Algorithm(baseline="zscore", loss_fn="ppo", weigh="reply", kl_coef=0.04),
    "dr_grpo": dr_grpo.ROW,
    "dapo": dapo.ROW,
    "gspo": gspo.ROW,
    "cispo": cispo.ROW,
    "maxrl": maxrl.ROW,
    "reinforce_pp": reinforce_pp.ROW,
    "reinforce_pp_baseline": reinforce_pp.WITH_BASELINE,
    "ppo": Algorithm(baseline="group", loss_fn="ppo"),
    "optimistic": Algorithm(baseline="optimistic"),
    "surrogate": Algorithm(baseline="constant", learner="surrogate", tuning=SURROGATE),
    "reward_aware": Algorithm(
        baseline="constant", learner="reward_aware", tuning=REWARD_AWARE, tuning_by_luck=A_FEW_ANSWERS_LESS
    ),
    "regress": Algorithm(baseline="constant", learner="regress", tuning=REGRESS),
    "expert_iteration": Algorithm(baseline="constant", learner="expert_iteration", tuning=EXPERT),
    "es": Algorithm(baseline="zscore", learner="es", also={"group_size": 32}, tuning=EVOLUTION),
    "opd": Algorithm(baseline="constant", learner="opd", by_advantages=True, has_teacher=True, also=NO_REPLAY),
    "sdpo": Algorithm(baseline="group", learner="sdpo", by_advantages=True, also=NO_REPLAY),
    "rltf_sd": Algorithm(baseline="group", learner="rltf_sd", by_advantages=True, also=NO_REPLAY),
    "ppo_critic": Algorithm(
        baseline="constant", loss_fn="ppo", learner="ppo_critic", by_advantages=True, also=NO_REPLAY
    ),
    "sft": Algorithm(baseline="none", loss_fn="cross_entropy", is_supervised=True, tuning=SUPERVISED),
}


def algorithm_named(name: str) -> Algorithm:
    """A row of ours or of somebody else, or the row that a learner's class stands for."""
    found = find("algorithms", name)
    if isinstance(found, Algorithm):
        return found
    if isinstance(found, type):
        return Algorithm(baseline="constant", learner=name)
    raise ConfigError(
        f'algorithm={name} is to be an Algorithm, such as MINE = Algorithm(baseline="group"), or the class of a '
        f"learner; it is {type(found).__name__}"
    )


def section_of(name: str) -> type[Section]:
    """The options of a page about this algorithm, in its section [algorithm]."""
    row = algorithm_named(name)
    if row.Options is None and row.learner is None:
        return Section
    least: type[Section] = Section
    if row.learner is not None:
        least = at("straw.training.learners.registry:options_of")(row.learner)
    found = row.Options or least
    if not (isinstance(found, type) and issubclass(found, least)):
        raise ConfigError(
            f"the Options of algorithm={name} are a subclass of {least.__name__}; got {found!r:.60}. Write class "
            f"MyOptions({least.__name__})."
        )
    return found


def mark_of(name: str) -> str:
    """What the run of a learner is called beside its reward, so that it is not taken for a policy gradient.

    Example: mark_of("reward_aware") == ", reward_aware"; mark_of("grpo") == ""
    """
    row = NAMED.get(name)
    return f", {name}" if row is not None and row.learner is not None else ""
