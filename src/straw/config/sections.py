"""Every option of a page, by section, with the only place where its default is written.

Names are unique over all sections, so `N=64` needs no prefix; `task.N=64` says the same.
An option that defaults to None is chosen later, from what was tuned for the task and the channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from straw.config.option import MOST_SEED, MOST_STEPS, Section, option
from straw.errors import ConfigError

EMBEDDED = ("tiny-0.2M", "tiny-1M", "tiny-5M")  # `engines.local.models.tiny` has their shapes


@dataclass(frozen=True, kw_only=True)
class Reward(Section):
    """The channel from grades to numbers."""

    reward_type: str | None = option(
        None,
        "the reward channel; none: the task's own, such as binary",
        example="binary",
        registry="rewards",
    )
    reward_bins: int = option(
        8,
        "the number of bins of a binned channel",
        at_least=2,
        way_out="One bin always pays the same: for a 3-bit channel write reward_bins=8.",
        at_most=65_536,
    )
    form: Literal["normalised", "raw"] = option(
        "normalised", "how log_distance pays: 1 - log2(1 + d) / log2 N, or raw -log10(1 + d)"
    )
    credit: Literal["turn", "sum"] = option("turn", "how dense credits: every turn by itself, or all with the sum")
    flip_probability: float = option(0.1, "how often noisy_binary pays the opposite", at_least=0, at_most=0.5)
    reward_weights: tuple[str, ...] = option(
        ("correctness=1", "integer=0.5", "strict_format=0.5", "soft_format=0.5", "xmlcount=0.5"),
        "the parts of weighted and their weights; 0: measured, not paid",
    )


@dataclass(frozen=True, kw_only=True)
class Algorithm(Section):
    """How payment becomes credit and credit a loss."""

    algorithm: str = option(
        "reinforce",
        "the algorithm: credit, loss and defaults (surrogate rests on spelling)",
        registry="algorithms",
    )
    loss_fn: str | None = option(None, "the loss; none: the algorithm's own", example="ppo", registry="losses")
    baseline: str | None = option(
        None, "what a reward is compared with; none: the algorithm's own", example="group", registry="baselines"
    )
    baseline_constant: float = option(0.5, "the value of baseline=constant")
    ema_decay: float = option(0.9, "how much of the running mean baseline=ema keeps", at_least=0, below=1)
    ema_update: Literal["batch", "reply"] = option(
        "reply", "what moves the running mean of baseline=ema: each batch, or each reply"
    )
    ema_start: float = option(0.0, "where the running mean of baseline=ema begins")
    optimism: float = option(0.1, "how far baseline=optimistic moves from the mean to 1", at_least=0, at_most=1)
    weigh: Literal["rollout", "reply", "token"] | None = option(
        None, "what counts the same in the loss; none: the algorithm's own"
    )
    clip_low: float = option(0.2, "how far below 1 the ratio of ppo may fall", at_least=0, at_most=1)
    clip_high: float = option(0.2, "how far above 1 the ratio of ppo may rise", at_least=0)
    kl_coef: float = option(0.0, "the weight of the KL penalty to the reference policy (k3 estimator)", at_least=0)
    use_bias_correction_kl: bool = option(
        False, "whether the KL penalty is weighted by the importance ratio, as TRL does"
    )
    entropy_schedule: Literal["linear", "constant"] = option(
        "linear", "how the entropy bonus falls towards the end of the run"
    )
    entropy_coef: float | None = option(
        None, "the bonus for one nat of entropy; none: as tuned", example=0.05, at_least=0
    )
    replay: int | None = option(
        None, "how many of the best attempts are learned again; none: as tuned", example=1, at_least=0, at_most=65_536
    )
    replay_cap: float | None = option(
        None, "the most that an attempt learned again weighs, by importance; none: 1", example=2, above=0
    )
    group_size: int = option(4, "the number of attempts at one problem", at_least=1, at_most=65_536)
    batch_size: int = option(1, "the number of groups in a batch", at_least=1, at_most=65_536)
    samples_per_step: int | None = option(
        None, "the number of attempts in a batch, said instead of batch_size", example=8, at_least=1, at_most=524_288
    )
    problems_at_once: int | None = option(
        None, "the number of groups in a micro step (bs), times accumulation a batch",
        example=2, at_least=1, at_most=65_536,
    )  # fmt: skip
    accumulation: int | None = option(
        None, "the number of micro steps in a batch (gc), said instead of batch_size",
        example=8, at_least=1, at_most=65_536,
    )  # fmt: skip
    updates_per_batch: int = option(1, "the number of updates from one batch", at_least=1, at_most=1_000)
    most_updates: int | None = option(
        None, "the most updates a step towards what a student believes; none: as tuned",
        example=8, at_least=1, at_most=10_000,
    )  # fmt: skip
    target_kl: float | None = option(
        None, "the nats from what a student believes at which updates stop; none: as tuned", example=0.1, above=0
    )
    pool: int | None = option(
        None, "the unpaid replies that surrogate draws at the start; none: as tuned",
        example=4096, at_least=1, at_most=262_144,
    )  # fmt: skip
    fresh: int = option(
        64, "the unpaid replies, no episodes, that surrogate draws in a step", at_least=0, at_most=262_144
    )


@dataclass(frozen=True, kw_only=True)
class Optimizer(Section):
    """AdamW and its schedule."""

    learning_rate: float | None = option(
        None, "the size of an update; none: as tuned", example=3e-4, above=0, at_most=1,
        way_out="AdamW moves every weight by about so much a step, and weights are smaller: write learning_rate=3e-4.",
    )  # fmt: skip
    beta1: float = option(0.9, "how much of the mean gradient is kept", at_least=0, below=1)
    beta2: float = option(0.95, "how much of the mean squared gradient is kept", at_least=0, below=1)
    eps: float = option(1e-8, "what is added to the root of the mean squared gradient", above=0)
    weight_decay: float = option(0.0, "the decay of the weights, times the learning rate", at_least=0)
    grad_clip: float = option(1.0, "the largest norm of a gradient; 0: no limit", at_least=0)
    schedule: Literal["constant", "linear", "cosine"] = option("constant", "how the learning rate falls")
    lr_warmup_steps: int = option(
        0, "the number of updates until the learning rate is full", at_least=0, at_most=MOST_STEPS
    )
    lr_warmup: float = option(0.0, "the same as a share of all updates", at_least=0, at_most=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lr_warmup_steps and self.lr_warmup:
            raise ConfigError(
                f"the learning rate rises over a number of updates or a share of them; got lr_warmup_steps="
                f"{self.lr_warmup_steps} with lr_warmup={self.lr_warmup}. Leave one of them out."
            )


@dataclass(frozen=True, kw_only=True)
class Model(Section):
    """Which model learns, and what it runs on."""

    model_name: str = option("tiny-1M", "the model: an embedded size, a name in the cache or on the hub, or a folder")
    lora_rank: int | None = option(
        None, "the rank of the adapters; 0: full fine-tuning; none: as tuned", example=8, at_least=0, at_most=4_096
    )
    lora_alpha: float = option(32.0, "the scale of the adapters, before division by the rank", above=0)
    lora_targets: str = option("all-linear", "which layers get adapters")
    model_seed: int = option(0, "the seed of an embedded model's first weights", at_least=0, at_most=MOST_SEED)
    trust_remote_code: bool = option(
        False, "whether a model's own code may run; said for each command, never by a page"
    )
    from_checkpoint: str | None = option(None, "the checkpoint to start from", example="runs/first/checkpoints/last")
    dtype: Literal["auto", "float32", "bfloat16"] = option("auto", "the precision of the forward pass")
    device: str = option("auto", "the device: auto, cpu, cuda, cuda:1, mps")
    threads: int = option(1, "the number of torch threads", at_least=1, at_most=512)
    gradient_checkpointing: bool = option(False, "whether activations are computed twice to save memory")
    fast_llama: bool = option(True, "whether Llama models take the hand-written path")
    tokens_per_microbatch: int | None = option(
        None, "the number of tokens that training reads at once; none: by the model's size",
        example=1024, at_least=1, at_most=16_777_216,
    )  # fmt: skip

    @property
    def is_embedded(self) -> bool:
        """Whether it is one of those that are made from a seed, and knows nothing yet."""
        return self.model_name in EMBEDDED


@dataclass(frozen=True, kw_only=True)
class Engine(Section):
    """Who computes."""

    engine: str = option("local", "the engine", registry="engines")
    num_generators: int = option(
        2,
        "the number of generators; named, they are processes; digits: one reply of each",
        at_least=1,
        at_most=1_024,
    )
    rows_at_once: int | None = option(
        None,
        "the number of replies that are written at once; none: all of them",
        example=64,
        at_least=16,
        way_out="A matmul of fewer rows gives other bits: write rows_at_once=16.",
        at_most=65_536,
    )
    max_lag: int = option(0, "how many steps the generators may run ahead of the trainer", at_least=0, at_most=10_000)
    pace: Literal["exact", "free"] = option("exact", "how generators run ahead: exactly max_lag steps, or free")
    fresh_weights: bool = option(False, "whether generators take new weights between two tokens, too")
    weights: Literal["shared", "pushed"] = option(
        "shared", "how weights come to generators: in shared memory, or pushed by the trainer"
    )
    answer_s: float = option(8.0, "the seconds of silence, not of work, until a process is replaced", above=0)
    load_s: float = option(
        600.0, "the seconds until a process that only loads or computes nothing is replaced", above=0
    )
    shared_machine: bool = option(True, "whether others have accounts here, so that Monarch needs a wall or refuses")


@dataclass(frozen=True, kw_only=True)
class Sampling(Section):
    """How replies are drawn."""

    max_tokens: int | None = option(
        None, "the most tokens in one reply; none: what the task needs", example=8, at_least=1, at_most=262_144
    )
    temperature: float = option(
        1.0,
        "how evenly tokens are drawn; 1: as the model has it",
        above=0,
        way_out="A policy gradient needs chance: write temperature=1.",
    )
    top_k: int = option(0, "how many of the likeliest tokens may be drawn; 0: all", at_least=0, at_most=262_144)
    top_p: float = option(1.0, "the probability mass that may be drawn", above=0, at_most=1)
    stop: tuple[str, ...] = option((), "the texts that end a reply, besides the end token", example=("END",))


@dataclass(frozen=True, kw_only=True)
class WarmUp(Section):
    """How the model learns the format, and near-uniform answers, before the run."""

    warmup: Literal["auto", "none", "force"] = option("auto", "take it from the cache, leave it out, or do it anew")
    warmup_steps: int = option(1000, "the upper end of its updates", at_least=1, at_most=1_000_000)
    warmup_learning_rate: float | None = option(None, "the size of its updates; none: as tuned", example=3e-3, above=0)
    warmup_batch: int = option(16, "its rows an update", at_least=1, at_most=65_536)
    warmup_mass: float | None = option(
        None, "the valid mass that it has to reach; none: by the model", example=0.99, above=0, at_most=1
    )
    warmup_distance: float | None = option(
        None, "the distance from uniform that it may leave; none: by the model", example=0.02, above=0, at_most=1
    )
    warmup_accuracy: float | None = option(
        None, "the accuracy at which it stops, for a task with held-out problems", example=0.35, above=0, at_most=1
    )


@dataclass(frozen=True, kw_only=True)
class Run(Section):
    """How long it goes on and what is kept."""

    n_batches: int | None = option(
        None, "the number of batches; none: as tuned", example=100, at_least=1, at_most=MOST_STEPS
    )
    num_epochs: int | None = option(
        None, "the number of passes over the problems, said instead of n_batches",
        example=1, at_least=1, at_most=100_000,
    )  # fmt: skip
    seed: int = option(0, "the seed of sampling and of the problems' order", at_least=0, at_most=MOST_SEED)
    stop_at: float | None = option(
        None, "the p(S) or accuracy at which a run is over; none: after n_batches", example=0.95,
        above=0, at_most=1,
    )  # fmt: skip
    eval_every: int | None = option(
        None, "the number of steps from one measurement to the next; none: 100, or less",
        example=10, at_least=1, at_most=MOST_STEPS,
    )  # fmt: skip
    eval_answers: int = option(
        1024, "the most answers whose probability is measured; those of more are estimated", at_least=2, at_most=262_144
    )
    eval_samples: int = option(
        20, "the number of held-out problems in a measurement of accuracy", at_least=1, at_most=100_000
    )
    eval_replies: int = option(
        1, "the number of replies to each; several tell pass@k and diversity", at_least=1, at_most=4_096
    )
    eval_temperature: float | None = option(
        None, "the temperature of those replies; 0: the likeliest; none: as in training", example=0, at_least=0
    )
    save_every: int | None = option(
        None, "the number of steps between checkpoints; none: a minute; 0: only the last",
        example=100, at_least=0, at_most=MOST_STEPS,
    )  # fmt: skip
    keep_last: int = option(2, "how many of the newest checkpoints are kept; 0: all", at_least=0, at_most=MOST_STEPS)
    keep_best: str = option("", "the metric whose best checkpoint is kept too; -name: the lowest", example="bits_known")
    keep_weights: bool = option(True, "whether a run keeps weights when it is done; without any it is only read")
    track: Literal["none", "wandb", "trackio", "tensorboard"] = option(
        "none", "the tracker that gets the metrics, beside the run folder's files"
    )
    verbose: bool = option(False, "whether every attempt is printed")
    silence: tuple[str, ...] = option((), "the gates and alarms that are to keep silent", example=("kl_spike",))
    run_dir: str | None = option(None, "the run folder; none: a new one under runs", example="runs/first")
    question: str = option("", "what the run is to find out, in a sentence", example="how fast?")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.eval_replies > 1 and self.eval_temperature == 0:
            raise ConfigError(
                f"the likeliest reply is always the same; got eval_replies={self.eval_replies} with "
                "eval_temperature=0. Write eval_temperature=1, or eval_replies=1."
            )
