"""Which secret a run hides, and its seed: functions of the submission, the cell and a salt.

    secret = hash(submission, salt, cell, number) mod N

Whoever changes a learner gets other secrets, so nobody can choose a learner by its luck with them for long. But they
can be computed, also by the learner. So a check draws a salt when the entry is there and plays secrets that nobody
could know (`check`). The seed of a run's own randomness never depends on its secret: the ledger's law needs that.
"""

from __future__ import annotations

from dataclasses import dataclass

from straw.benchmark.games import Cell
from straw.seeds import seed_for

MOST_SEED = 2**31


@dataclass(frozen=True, slots=True)
class Draw:
    """Example: Draw(cell, 0, "4f..", "") is the first run of an entry, Draw(cell, 0, "4f..", "9a..") one of a check"""

    cell: Cell
    number: int
    submission: str  # the mark of the learner's code, name and options
    salt: str = ""

    def _drawn(self, what: str, below: int) -> int:
        return seed_for("bench", what, self.submission, self.salt, self.cell.name, self.number) % below

    @property
    def secret(self) -> int:
        return self._drawn("secret", self.cell.N)

    @property
    def labels_seed(self) -> int:
        """Of which number is which, where numbers are permuted."""
        return self._drawn("labels", MOST_SEED)

    @property
    def seed(self) -> int:
        return self._drawn("seed", MOST_SEED)
