"""The board's figures: bits known beside an ideal observer's, and how episodes grow with N."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from straw.benchmark.board.parts import channels_of, part_of
from straw.benchmark.entry import Entry
from straw.benchmark.few import has_few
from straw.benchmark.games import GROUP, WORDS, Cell
from straw.benchmark.play import Played
from straw.benchmark.reference import pace_of, reference_of
from straw.report.figures.drawing.figure import Figure, Mark, Panel

LOWEST = -2.0  # bits: what lies further below is a run that is sure of something wrong
MOST_POINTS = 64
READ = (
    "Medians over the secrets of an entry; a run that knows 0.9 of the bits is over, and its last bits are kept. The "
    "thin line is the mean of an ideal observer that is paid in the same groups of four."
)
GROWTH = (
    "Episodes to 0.9 of the bits: medians, or where a game has a few secrets geometric means over all spellings, runs "
    "that were stopped counted with their cap. A triangle: at least so many, since runs were stopped."
)


def curves_figure(form: str, entries: Sequence[Entry], cells: Sequence[Cell]) -> Figure:
    panels = [
        Panel(
            title=cell.words, x_title="episodes", y_title="bits known", floor=LOWEST, ceiling=math.log2(cell.N),
            marks=[*learners(entries, cell), observer(cell)],
        )
        for cell in cells
        if any(entry.runs.get(cell.name) for entry in entries)
    ]  # fmt: skip
    title = f"Bits known, {form} form"
    return Figure(name=f"curves-{form}", title=title, says=READ, panels=panels, absent="No entry has played this form.")


def learners(entries: Sequence[Entry], cell: Cell) -> list[Mark]:
    found = []
    for place, entry in enumerate(entries):
        if runs := entry.runs.get(cell.name):
            episodes, bits = middle_curve(runs)
            found.append(Mark(label=entry.submission.title, x=episodes, y=bits, colour=place))
    return found


def middle_curve(runs: Sequence[Played]) -> tuple[list[int], list[float]]:
    """At every group up to the longest run; each run holds its last value."""
    longest = max(run.bits[-1][0] for run in runs)
    step = GROUP * max(1, math.ceil(longest / GROUP / MOST_POINTS))
    episodes = [*range(0, longest, step), longest]
    return episodes, [median(bits_at(run, at) for run in runs) for at in episodes]


def bits_at(run: Played, episodes: int) -> float:
    return [bits for at, bits in run.bits if at <= episodes][-1]


def observer(cell: Cell) -> Mark:
    pace = pace_of(cell)
    last = min(pace.episodes[-1], cell.most_episodes)
    points = [(at, bits) for at, bits in zip(pace.episodes, pace.bits, strict=True) if at <= last]
    points.append((cell.most_episodes, pace.bits_at(cell.most_episodes)))
    return Mark(label="ideal observer", x=[at for at, _ in points], y=[bits for _, bits in points], look="thin")


def growth_figure(form: str, entries: Sequence[Entry], cells: Sequence[Cell]) -> Figure:
    """A panel for each channel and spelling; of games with a few runs each, one for each channel."""
    kinds = list(channels_of(cells).values()) if has_few(cells) else list(kinds_of(cells).values())
    panels = [panel for kind in kinds if (panel := growth_panel(entries, kind))]
    title, absent = f"Episodes against N, {form} form", "All games of this form have the same N."
    return Figure(name=f"growth-{form}", title=title, says=GROWTH, panels=panels, can_switch_y=True, absent=absent)


def kinds_of(cells: Sequence[Cell]) -> dict[tuple[str, str], list[Cell]]:
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        found.setdefault((cell.channel, cell.spelling), []).append(cell)
    return found


def growth_panel(entries: Sequence[Entry], cells: Sequence[Cell]) -> Panel | None:
    played = [cell for cell in cells if any(entry.runs.get(cell.name) for entry in entries)]
    sizes = sorted({cell.N for cell in played})
    if len(sizes) < 2:
        return None
    marks = [mark for place, entry in enumerate(entries) for mark in growth_marks(entry, played, place)]
    known_at = {cell.N: observer_at(cell) for cell in played}
    marks.append(Mark(label="ideal observer", x=[*known_at], y=[*known_at.values()], look="thin", has_dots=True))
    spellings = {cell.spelling for cell in played}
    title = ", ".join(WORDS[one] for one in (played[0].channel, *(spellings if len(spellings) == 1 else ())))
    return Panel(title=title, x_title="N", y_title="episodes", log_x=True, log_y=True, ticks=sizes, marks=marks)


def observer_at(cell: Cell) -> float:
    return reference_of(cell) if has_few([cell]) else pace_of(cell).to_nine_tenths or math.nan


def growth_marks(entry: Entry, cells: Sequence[Cell], place: int) -> list[Mark]:
    """A triangle where it is at least so many. A line joins medians that were reached, and means of a few runs all."""
    scores, _ = entry.scored()
    joined, least = dict[int, float](), dict[int, float]()
    for N in sorted({cell.N for cell in cells if cell.name in scores}):
        alike = [cell for cell in cells if cell.N == N and cell.name in scores]
        total = part_of(scores, alike)  # spellings are nothing to the observer, so one reference is that of all
        episodes = round(total["ratio"] * scores[alike[0].name]["reference"], 1)
        if total["at_least"]:
            least[N] = episodes
        if not total["at_least"] or has_few(cells):
            joined[N] = episodes
    label, marks = entry.submission.title, list[Mark]()
    if joined:
        marks.append(Mark(label=label, x=[*joined], y=[*joined.values()], look="joined", colour=place))
    if least:
        x, y = [*least], [*least.values()]
        marks.append(Mark(label=label, x=x, y=y, look="never", colour=place, in_legend=not joined))
    return marks
