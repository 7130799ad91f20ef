"""docs/board.md: the entries of the benchmark as tables, the best first, negative results too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from straw.benchmark.board.page import of_form
from straw.benchmark.board.parts import (
    MANY,
    Parts,
    channels_in,
    channels_of,
    part_of,
    sizes_of,
    spellings_of,
)
from straw.benchmark.entry import Entry, read_entry
from straw.benchmark.few import has_few
from straw.benchmark.games import FORMS, Cell, cells_of
from straw.benchmark.words import interval_words, median_words, total_interval, total_words
from straw.text.shown.markdown import table

BOARD = Path("benchmarks/board")
COSTS = "What episodes do not show, of all runs together. A draw that nobody paid for is no episode, and is work.\n"
WORK = ("came to know", "updates", "unpaid draws", "CPU s")
HEAD = """# The board

Episodes until a learner knows 0.9 of the bits of a secret: for each game the median with its 95% interval, and for
all games together (the geometric mean) how many times an ideal observer's. ≥ and "over" say that no more than half of
the runs came to know. [What the forms are, and why one game may say less than 1×](submit.md#the-games).

Every row plays with its defaults and none was tuned on these games: where intervals overlap, the order of two rows is
not told. <a href="board.html">The same with curves and costs</a>; [how to submit a learner](submit.md). This page is
made by `python docs/generate.py` from `benchmarks/board`, and `make board` plays what is missing or no longer replays.
"""
MISSING = """## Rows that are not there

`sft` and `reward_aware` look at the answer itself, and `opd` asks a teacher: `straw bench` refuses them in a line.
`sdpo` and `rltf_sd` learn from words, which are said in the form of that name alone. `dapo` plays without drawing
groups again, which is the benchmark's to do: in a game of one prompt that would be the next step.
"""
FEW = """{secrets} secrets a game are too few to tell one game by. Each counts with the geometric mean of its runs,
divided by the ideal observer's; a run that was stopped counts with its cap (≥ where there is one). The 95% interval is
of all games together and speaks of other secrets in the same games. The columns behind it are the games of one channel.
"""


def board_page() -> str:
    entries = [read_entry(path) for path in sorted(BOARD.glob("*.json"))]
    parts = [part for form in FORMS if (found := of_form(form, entries)) for part in form_of(form, found)]
    return "\n".join([HEAD, *parts, MISSING])


def form_of(form: str, entries: list[Entry]) -> list[str]:
    cells = [cell for cell in cells_of(form) if any(entry.runs.get(cell.name) for entry in entries)]
    work = [COSTS, table(["learner", *WORK], map(work_of, entries)), ""]
    if len(cells) >= MANY:
        return [f"## The {form} form\n", *parts_of(cells, entries), *work]
    episodes = table(["learner", "all games", *(cell.short for cell in cells)], [row_of(one, cells) for one in entries])
    return [f"## The {form} form\n", episodes, "", *work]


def parts_of(cells: Sequence[Cell], entries: Sequence[Entry]) -> list[str]:
    """Of many games: all together, then by channel, by N and by spelling."""
    channels, sizes, spellings = channels_of(cells), sizes_of(cells), spellings_of(cells)
    over = table(["learner", "all games", "95%", *channels], [over_row(one, channels) for one in entries])
    by = {**sizes, **spellings}
    parts = table(["learner", *by], [[one.submission.title, *ratios(one, by)] for one in entries])
    told = f"By N, over {channels_in(sizes)}; and by spelling, over {channels_in(spellings)}.\n"
    few = [FEW.format(secrets=cells[0].secrets)] if has_few(cells) else []
    return [*few, over, "", told, parts, ""]


def over_row(entry: Entry, channels: Parts) -> list[str]:
    _, total = entry.scored()
    return [entry.submission.title, total_words(total), total_interval(total), *ratios(entry, channels)]


def ratios(entry: Entry, parts: Parts) -> list[str]:
    scores, _ = entry.scored()
    return [total_words(part_of(scores, cells)) for cells in parts.values()]


def row_of(entry: Entry, cells: list[Cell]) -> list[str]:
    scores, total = entry.scored()
    told = [game(cell, scores.get(cell.name)) for cell in cells]
    return [entry.submission.title, total_words(total), *told]


def work_of(entry: Entry) -> list[str]:
    runs = [run for found in entry.runs.values() for run in found]
    known = f"{sum(run.known for run in runs)} of {len(runs)}"
    updates, draws = sum(run.updates for run in runs), sum(run.unpaid_draws for run in runs)
    return [entry.submission.title, known, f"{updates:,}", f"{draws:,}", f"{entry.cpu_s:,.0f}"]


def game(cell: Cell, score: object) -> str:
    if not isinstance(score, dict):
        return "-"
    return f"{median_words(cell, score)} ({interval_words(score).strip('()')})"
