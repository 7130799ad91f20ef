"""Every option of a page, by section, with the only place where its default is written.

Names are unique over all sections, so `N=64` needs no prefix; `task.N=64` says the same.
An option that defaults to None is chosen later, from what was tuned for the task and the channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from straw.config.option import MOST_SEED, MOST_STEPS, Section, option
from straw.errors import ConfigError

EMBEDDED = ("tiny-0.2M", "tiny-1M", "tiny-5M", "tiny-1M-numbers", "tiny-1M-3digits")  # shapes: models.tiny


@dataclass(frozen=True, kw_only=True)
class Reward(Section):
    """The channel from grades to numbers."""

    reward_type: str | None = option(
        None,
        "the reward: a channel, or a function FILE.py:NAME; none: the task's own",
        example="binary",
        registry="rewards",
    )
    reward_bins: int = option(
        8,
        "the number of reward levels of a binned channel; 8 are 3 bits",
        at_least=2,
        way_out="One bin always pays the same: for a 3-bit channel write reward_bins=8.",
        at_most=65_536,
    )
    form: Literal["normalised", "raw"] = option(
        "normalised", "the scale of log_distance: 1 - log2(1 + d) / log2 N, or raw -log10(1 + d)"
    )
    credit: Literal["turn", "sum"] = option(
        "turn", "the credit of dense: an advantage for each turn, or one for their sum"
    )
    flip_probability: float = option(
        0.1, "the probability that noisy_binary returns the opposite reward", at_least=0, at_most=0.5
    )
    reward_weights: tuple[str, ...] = option(
        ("correctness=1", "integer=0.5", "strict_format=0.5", "soft_format=0.5", "xmlcount=0.5"),
        "the parts of the weighted reward, NAME=weight; 0: logged only",
    )


@dataclass(frozen=True, kw_only=True)
class Algorithm(Section):
    """How payment becomes credit and credit a loss: what any row may combine. A learner's own options stand with it."""

    algorithm: str = option(
        "reinforce",
        "the algorithm: baseline, loss and defaults",
        registry="algorithms",
    )
    loss_fn: str | None = option(None, "the policy loss; none: the algorithm's own", example="ppo", registry="losses")
    baseline: str | None = option(
        None,
        "the baseline that makes rewards advantages; none: the algorithm's own",
        example="group",
        registry="baselines",
    )
    baseline_constant: float = option(0.5, "the value subtracted by baseline=constant")
    ema_decay: float = option(0.9, "the decay of the running mean of baseline=ema", at_least=0, below=1)
    ema_update: Literal["batch", "reply"] = option(
        "reply", "the unit that moves the running mean of baseline=ema: batch or completion"
    )
    ema_start: float = option(0.0, "the first value of the running mean of baseline=ema")
    optimism: float = option(
        0.1, "the share of the way from the mean to 1 where baseline=optimistic lies", at_least=0, at_most=1
    )
    weigh: Literal["rollout", "reply", "token"] | None = option(
        None, "the loss normalisation: what counts equally; none: the algorithm's own"
    )
    clip_low: float = option(0.2, "the clip range of ppo below an importance ratio of 1", at_least=0, at_most=1)
    clip_high: float = option(0.2, "the clip range of ppo above an importance ratio of 1", at_least=0)
    kl_coef: float = option(0.0, "the KL coefficient: penalty towards the reference policy (k3 estimator)", at_least=0)
    use_bias_correction_kl: bool = option(
        False, "whether the KL penalty is weighted by the importance ratio, as TRL does"
    )
    entropy_schedule: Literal["linear", "constant"] = option(
        "linear", "the schedule of the entropy coefficient over the run"
    )
    entropy_coef: float | None = option(
        None, "the entropy coefficient: bonus for a nat of entropy; none: as tuned", example=0.05, at_least=0
    )
    replay: int | None = option(
        None,
        "the number of best rollouts a prompt that are replayed; none: as tuned",
        example=1,
        at_least=0,
        at_most=65_536,
    )
    replay_cap: float | None = option(
        None, "the cap on a replayed rollout's importance weight; none: always 1", example=2, above=0
    )
    ratio_cap: float | None = option(
        None, "the cap on importance ratios; none: 2 where the generator is not exact", example=2, above=0
    )
    group_size: int = option(4, "the number of rollouts for one prompt", at_least=1, at_most=65_536)
    batch_size: int = option(1, "the number of prompts (groups of rollouts) in a batch", at_least=1, at_most=65_536)
    samples_per_step: int | None = option(
        None, "the number of rollouts in a batch, said instead of batch_size", example=8, at_least=1, at_most=524_288
    )
    problems_at_once: int | None = option(
        None, "the number of prompts in a micro step (bs); a batch is accumulation of them",
        example=2, at_least=1, at_most=65_536,
    )  # fmt: skip
    accumulation: int | None = option(
        None, "the gradient accumulation steps of a batch (gc), instead of batch_size",
        example=8, at_least=1, at_most=65_536,
    )  # fmt: skip
    updates_per_batch: int = option(1, "the number of optimizer steps on one batch", at_least=1, at_most=1_000)


