"""Everything that a report says, computed once from the runs: figures, tables and verdicts only read it.

gathered -> cells -> one learning rate each -> medians, scalings, totals, observers
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from straw.config.load import page_of_config
from straw.errors import ConfigError
from straw.measure.observer import Observed, cached_at, game_of, group_of, observed
from straw.report.curves.palette import places
from straw.report.study.cells import Cell, cells_of
from straw.report.study.load_runs import Gathered
from straw.report.study.rates import Rates, rates_of, settled
from straw.report.study.statistics.fits import Scaling, scaling_of
from straw.report.study.statistics.survival import Median, median_of
from straw.report.study.statistics.times import WHAT, Times, times_of

QUICK = 1024  # secrets: an observer of more is computed on request
FAIR = "thompson_group"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """`medians[label][what]` and `scalings[series][what]`, for what in `times.WHAT`."""

    gathered: Gathered
    cells: Sequence[Cell]
    times: dict[str, dict[str, Times]] = field(default_factory=dict)
    medians: dict[str, dict[str, Median]] = field(default_factory=dict)
    scalings: dict[str, dict[str, Scaling]] = field(default_factory=dict)
    rates: Sequence[Rates] = ()
    observers: dict[str, Observed] = field(default_factory=dict)
    unobserved: Sequence[str] = ()  # cells whose observer would take long, and was not asked for
    identifiable: dict[str, float] = field(default_factory=dict)  # bits that a reward can tell apart at all

    @property
    def series(self) -> dict[str, list[Cell]]:
        """Cells by series, the smallest N first."""
        found: dict[str, list[Cell]] = {}
        for cell in self.cells:
            found.setdefault(cell.series, []).append(cell)
        return found

    @property
    def sizes(self) -> list[int]:
        return sorted({cell.N for cell in self.cells if cell.N is not None})

    @property
    def with_bits(self) -> list[Cell]:
        """Those of which bits were measured."""
        return [cell for cell in self.cells if any(len(run.column("bits_known").values) for run in cell.runs)]

    @property
    def with_accuracy(self) -> list[Cell]:
        return [cell for cell in self.cells if any(len(run.column("accuracy").values) for run in cell.runs)]

    def of_size(self, N: int | None) -> list[Cell]:
        return [cell for cell in self.with_bits if cell.N == N]

    def colour(self, series: str) -> int | None:
        """A series looks the same in every figure; what is no reinforcement learning has the colour of ink."""
        named = [one for one, cells in self.series.items() if not cells[0].runs[0].is_sft]
        return places(named)[series] if series in named else None


def studied(gathered: Gathered, *, patient: bool = False) -> Study:
    """`patient`: wait for observers that are slow to compute."""
    cells = [settled(cell) for cell in cells_of(gathered.runs)]
    times = {cell.label: {what: times_of(cell.runs, what) for what in WHAT} for cell in cells}
    medians = {
        label: {what: median for what, one in by_what.items() if (median := median_of(one)) is not None}
        for label, by_what in times.items()
    }
    observers, waiting = observers_of(cells, patient)
    study = Study(
        gathered=gathered, cells=cells, times=times, medians=medians, observers=observers, unobserved=waiting,
        identifiable=identifiable(cells),
        rates=[found for cell in cells if (found := rates_of(cell)) is not None],
    )  # fmt: skip
    for series, members in study.series.items():
        sized = [cell for cell in members if cell.N is not None]
        sizes = [cell.N or 0 for cell in sized]
        scalings = {what: scaling_of(sizes, [times[cell.label][what] for cell in sized]) for what in WHAT}
        study.scalings[series] = {what: one for what, one in scalings.items() if one is not None}
    return study


def observers_of(cells: Sequence[Cell], patient: bool) -> tuple[dict[str, Observed], list[str]]:
    """By cell, where the game has one; and the cells that would have to be waited for."""
    found, waiting = {}, []
    for cell in cells:
        if cell.ceiling_bits is None or cell.runs[0].is_sft:
            continue
        try:
            page = page_of_config(cell.runs[0].config)
            game, group = game_of(page), group_of(page)
            if patient or (cell.N or 0) <= QUICK or cached_at(*game, group).exists():
                found[cell.label] = observed(*game, group=group)
            else:
                waiting.append(cell.label)
        except ConfigError:  # no observer can be: a coin, too many answers
            continue
    return found, waiting


def identifiable(cells: Sequence[Cell]) -> dict[str, float]:
    """By cell: four bins at N = 256 tell 6.4 of the eight bits apart, and no learner can know more by them."""
    found = {}
    for cell in cells:
        try:
            _, channel = game_of(page_of_config(cell.runs[0].config))
            ceiling = channel.identifiable_ceiling_bits(cell.N or 0) if cell.N and not cell.runs[0].is_sft else None
        except ConfigError:
            continue
        if ceiling is not None:
            found[cell.label] = ceiling
    return found
