"""The board's tables, whose heads sort them: every cell says by which number it is sorted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from straw.benchmark.board.parts import (
    MANY,
    Parts,
    channels_in,
    channels_of,
    ordered,
    part_of,
    sizes_of,
    spellings_of,
)
from straw.benchmark.entry import Entry
from straw.benchmark.games import WORDS, Cell
from straw.benchmark.words import interval_words, median_words, total_interval, total_words
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


LESS = "less is better"


def scores_tables(form: str, entries: Sequence[Entry], cells: Sequence[Cell]) -> str:
    """One table, or of many games one over all, one by N and by spelling, and one for each channel."""
    if len(cells) < MANY:
        return scores_table(form, entries, cells)
    tables = [summary_table(form, entries, cells)]
    for what, parts in (("N", sizes_of(cells)), ("spelling", spellings_of(cells))):
        if len(parts) > 1:
            tables.append(parts_table(f"By {what}, {form} form, over {channels_in(parts)}: {LESS}", entries, parts))
    tables += [channel_table(name, entries, own) for name, own in channels_of(cells).items()]
    return "\n".join(tables)


def summary_table(form: str, entries: Sequence[Entry], cells: Sequence[Cell]) -> str:
    parts = channels_of(cells)
    header = ["learner", "all games", "95%", "came to know", *parts]
    caption = (
        f"Episodes to 0.9 of the bits, divided by the ideal observer's, {form} form, {secrets_of(cells)} secrets a "
        f"game: geometric means, {LESS}"
    )
    return sortable(caption, header, [summary_row(entry, parts) for entry in entries])


def summary_row(entry: Entry, parts: Parts) -> list[Value]:
    scores, total = entry.scored()
    known, of = (sum(score[what] for score in scores.values()) for what in ("known", "of"))
    return [
        Value(entry.submission.title), ratio_of(total), Value(total_interval(total), total["ratio"] or math.inf),
        Value(f"{known} of {of}", known), *ratios_of(scores, parts),
    ]  # fmt: skip


def parts_table(caption: str, entries: Sequence[Entry], parts: Parts) -> str:
    rows = [[Value(entry.submission.title), *ratios_of(entry.scored()[0], parts)] for entry in entries]
    return sortable(caption, ["learner", *parts], rows)


def ratios_of(scores: Mapping[str, Any], parts: Parts) -> list[Value]:
    return [ratio_of(part_of(scores, cells)) for cells in parts.values()]


def channel_table(channel: str, entries: Sequence[Entry], cells: Sequence[Cell]) -> str:
    """Every game of a channel."""
    caption = f"{channel}: {WORDS[channel]}; {secrets_of(cells)} secrets a game"
    rows = []
    for entry in entries:
        scores, _ = entry.scored()
        rows.append([Value(entry.submission.title), *(game(cell, scores) for cell in cells)])
    return sortable(caption, ["learner", *(f"N={cell.N:,} {cell.spelling}" for cell in cells)], rows)


def secrets_of(cells: Sequence[Cell]) -> str:
    """Example: 2"""
    return " or ".join(map(str, ordered(cells, lambda cell: cell.secrets)))


def ratio_of(total: Mapping[str, Any]) -> Value:
    return Value(total_words(total), total["ratio"] or math.inf)


def scores_table(form: str, entries: Sequence[Entry], cells: Sequence[Cell]) -> str:
    header = ["learner", "all games", *(cell.short for cell in cells)]
    caption = f"Episodes to 0.9 of the bits, divided by the ideal observer's, {form} form: {LESS}"
    return sortable(caption, header, [score_row(entry, cells) for entry in entries])


def score_row(entry: Entry, cells: Sequence[Cell]) -> list[Value]:
    scores, total = entry.scored()
    return [Value(entry.submission.title), ratio_of(total), *(game(cell, scores) for cell in cells)]


def game(cell: Cell, scores: Mapping[str, Any]) -> Value:
    score = scores.get(cell.name)
    if score is None:
        return Value("-", math.inf)
    hint = (
        f"{median_words(cell, score)} episodes, {interval_words(score)}; {score['known']} of {score['of']} runs "
        f"came to know; observer {score['reference']}"
    )
    return Value(total_words(score), score["ratio"], hint)


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
