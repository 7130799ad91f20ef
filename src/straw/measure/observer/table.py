"""A channel as a table: for every guess and secret a small number, equal where the pay is equal.

codes[guess][secret]     binary, N = 3:   1 0 0
                                          0 1 0
                                          0 0 1

A game of one number pays by guess - secret, so its rows are one strip of 2N - 1 numbers, seen through a moving window.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from straw.errors import ConfigError
from straw.measure.ledger.reward_classes import Array, classes_of
from straw.rewards.channel import Channel
from straw.tasks.base import Task

MOST = 4096  # secrets


@dataclass(frozen=True)
class Table:
    codes: Array
    num_codes: int

    @property
    def N(self) -> int:
        return int(self.codes.shape[1])

    @cached_property
    def pays_hits_only(self) -> bool:
        """One reward for the secret, another for everything else."""
        wrong = self.codes[0][-1]
        return self.N > 2 and bool(((self.codes == wrong) == ~np.eye(self.N, dtype=bool)).all())

    @cached_property
    def tells_all(self) -> bool:
        """Every guess names the secret."""
        return self.num_codes == self.N and all(len(np.unique(row)) == self.N for row in self.codes)


def table_of(task: Task, channel: Channel) -> Table:
    classes = classes_of(task, channel)
    if classes is None or classes.space > MOST:
        found = getattr(task, "space", "a task without any")
        raise ConfigError(
            f"the observer lists all secrets, at most {MOST} of them; got {found}. Write for example N=1024."
        )
    if not channel.deterministic:
        raise ConfigError(
            f"{channel.name} flips a coin, and the observer is for rewards that guess and secret decide. "
            "Write for example reward_type=binary."
        )
    if classes.length == 1 and not classes.by_bits and not channel.speaks:
        strip = classes.of_offsets(np.arange(1 - classes.N, classes.N))
        levels, small = np.unique(strip, return_inverse=True)
        return Table(sliding_window_view(small.astype(np.uint16), classes.N)[:, ::-1], len(levels))
    secrets = np.arange(classes.space)
    rows = np.array([classes.of(tuple(int(part) for part in parts), secrets) for parts in classes.parts(secrets)])
    levels, small = np.unique(rows, return_inverse=True)
    return Table(small.reshape(rows.shape).astype(np.uint16), len(levels))
