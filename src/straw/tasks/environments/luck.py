"""The random numbers of one episode: Python's and numpy's global generators are its own while it runs.

    luck = Luck(seed)
    with luck: environment.reset()        random.random() is a function of the seed and of what was drawn in this `luck`

So a world that draws from them is a function of the run's seed, in whatever order episodes take turns, and the
generators are afterwards what they were. All members of a group have the same seed: they play in the same world, with
the same luck, and differ by what they do. A generator that a world makes for itself without a seed, its clock and its
network stay its own; `reset` is handed the number if it asks for `seed` by name.
"""

from __future__ import annotations

import random
import sys
from typing import Any, Self

SEEDS = 2**32  # numpy's


class Luck:
    def __init__(self, seed: int) -> None:
        self.seed = seed % SEEDS
        self.python = random.Random(self.seed).getstate()
        self.numpy: Any = None
        self.kept: tuple[Any, Any] = (None, None)

    def __enter__(self) -> Self:
        self.kept = random.getstate(), state_of_numpy()
        random.setstate(self.python)
        if (numpy := sys.modules.get("numpy")) is not None:
            if self.numpy is None:
                self.numpy = numpy.random.RandomState(self.seed).get_state()
            numpy.random.set_state(self.numpy)
        return self

    def __exit__(self, *_: object) -> None:
        self.python, self.numpy = random.getstate(), state_of_numpy()
        random.setstate(self.kept[0])
        if self.kept[1] is not None:
            sys.modules["numpy"].random.set_state(self.kept[1])


def state_of_numpy() -> Any:
    numpy = sys.modules.get("numpy")
    return None if numpy is None else numpy.random.get_state()
