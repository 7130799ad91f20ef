"""One strategy's way to the secret: bits known in the mean against episodes, and when it was there.

A long way is kept at every episode up to 64 and in steps of a fiftieth behind; between them lies a straight line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import log2
from typing import Any, Self

from numpy import interp

SMALL, STEP = 64, 1.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """`errors` are standard errors, None where nothing was drawn. `to_know` is None where some secrets are never known.

    `to_know` is a mean, and `to_nine_tenths` the median number of episodes to 0.9 log2 N bits, None where more than
    half never get there.
    """

    episodes: tuple[int, ...]
    bits: tuple[float, ...]
    errors: tuple[float, ...] | None = None
    to_know: float | None
    to_know_error: float | None = None
    to_nine_tenths: float | None
    runs: int | None = None  # None: exact

    @classmethod
    def of(cls, bits: Sequence[float], errors: Sequence[float] | None = None, **facts: Any) -> Self:
        """From values at every episode, the first of which is 0."""
        kept = [0]
        while kept[-1] < len(bits) - 1:
            kept.append(min(len(bits) - 1, max(kept[-1] + 1, int(kept[-1] * STEP) if kept[-1] > SMALL else 0)))
        return cls(
            episodes=tuple(kept),
            bits=tuple(float(bits[episode]) for episode in kept),
            errors=None if errors is None else tuple(float(errors[episode]) for episode in kept),
            **facts,
        )

    @classmethod
    def at_once(cls, N: int) -> Self:
        """Known behind the first episode, or without any where there is only one answer."""
        needed = min(1, N - 1)
        return cls.of([0.0, log2(N)][: needed + 1], to_know=float(needed), to_nine_tenths=float(needed))

    def bits_at(self, episode: float) -> float:
        """Behind so many episodes; the last value holds from there on."""
        return float(interp(episode, self.episodes, self.bits))

    def record(self) -> dict[str, Any]:
        """Plain JSON values; `from_record` is the way back."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in record.items()
        }
        return cls(**plain)


def median_of(reached: Sequence[float]) -> float | None:
    """None where the middle is infinite."""
    ordered = sorted(reached)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    return None if middle == float("inf") else middle
