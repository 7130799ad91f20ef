"""Conditions with one reward and one N, after equally many episodes: what each absorbed by then, and at what price.

    N = 256, 8 bins, after 160 episodes:      surrogate 7.98 bits, replay 5.1, centred 3.2

Equal is the largest count that every run came to; one that was over because it knew enough keeps what it knew. A
learner that is told the formula of the reward is marked, and never the best of the others.

The order is that of mean ranks among all runs. Which of them can be told from the first is asked from the last one
upward: as long as the first and the last of those that are left lie farther apart than runs that changed places
would.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np

from straw.algorithms.registry import mark_of
from straw.report.study.cells import Cell, channel_label
from straw.report.study.load_runs import Array, Seen
from straw.report.study.statistics.chance import UNLIKELY, Ranked, can_tell, chance_of_range, ranked_heights
from straw.report.study.totals import Estimate, height_at, median_of_runs

TOLD, UNPAID = "reward_aware", ("surrogate", "regress")


@dataclass(frozen=True, slots=True, kw_only=True)
class Equal:
    """`cells` with the same reward and N."""

    reward: str
    N: int
    episodes: float
    cells: Sequence[Cell]

    @property
    def fair(self) -> list[Cell]:
        """Those that compete, the first first."""
        return self.ordered([cell for cell in self.cells if not is_told(cell)])

    @property
    def told(self) -> list[Cell]:
        """Those that are told the formula of the reward."""
        return self.ordered([cell for cell in self.cells if is_told(cell)])

    @property
    def ranked(self) -> list[Cell]:
        """What is told the formula behind the others."""
        return [*self.fair, *self.told]

    def ordered(self, cells: Sequence[Cell]) -> list[Cell]:
        if not cells:
            return []
        runs = ranks_at(cells, self.episodes)
        means = np.bincount(runs.group, weights=runs.scores) / runs.sizes
        return [cells[place] for place in np.argsort(-means, kind="stable")]

    def num_told_apart(self, level: float) -> int:
        """How many of the fair, counted from the last, can be told from the first."""
        ordered = self.fair
        runs = ranks_at(ordered, self.episodes, level)
        count = len(ordered)
        while count > 1:
            left = runs.only(range(count))
            if not can_tell(left, level) or chance_of_range(left) > level:
                break
            count -= 1
        return len(ordered) - count


def equals_of(cells: Sequence[Cell]) -> Iterator[Equal]:
    """Wherever there are two to compare."""
    groups: dict[tuple[str, int], list[Cell]] = {}
    for cell in cells:
        if cell.N is not None and not cell.is_control and has_bits(cell):
            groups.setdefault((channel_label(cell.runs[0]), cell.N), []).append(cell)
    for (reward, N), group in groups.items():
        episodes = min(shortest(cell) for cell in group)
        if len(group) > 1 and np.isfinite(episodes) and episodes > 0:
            yield Equal(reward=reward, N=N, episodes=episodes, cells=group)


def has_bits(cell: Cell) -> bool:
    return bool(measured(cell))


def shortest(cell: Cell) -> float:
    """Episodes that every run of it came to."""
    ends = [run.column("bits_known").episodes[-1] for run in measured(cell) if not run.knew_enough]
    return min(ends, default=np.inf)


def bits_at(cell: Cell, episodes: float) -> Estimate:
    """The median of its runs."""
    return median_of_runs(measured(cell), heights_at(cell, episodes))


def ranks_at(cells: Sequence[Cell], episodes: float, unlikely: float = UNLIKELY) -> Ranked:
    heights = [heights_at(cell, episodes) for cell in cells]
    return ranked_heights(heights, [measured(cell) for cell in cells], unlikely)


def heights_at(cell: Cell, episodes: float) -> Array:
    return np.array([height_at(run, "bits_known", episodes) for run in measured(cell)])


def measured(cell: Cell) -> list[Seen]:
    return [run for run in cell.runs if len(run.column("bits_known").values)]


def cpu_s(cell: Cell) -> float | None:
    """Of a run, in the mean."""
    spent = [run.cpu_s for run in cell.runs if run.cpu_s]
    return mean(spent) if spent else None


def is_told(cell: Cell) -> bool:
    """Whether it knows more than the rewards."""
    return mark_of(cell.runs[0].options.get("algorithm", "")).endswith(TOLD)


def draws_unpaid(cell: Cell) -> bool:
    """Whether it learned from replies that are no episodes."""
    return mark_of(cell.runs[0].options.get("algorithm", "")).endswith(UNPAID)


def name_in(cell: Cell, equal: Equal) -> str:
    """What tells it from the others: without the reward that all have."""
    name = cell.series.removeprefix(f"{equal.reward}, ").removeprefix(equal.reward)
    return name or "as it is by default"
