"""Whether more levels of a reward save episodes: which pairs of rewards are told apart at one N."""

from __future__ import annotations

from collections.abc import Sequence

from straw.report.study.analysis import Study
from straw.report.study.cells import Cell, width
from straw.report.study.formatting import listed, middle, three
from straw.report.study.pairs import Apart, told_apart
from straw.report.study.setting import setting
from straw.report.study.statistics.times import Times
from straw.report.study.verdicts.verdict import Part, Verdict
from straw.report.study.visible import visible_factor


def graded_cells(study: Study, N: int | None) -> list[Cell]:
    """Those with a number of levels: binary, bins, and the distance itself."""
    wanted = ("binary", "binned_log_distance", "log_distance")
    return sorted((cell for cell in study.of_size(N) if cell.channel in wanted), key=lambda c: width(c.runs[0]))


def questions(study: Study) -> list[int]:
    """Each N with three numbers of levels, and a run more than one of each."""
    return [
        N
        for N in study.sizes
        if len({width(cell.runs[0]) for cell in graded_cells(study, N)}) > 2
        and min(len(times.runs) for times in known(study, N)) > 1
    ]


def known(study: Study, N: int) -> list[Times]:
    return [study.times[cell.label]["known"] for cell in graded_cells(study, N)]


def levels(study: Study, N: int, level: float) -> Verdict:
    cells, times = graded_cells(study, N), known(study, N)
    medians = "; ".join(f"{cell.series} {middle(study.medians[cell.label].get('known'))}" for cell in cells)
    return Verdict(
        f"Episodes to 0.9 of the bits at N = {N:,}: {medians} ({setting(cells, with_N=False)}). "
        f"{saved(cells, told_apart(times, level), times, level)}.",
        "levels",
    )


def saved(cells: Sequence[Cell], apart: Sequence[Apart], times: Sequence[Times], level: float) -> str:
    """8 bins is faster than binary; no other two are told apart"""
    if not apart:
        return f"No two of them are told apart{unseen(times, level)}"
    faster = [
        f"{cell.series} is faster than {listed(cells[one.later].series for one in apart if one.sooner == place)}"
        for place, cell in enumerate(cells)
        if any(one.sooner == place for one in apart)
    ]
    rest = len(cells) * (len(cells) - 1) // 2 - len(apart)
    return "; ".join(faster) + ("; no other two are told apart" if rest else "")


def unseen(samples: Sequence[Times], level: float) -> str:
    """What a test that found nothing would have found; nothing where that is unknown."""
    factor = visible_factor(samples, level)
    if factor is None:
        return "; not even a factor of 10 would have been"
    return f"; had one of them taken {three(factor)} times as long, it would have been seen in four studies of five"


LEVELS = Part(questions, levels)
