"""A reward of your own as a channel, which says how much it can say: the ledger counts on that.

straw train secret N=16 reward_type=examples/my_channel.py:Parity
"""

from dataclasses import dataclass
from typing import ClassVar

from straw.rewards.channel import Channel
from straw.types import Grade, Payment


@dataclass(frozen=True)
class Parity(Channel):
    """1 for a guess that is as even or odd as the secret; right or wrong alone for a task without distances."""

    name: ClassVar[str] = "parity"
    by_form: ClassVar[bool] = False

    @property
    def levels(self) -> int:
        return 2

    @property
    def plateau(self) -> None:
        """Full reward does not point at the secret."""
        return None

    def __call__(self, grade: Grade, draw: float) -> Payment:
        offsets = grade.offsets or tuple(0 if hit else 1 for hit in grade.hits)
        return Payment(total=float(all(one is not None and one % 2 == 0 for one in offsets)))