@dataclass(frozen=True, kw_only=True)
class Optimizer(Section):
    """AdamW and its schedule."""

    learning_rate: float | None = option(
        None, "the learning rate of AdamW; none: as tuned", example=3e-4, above=0, at_most=1,
        way_out="AdamW moves every weight by about so much a step, and weights are smaller: write learning_rate=3e-4.",
    )  # fmt: skip
    beta1: float = option(0.9, "AdamW's decay of the mean gradient", at_least=0, below=1)
    beta2: float = option(0.95, "AdamW's decay of the mean squared gradient", at_least=0, below=1)
    eps: float = option(1e-8, "AdamW's epsilon", above=0)
    weight_decay: float = option(0.0, "AdamW's weight decay, decoupled from the gradient", at_least=0)
    grad_clip: float = option(1.0, "the largest gradient norm; 0: no clipping", at_least=0)
    schedule: Literal["constant", "linear", "cosine"] = option(
        "constant", "the learning rate schedule behind the warm-up"
    )
    lr_warmup_steps: int = option(
        0, "the number of optimizer steps of linear learning rate warm-up", at_least=0, at_most=MOST_STEPS
    )
    lr_warmup: float = option(0.0, "the learning rate warm-up as a share of all optimizer steps", at_least=0, at_most=1)

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
        None, "the LoRA rank; 0: full fine-tuning; none: as tuned", example=8, at_least=0, at_most=4_096
    )
    lora_alpha: float = option(32.0, "the LoRA scale alpha, before division by the rank", above=0)
    lora_targets: str = option("all-linear", "the layers that get LoRA adapters: all-linear, or names")
    model_seed: int = option(0, "the seed of an embedded model's first weights", at_least=0, at_most=MOST_SEED)
    trust_remote_code: bool = option(False, "whether a model's own code may run; for one command, never by a page")
    from_checkpoint: str | None = option(None, "the checkpoint to start from", example="runs/first/checkpoints/last")
    dtype: Literal["auto", "float32", "bfloat16"] = option(
        "auto", "the precision of the forward pass; weights stay float32"
    )
    device: str = option("auto", "the device: auto, cpu, cuda, cuda:1, mps")
    threads: int = option(1, "the number of torch threads", at_least=1, at_most=512)
    gradient_checkpointing: bool = option(False, "whether activations are recomputed to save memory, for more time")
    fast_llama: bool = option(True, "whether Llama models take straw's faster forward pass")
    tokens_per_microbatch: int | None = option(
        None, "the tokens of a micro-batch in training; none: by the model's size",
        example=1024, at_least=1, at_most=16_777_216,
    )  # fmt: skip

    @property
    def is_embedded(self) -> bool:
        """Whether it is one of those that are made from a seed, and knows nothing yet."""
        return self.model_name in EMBEDDED


