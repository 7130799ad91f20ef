"""Conditions with one reward and one N, after equally many episodes: what each absorbed by then, and at what price.

    N = 256, 8 bins, after 160 episodes:      surrogate 7.98 bits, replay 5.1, centred 3.2

Equal is the largest count that every run came to; one that was over because it knew enough keeps what it knew. A
learner that is told the formula of the reward is marked, and never the best of the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np

from straw.algorithms.named import mark_of
from straw.report.study.cells import Cell, channel_label
from straw.report.study.resample import interval_from
from straw.report.study.totals import Estimate, divided, height_at

TOLD, UNPAID = "reward_aware", "surrogate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Equal:
    """`cells` with the same reward and N."""

    reward: str
    N: int
    episodes: float
    cells: Sequence[Cell]

    @property
    def ranked(self) -> list[Cell]:
        """Those that know most first; what is told the formula behind them."""
        return sorted(self.cells, key=lambda cell: (is_told(cell), -bits_at(cell, self.episodes).value))


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
    return any(len(run.column("bits_known").values) for run in cell.runs)


def shortest(cell: Cell) -> float:
    """Episodes that every run of it came to."""
    ends = [
        run.column("bits_known").episodes[-1]
        for run in cell.runs
        if not run.knew_enough and len(run.column("bits_known").values)
    ]
    return min(ends, default=np.inf)


def bits_at(cell: Cell, episodes: float) -> Estimate:
    """The mean over its runs."""
    there = [run for run in cell.runs if len(run.column("bits_known").values)]
    values = np.array([height_at(run, "bits_known", episodes) for run in there])
    interval = interval_from(there, lambda weights: divided(weights @ values, weights.sum(axis=1)))
    return Estimate(float(values.mean()), interval)


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
