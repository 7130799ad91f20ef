"""All figures of a report, in its order."""

from __future__ import annotations

from straw.report.figures.bits import accuracy_figure, bits_figure
from straw.report.figures.capacity import capacity_figure
from straw.report.figures.controls import controls_figure
from straw.report.figures.drawing.figure import Figure
from straw.report.figures.equal import equal_figure
from straw.report.figures.ledger import ledger_figure
from straw.report.figures.levels import levels_figure
from straw.report.figures.rates import rates_figure
from straw.report.figures.scaling import scaling_figure
from straw.report.study.analysis import Study

MAKERS = (
    bits_figure, accuracy_figure, ledger_figure, equal_figure, scaling_figure, levels_figure, capacity_figure,
    rates_figure, controls_figure,
)  # fmt: skip


def figures_of(study: Study) -> list[Figure]:
    """One that has nothing to draw says why."""
    return [make(study) for make in MAKERS]