@dataclass(frozen=True, kw_only=True)
class Engine(Section):
    """Who computes."""

    engine: str = option(
        "local", "the engine: local, monarch or ranks (processes), or tinker (a service)", registry="engines"
    )
    num_generators: int = option(
        2, "the number of generator processes (engine=monarch where installed)", at_least=1, at_most=1_024
    )
    trainer_ranks: int = option(
        1, "the number of processes that divide a trainer among them (engine=ranks)", at_least=1, at_most=64
    )
    generator: str = option(
        "straw", "who draws tokens: straw (exact), transformers (continuous batching) or vllm", registry="backends"
    )
    rows_at_once: int | None = option(
        None, "the number of completions decoded together; none: all; bounds memory", example=64, at_least=16,
        way_out="A matmul of fewer rows gives other bits: write rows_at_once=16.", at_most=65_536,
    )  # fmt: skip
    max_lag: int = option(
        0, "the steps that generators may be ahead: off-policy lag; 0: on-policy", at_least=0, at_most=10_000
    )
    pace: Literal["exact", "free"] = option(
        "exact", "how generators run ahead: exact repeats bit for bit, free is faster"
    )
    fresh_weights: bool = option(False, "whether generators take in-flight weight updates, between two tokens")
    weights: Literal["shared", "pushed"] = option(
        "shared", "the weight transfer to generators: shared memory, or pushed by the trainer"
    )
    answer_s: float = option(8.0, "the seconds without a heartbeat after which a process is replaced", above=0)
    load_s: float = option(600.0, "the seconds that a process may take to load before it is replaced", above=0)
    shared_machine: bool = option(True, "whether others have accounts here: Monarch then runs in its own namespace")
    hosts: tuple[str, ...] = option(
        (), "the workers that generators are on (straw worker); empty: this machine",
        example=("here", "tls://b:26100"),
    )  # fmt: skip
    certs: str | None = option(None, "the folder of the job's certificates (straw certs)", example="certs")
    trainer_host: str = option("here", "the host that trains: here, or one of hosts")
    attach_s: float = option(30.0, "the seconds that a host may take to answer at the start", above=0)
    base_url: str | None = option(
        None, "the address of a Tinker server; none: TINKER_BASE_URL, else the hosted service",
        example="http://127.0.0.1:8000",
    )  # fmt: skip
    train_unembed: bool = option(False, "whether adapters on a Tinker server reach the head too, as its own default")
    seeds_per: Literal["auto", "sample", "prompt"] = option(
        "auto", "the unit of a request to a Tinker server; auto: prompt on the hosted service"
    )
    budget_usd: float | None = option(
        None, "the dollars after which a run with engine=tinker stops, to be resumed", example=2, above=0
    )
    prices: tuple[str, ...] = option(
        (), "the dollars per million tokens on a Tinker server; else straw's own table",
        example=("prefill=0.13", "sample=0.40", "train=0.40"),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Sampling(Section):
    """How replies are drawn."""

    max_tokens: int | None = option(
        None, "the most tokens of a completion; none: what the task needs", example=8, at_least=1, at_most=262_144
    )
    temperature: float = option(
        1.0, "the sampling temperature; 1: the policy itself", above=0,
        way_out="A policy gradient needs chance: write temperature=1.",
    )  # fmt: skip
    top_k: int = option(
        0, "top-k sampling: how many tokens are kept; 0: all; training needs all", at_least=0, at_most=262_144
    )
    top_p: float = option(1.0, "nucleus sampling: the probability mass kept; training needs 1", above=0, at_most=1)
    stop: tuple[str, ...] = option((), "the stop texts that end a completion, besides the end token", example=("END",))


@dataclass(frozen=True, kw_only=True)
class WarmUp(Section):
    """How the model learns the format, and near-uniform answers, before the run."""

    warmup: Literal["auto", "none", "force"] = option(
        "auto", "whether a supervised warm-up comes first: cached, none, or anew (force)"
    )
    warmup_steps: int = option(1000, "the most optimizer steps of the warm-up", at_least=1, at_most=1_000_000)
    warmup_learning_rate: float | None = option(
        None, "the learning rate of the warm-up; none: as tuned", example=3e-3, above=0
    )
    warmup_batch: int = option(16, "the batch size of the warm-up", at_least=1, at_most=65_536)
    warmup_mass: float | None = option(
        None,
        "the probability of valid answers the warm-up reaches; none: by the model",
        example=0.99,
        above=0,
        at_most=1,
    )
    warmup_distance: float | None = option(
        None,
        "the distance to uniform answers the warm-up may leave; none: by the model",
        example=0.02,
        above=0,
        at_most=1,
    )
    warmup_accuracy: float | None = option(
        None, "the held-out accuracy at which the warm-up stops", example=0.35, above=0, at_most=1
    )


@dataclass(frozen=True, kw_only=True)
class Run(Section):
    """How long it goes on and what is kept."""

    n_batches: int | None = option(
        None, "the number of training steps (batches); none: as tuned", example=100, at_least=1, at_most=MOST_STEPS
    )
    num_epochs: int | None = option(
        None, "the number of epochs over the prompts, said instead of n_batches",
        example=1, at_least=1, at_most=100_000,
    )  # fmt: skip
    seed: int = option(0, "the seed of sampling and of the data order", at_least=0, at_most=MOST_SEED)
    stop_at: float | None = option(
        None, "the p(S) or accuracy at which the run stops early; none: never", example=0.95,
        above=0, at_most=1,
    )  # fmt: skip
    eval_every: int | None = option(
        None, "the number of steps between evaluations; none: 100, or less",
        example=10, at_least=1, at_most=MOST_STEPS,
    )  # fmt: skip
    eval_answers: int = option(
        1024, "the most answers scored by teacher forcing; beyond, a sample of them", at_least=2, at_most=262_144
    )
    eval_samples: int = option(20, "the number of held-out prompts in an evaluation", at_least=1, at_most=100_000)
    eval_replies: int = option(
        1, "the completions for each held-out prompt; several give pass@k", at_least=1, at_most=4_096
    )
    eval_temperature: float | None = option(
        None, "the temperature of evaluations; 0: greedy; none: as in training", example=0, at_least=0
    )
    save_every: int | None = option(
        None, "the steps between checkpoints; none: one a minute; 0: only the last",
        example=100, at_least=0, at_most=MOST_STEPS,
    )  # fmt: skip
    keep_last: int = option(2, "the number of newest checkpoints that are kept; 0: all", at_least=0, at_most=MOST_STEPS)
    keep_best: str = option("", "the metric whose best checkpoint is kept too; -name: the lowest", example="bits_known")
    patience: int = option(
        0, "the number of evaluations without a better keep_best that end the run; 0: never",
        at_least=0, at_most=100_000,
    )  # fmt: skip
    keep_weights: bool = option(True, "whether a finished run keeps its weights, to be exported or branched")
    keep_optimizer: bool = option(True, "whether a finished run keeps its optimizer's state, which only a branch needs")
    track: Literal["none", "wandb", "trackio", "tensorboard"] = option(
        "none", "the experiment tracker that gets the metrics too"
    )
    verbose: bool = option(False, "whether every rollout is printed")
    silence: tuple[str, ...] = option(
        (), "the preflight checks and alarms that are silenced, by name", example=("kl_spike",)
    )
    run_dir: str | None = option(None, "the run folder; none: a new one under runs", example="runs/first")
    question: str = option("", "a note on what the run is to find out, kept in its page", example="how fast?")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.eval_replies > 1 and self.eval_temperature == 0:
            raise ConfigError(
                f"the likeliest reply is always the same; got eval_replies={self.eval_replies} with "
                "eval_temperature=0. Write eval_temperature=1, or eval_replies=1."
            )
        if self.patience and not self.keep_best:
            raise ConfigError(
                f"patience waits for a better value of the metric that keep_best names; got patience={self.patience} "
                "without keep_best. Write for example keep_best=bits_known, or keep_best=accuracy."
            )
