"""docs/board.md: the entries of the benchmark as tables, the best first, negative results too."""

from __future__ import annotations

from pathlib import Path

from straw.benchmark.board.page import of_form
from straw.benchmark.entry import Entry, read_entry
from straw.benchmark.games import FORMS, Cell, cells_of
from straw.benchmark.words import interval_words, median_words, total_words
from straw.text.shown.markdown import table

BOARD, MOST = Path("benchmarks/board"), 6  # games that a table of text has room for
COSTS = "What episodes do not show, of all runs together. A draw that nobody paid for is no episode, and is work.\n"
WORK = ("came to know", "updates", "unpaid draws", "CPU s")
HEAD = """# The board

Episodes until a learner knows 0.9 of the bits of a secret: for each game the median with its 95% interval, and for
all games together (the geometric mean) how many times an ideal observer's. ≥ and "over" say that no more than half of
the runs came to know. [Why one game may say less than 1×](submit.md#the-games).

Every row plays with its defaults and none was tuned on these games: where intervals overlap, the order of two rows is
not told. <a href="board.html">The same with curves and costs</a>; [how to submit a learner](submit.md). This page is
made by `python docs/generate.py` from `benchmarks/board`, and `make board` plays what is missing or no longer replays.
"""
MISSING = """## Rows that are not there

`sft` and `reward_aware` look at the answer itself, `opd` asks a teacher, `sdpo` and `rltf_sd` learn from words, which
no game of the benchmark speaks. `straw bench` refuses them in a line. `dapo` plays without drawing groups again, which
is the benchmark's to do: in a game of one prompt that would be the next step.
"""


def board_page() -> str:
    entries = [read_entry(path) for path in sorted(BOARD.glob("*.json"))]
    parts = [part for form in FORMS if (found := of_form(form, entries)) for part in form_of(form, found)]
    return "\n".join([HEAD, *parts, MISSING])


def form_of(form: str, entries: list[Entry]) -> list[str]:
    cells = [cell for cell in cells_of(form) if any(entry.runs.get(cell.name) for entry in entries)]
    cells = cells if len(cells) <= MOST else []
    episodes = table(["learner", "all games", *(cell.short for cell in cells)], [row_of(one, cells) for one in entries])
    return [f"## The {form} form\n", episodes, "", COSTS, table(["learner", *WORK], map(work_of, entries)), ""]


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
