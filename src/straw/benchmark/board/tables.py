"""The board's tables, whose heads sort them: every cell says by which number it is sorted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from straw.benchmark.entry import Entry
from straw.benchmark.games import Cell
from straw.benchmark.words import interval_words, median_words, total_words
from straw.report.page.html import element, pretty
from straw.text.shown.visible import as_html


class Value(NamedTuple):
    """What stands in a cell, and what it is sorted by: a number, or its text."""

    text: str
    sorts: float | str = ""
    hint: str = ""


def sortable(caption: str, header: Sequence[str], rows: Sequence[Sequence[Value]]) -> str:
    heads = "".join(
        element("th", element("button", pretty(name), type="button"), scope="col", aria_sort="none") for name in header
    )
    body = "\n".join(row(cells) for cells in rows)
    inner = f"{element('caption', pretty(caption))}\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>"
    return element(
        "div", element("table", inner, class_="sortable"), class_="scroll", tabindex="0", role="region",
        aria_label=caption,
    )  # fmt: skip


def row(cells: Sequence[Value]) -> str:
    first, *rest = cells
    others = "".join(cell_of("td", one) for one in rest)
    return f"<tr>{cell_of('th', first, scope='row')}{others}</tr>"


def cell_of(name: str, value: Value, **attributes: str) -> str:
    by = f"{value.sorts:g}" if isinstance(value.sorts, int | float) else (value.sorts or value.text)
    hint = {"title": value.hint} if value.hint else {}
    return element(name, as_html(value.text), data_by=by, **attributes, **hint)


def scores_table(form: str, entries: Sequence[Entry], cells: Sequence[Cell]) -> str:
    header = ["learner", "all games", *(cell.short for cell in cells)]
    caption = f"Episodes to 0.9 of the bits, divided by the ideal observer's, {form} form: less is better"
    return sortable(caption, header, [score_row(entry, cells) for entry in entries])


def score_row(entry: Entry, cells: Sequence[Cell]) -> list[Value]:
    scores, total = entry.scored()
    found = [Value(entry.submission.title), Value(total_words(total), total["ratio"] or math.inf)]
    for cell in cells:
        score = scores.get(cell.name)
        if score is None:
            found.append(Value("-", math.inf))
            continue
        hint = (
            f"{median_words(cell, score)} episodes, {interval_words(score)}; {score['known']} of {score['of']} runs "
            f"came to know; observer {score['reference']}"
        )
        found.append(Value(total_words(score), score["ratio"], hint))
    return found


def costs_table(form: str, entries: Sequence[Entry]) -> str:
    """Sums over all runs of a form, and what a learner says of itself."""
    header = ["learner", "knows", "runs that came to know", "updates", "unpaid draws", "CPU seconds", "made with"]
    rows = []
    for entry in entries:
        runs = [run for of_cell in entry.runs.values() for run in of_cell]
        known = sum(run.known for run in runs)
        updates, draws = sum(run.updates for run in runs), sum(run.unpaid_draws for run in runs)
        made = (
            f"straw {entry.machine['versions'].get('straw', '?')}, torch {entry.machine['versions'].get('torch', '?')}"
        )
        rows.append(
            [
                Value(entry.submission.title), Value(entry.submission.knows), Value(f"{known} of {len(runs)}", known),
                Value(f"{updates:,}", updates), Value(f"{draws:,}", draws), Value(f"{entry.cpu_s:,.0f}", entry.cpu_s),
                Value(made, hint="; ".join(filter(None, (entry.machine["processor"], entry.wall)))),
            ]
        )  # fmt: skip
    return sortable(f"What each learner knows and costs, {form} form", header, rows)
