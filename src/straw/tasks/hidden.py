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
from typing import Protocol

from straw.errors import ConfigError
from straw.seeds import seed_for

FIRST, STRIDE = 12345, 9973


class SecretOptions(Protocol):
    """What a page says about the secret game."""

    @property
    def env_type(self) -> str: ...
    @property
    def N(self) -> int: ...
    @property
    def fixed_secret(self) -> int | None: ...
    @property
    def secret_seed(self) -> int: ...
    @property
    def num_secrets(self) -> int: ...
    @property
    def length(self) -> int: ...


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
        )

    def of(self, key: int) -> tuple[int, ...]:
        """The secrets behind one key."""
        return tuple(self._drawn(key, place) if key or place else self._first for place in range(self.length))

    @property
    def _first(self) -> int:
        return secret_for(self.secret_seed, self.N) if self.fixed_secret is None else self.fixed_secret

    def _drawn(self, key: int, place: int) -> int:
        return Random(seed_for(self.secret_seed, "secret", self.N, key, place)).randrange(self.N)
