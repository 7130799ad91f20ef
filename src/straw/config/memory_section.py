"""The options of intrinsic rewards: an episodic memory, and the bonuses that it is compared with.

Apart from the other sections because there are many; `sections` has the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from straw.config.option import MOST_STEPS, Section, option
from straw.errors import ConfigError
from straw.registry import at


@dataclass(frozen=True, kw_only=True)
class Memory(Section):
    """What a policy earns by what it tries, beside what it earns by being right."""

    use_ir: str = option(
        "no", "the intrinsic reward: knn exploits a memory, knn+ explores as well", registry="intrinsic"
    )
    k: int = option(1, "the number of nearest questions whose answers are compared with", at_least=1, at_most=10_000)
    memory_keys: int = option(10_000, "the most questions that a memory holds", at_least=1, at_most=10_000_000)
    memory_values: int = option(
        100, "the most answers to one question that a memory holds", at_least=1, at_most=100_000
    )
    memory_unit: Literal["reply", "sentence"] = option("reply", "what is stored and compared")
    neighbours: Literal["exact", "approximate"] = option(
        "exact", "how they are found; approximate: in the nearest cells, above 100,000 questions"
    )
    similarity_floor: float | None = option(
        None, "the least cosine of a neighbour; none: however far", example=0.5, at_least=-1, at_most=1
    )
    embed: Literal["reasoning", "response"] = option(
        "reasoning", "what of a reply is embedded; reasoning: behind its last <reasoning>"
    )
    groups_per_key: int = option(
        1, "how many groups in a row are filed under the question of the first", at_least=1, at_most=65_536
    )
    encoder: str | None = option(
        None, "who embeds: minilm, policy, a folder or a name on the hub; none: by use_ir", example="minilm",
        registry="encoders",
    )  # fmt: skip
    encoder_dtype: Literal["auto", "float32", "bfloat16"] = option("auto", "the precision of the encoder")
    encoder_device: str = option("auto", "the device of the encoder; auto: the model's")
    exploit_weight: float = option(1.0, "the weight of exploit, beta_s")
    explore_weight: float = option(1.0, "the weight of explore and of every other bonus for novelty, beta_e")
    novelty: Literal["inside", "outside"] | None = option(
        None, "where it enters: inside the group's centring, or behind it; none: by task"
    )
    explore_warmup: int = option(50, "how many steps pass before novelty is paid", at_least=0, at_most=MOST_STEPS)
    explore_warmup_keys: int = option(
        0, "how many questions have to have failures before novelty is paid", at_least=0, at_most=MOST_STEPS
    )
    anneal_rate: float = option(1.0, "what a bonus for novelty is multiplied with every step", above=0, at_most=1)
    score_window: int = option(
        100, "over how many of the newest scores the smallest and largest are taken", at_least=2, at_most=100_000
    )
    score_eps: float = option(1e-5, "what is added to the span of the window, above float32's noise", at_least=0)
    constant_window: float = option(0.5, "what a score is worth while all are equal", at_least=0, at_most=1)
    window_per_outcome: bool = option(False, "whether right and wrong replies have windows of their own")
    write_first: bool = option(False, "whether a reply is written before it is scored, as in the published code")
    elliptical_dimensions: int = option(
        64, "into how many numbers elliptical projects an embedding", at_least=1, at_most=4_096
    )
    elliptical_ridge: float = option(1.0, "lambda of elliptical: how much was seen of everything at the start", above=0)

    @property
    def is_on(self) -> bool:
        return self.use_ir != "no"

    @property
    def kind(self) -> Any:
        """What this name stands for: `rewards.intrinsic.registry.Kind`."""
        return at("straw.rewards.intrinsic.registry:kind_named")(self.use_ir)

    @property
    def is_memory(self) -> bool:
        return self.is_on and bool(self.kind.is_memory)

    @property
    def highest(self) -> float:
        """The most that it adds to the reward of an attempt; what enters outside is no reward."""
        novelty = self.explore_weight if self.is_on and self.kind.is_novel and self.novelty == "inside" else 0.0
        return novelty + (self.exploit_weight if self.is_memory else 0.0)

    @property
    def needs_encoder(self) -> bool:
        return self.is_on and self.kind.encoder is not None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.write_first and not self.is_memory:
            raise ConfigError(
                f"write_first is about a memory of neighbours, got use_ir={self.use_ir}. Write use_ir=knn+, or leave "
                "write_first out."
            )
        if self.write_first and self.novelty == "outside" and self.use_ir == "knn+":
            raise ConfigError(
                "write_first repeats the published code, where novelty is one more reward of the group; got "
                "novelty=outside. Write novelty=inside, or leave it out."
            )
        if self.groups_per_key > 1 and not self.write_first:
            raise ConfigError(
                "only the published code files several groups under one question; got "
                f"groups_per_key={self.groups_per_key} with write_first=false. Write groups_per_key=1."
            )
