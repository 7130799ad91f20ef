"""Which secrets a run hides.

    secret_for(seed, N) = (12345 + 9973 seed) mod N        57, 46, 35, ... for N = 64

Key j of a run with sequences of length L hides secret_for(secret_seed + j L + i, N) for i < L. A fixed secret
takes the place of the first, and the others follow it in the same steps of 9973. The secret has a seed of
its own, so it can be varied apart from the randomness of training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from straw.errors import ConfigError

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

    Example: Hidden(N=64, num_secrets=2).of(1) == (46,)
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
        first = secret_for(self.secret_seed, self.N) if self.fixed_secret is None else self.fixed_secret
        return tuple((first + STRIDE * (key * self.length + item)) % self.N for item in range(self.length))
