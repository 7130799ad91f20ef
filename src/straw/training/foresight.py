"""Attempts at later steps, made together while nothing is learned.

    step       1  2  3  4  5  6  7  8        nothing is paid: ever more steps at once
    made at    1  2  3  3  5  5  5  5        an update throws away what it outdates, and begins with one again

An attempt is a function of its place in the run and of the weights, so as long as these stay the same it does not
matter when it is made. Until a secret is found by right or wrong nothing is learned for hundreds of steps, and replies
to one prompt cost less together: the run leaves the same bits, sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from straw.types import Rollout

Groups = list[list[Rollout]]
Make = Callable[[Sequence[int]], list[Groups]]  # the groups of each of some steps
MOST_ROWS, MOST_TOKENS = 128, 2048  # together: what is foreseen should need no memory worth counting


class Foresight:
    """`make` writes the attempts of some steps with the weights as they are."""

    def __init__(self, make: Make, rows_per_step: int, tokens_per_row: int) -> None:
        rows = min(MOST_ROWS, MOST_TOKENS // tokens_per_row)
        self.make, self.most = make, max(1, rows // rows_per_step)
        self.version: int | None = None
        self.made: dict[int, Groups] = {}
        self.unchanged = 0  # steps that these weights have lasted

    def at(self, step: int, version: int, last: int) -> Groups:
        """The groups of this step, with the weights of this version; none is made for a step behind the last."""
        if version != self.version:
            self.version, self.made, self.unchanged = version, {}, 0
        if step not in self.made:
            steps = range(step, min(step + min(max(1, self.unchanged), self.most), last + 1))
            self.made = dict(zip(steps, self.make(steps), strict=True))
        self.unchanged += 1
        return self.made.pop(step)
