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
        "no", "the intrinsic reward: knn exploits an episodic memory, knn+ explores too", registry="intrinsic"
    )
    k: int = option(
        1, "the number of nearest prompts in memory that a completion is scored by", at_least=1, at_most=10_000
    )
    memory_keys: int = option(10_000, "the most prompts that the memory holds", at_least=1, at_most=10_000_000)
    memory_values: int = option(
        100, "the most completions of one prompt that the memory holds", at_least=1, at_most=100_000
    )
    memory_unit: Literal["reply", "sentence"] = option(
        "reply", "the unit that is stored and compared: completion or sentence"
    )
    neighbours: Literal["exact", "approximate"] = option(
        "exact", "the kNN search; approximate: nearest cells only, above 100,000 prompts"
    )
    similarity_floor: float | None = option(
        None, "the least cosine similarity of a neighbour; none: however far", example=0.5, at_least=-1, at_most=1
    )
    embed: Literal["reasoning", "response"] = option(
        "reasoning", "the part of a completion that is embedded: reasoning tag or all of it"
    )
    groups_per_key: int = option(
        1, "the number of groups in a row filed under the first one's prompt", at_least=1, at_most=65_536
    )
    encoder: str | None = option(
        None, "the embedding model: minilm, policy, a folder, hub name or FILE.py:NAME", example="minilm",
        registry="encoders",
    )  # fmt: skip
    encoder_dtype: Literal["auto", "float32", "bfloat16"] = option("auto", "the precision of the encoder")
    encoder_device: str = option("auto", "the device of the encoder; auto: the model's")
    exploit_weight: float = option(1.0, "the weight of the exploit reward, beta_s")
    explore_weight: float = option(1.0, "the weight of explore and any other novelty reward, beta_e")
    novelty: Literal["inside", "outside"] | None = option(
        None, "where novelty enters: a reward inside the baseline, or behind it"
    )
    explore_warmup: int = option(50, "the number of steps before novelty is rewarded", at_least=0, at_most=MOST_STEPS)
    explore_warmup_keys: int = option(
        0, "the number of prompts with failures before novelty is rewarded", at_least=0, at_most=MOST_STEPS
    )
    anneal_rate: float = option(1.0, "the factor by which the novelty reward shrinks every step", above=0, at_most=1)
    score_window: int = option(
        100, "the number of newest scores that normalise a score to 0..1", at_least=2, at_most=100_000
    )
    score_eps: float = option(1e-5, "what is added to the normaliser's span, above float32's noise", at_least=0)
    constant_window: float = option(0.5, "the normalised score while all scores are equal", at_least=0, at_most=1)
    window_per_outcome: bool = option(False, "whether right and wrong completions have normalisers of their own")
    write_first: bool = option(False, "whether a completion is stored before it is scored, as the published code")
    elliptical_dimensions: int = option(
        64, "the dimension to which elliptical projects an embedding", at_least=1, at_most=4_096
    )
    elliptical_ridge: float = option(
        1.0, "the ridge lambda of elliptical: the larger, the later novelty wears off", above=0
    )

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
        """The most that it adds to the reward of a rollout; what enters outside is no reward."""
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
