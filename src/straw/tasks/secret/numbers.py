"""Which secrets a run hides.

    secret_for(seed, N) = (12345 + 9973 seed) mod N        57, 46, 35, ... for N = 64: the study's

A run with one secret hides this one, or a fixed one in its place. Any further one, behind another key or later in a
sequence, is a draw of its own, a function of (secret_seed, N, key, place): secrets that follow from the first would be
known as soon as it is, and the ledger's law is for secrets that were drawn independently. The secret has a seed of its
own, so it can be varied apart from the randomness of training.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from straw.config.option import MOST_SEED, option
from straw.config.task_section import TaskSection
from straw.errors import ConfigError
from straw.seeds import seed_for

FIRST, STRIDE = 12345, 9973
MOST_PERMUTED = 65_536


@dataclass(frozen=True, kw_only=True)
class SecretOptions(TaskSection):
    """A run fixes a secret S in [0, N); log2 N bits have to reach the weights."""

    env_type: Literal["single_step", "multi_step"] = option(
        "single_step", "one guess a rollout (single_step), or one bit a turn (multi_step)"
    )
    N: int = option(64, "the number of possible secrets", at_least=1, at_most=10**15)
    fixed_secret: int | None = option(None, "the secret itself; none: secret_seed draws it", example=37)
    secret_seed: int = option(
        0, "the seed that draws the secret, apart from the run's own seed", at_least=0, at_most=MOST_SEED
    )
    num_secrets: int = option(1, "the number of secrets, each asked for by its own prompt", at_least=1, at_most=65_536)
    length: int = option(1, "the number of secrets asked for in one completion", at_least=1, at_most=1_024)
    spelling: Literal["digits", "permuted", "reversed", "tagged"] = option(
        "digits", "how a number is written: digits, another one's, from behind, or <57> (tagged)"
    )

    @property
    def has_turns(self) -> bool:
        return self.env_type == "multi_step"

    @property
    def has_parts(self) -> bool:
        return self.has_turns or self.length > 1

    @property
    def num_guesses(self) -> int:
        return self.N

    @property
    def num_items(self) -> int:
        return self.length

    @property
    def space(self) -> int:
        return int(self.N**self.length)

    @property
    def label(self) -> str:
        return f"-N{self.N}"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fixed_secret is not None and not 0 <= self.fixed_secret < self.N:
            raise ConfigError(
                f"fixed_secret is one of the N={self.N} numbers 0 to {self.N - 1}; got fixed_secret={self.fixed_secret}"
                ". Choose one of them, or leave it out and set secret_seed."
            )
        if self.length > 1 and self.has_turns:
            raise ConfigError(
                f"a game of one bit a turn has one secret; got length={self.length} with env_type=multi_step. "
                "Write length=1 or env_type=single_step."
            )
        if self.spelling != "digits" and self.has_turns:
            raise ConfigError(
                f"a game of one bit a turn spells bits; got spelling={self.spelling} with env_type=multi_step. Write "
                "spelling=digits or env_type=single_step."
            )
        if self.spelling == "permuted" and self.N > MOST_PERMUTED:
            raise ConfigError(
                f"a permutation is listed, of at most {MOST_PERMUTED:,} numbers; got N={self.N} with "
                "spelling=permuted. Write a smaller N, or spelling=digits."
            )


def secret_for(seed: int, N: int) -> int:
    return (FIRST + STRIDE * seed) % N


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """The secrets of a run: `num_secrets` keys with `length` numbers in [0, N) each.

    Example: Hidden(N=64, num_secrets=2).of(0) == (57,)
    """

    N: int
    fixed_secret: int | None = None
    secret_seed: int = 0
    num_secrets: int = 1
    length: int = 1
    spelling: str = "digits"

    def __post_init__(self) -> None:
        if self.N < 1:
            raise ConfigError(f"a secret is drawn from [0, N), so N >= 1; got N={self.N}. For six bits write N=64.")
        for name in ("num_secrets", "length"):
            if (count := getattr(self, name)) < 1:
                raise ConfigError(f"{name} counts secrets, so it is >= 1; got {name}={count}. Write {name}=1.")
        if self.fixed_secret is not None and not 0 <= self.fixed_secret < self.N:
            raise ConfigError(
                f"a secret lies in [0, N); got fixed_secret={self.fixed_secret} with N={self.N}. "
                f"Choose one from 0 to {self.N - 1}, or leave it out and set secret_seed."
            )

    @classmethod
    def from_options(cls, options: SecretOptions) -> Hidden:
        return cls(
            N=options.N,
            fixed_secret=options.fixed_secret,
            secret_seed=options.secret_seed,
            num_secrets=options.num_secrets,
            length=options.length,
            spelling=options.spelling,
        )

    def of(self, key: int) -> tuple[int, ...]:
        """The secrets behind one key."""
        return tuple(self._drawn(key, place) if key or place else self._first for place in range(self.length))

    @property
    def _first(self) -> int:
        return secret_for(self.secret_seed, self.N) if self.fixed_secret is None else self.fixed_secret

    def _drawn(self, key: int, place: int) -> int:
        return Random(seed_for(self.secret_seed, "secret", self.N, key, place)).randrange(self.N)
