"""Scores in words, the same in a terminal, on the board and in the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from straw.benchmark.games import Cell
from straw.benchmark.reference import FEW

HEAD = ("game", "known", "episodes", "95%", "observer", "ratio", "updates", "unpaid draws", "CPU s")
Score = Mapping[str, Any]


def row_of(cell: Cell, score: Score) -> tuple[str, ...]:
    return (
        cell.short, f"{score['known']} of {score['of']}", median_words(cell, score), interval_words(score),
        f"{score['reference']}", total_words(score), f"{score['updates']:g}", f"{score['unpaid_draws']:,g}",
        f"{score['cpu_s']:.1f}",
    )  # fmt: skip


def median_words(cell: Cell, score: Score) -> str:
    """Of a few runs their geometric mean, which is at least that where one of them was not over."""
    if cell.secrets < FEW:
        return f"{'≥ ' if score['at_least'] else ''}{score['ratio'] * score['reference']:.0f}"
    return f"over {cell.most_episodes}" if score["median"] is None else f"{score['median']:g}"


def interval_words(score: Score) -> str:
    """In parentheses the range of the runs, which are too few for an interval."""
    if score["interval"] is None:
        return "-"
    low, high = score["interval"]
    words = f"{end(low)} to {end(high)}"
    return f"({words})" if score["is_range"] else words


def end(value: float | None) -> str:
    return "more" if value is None else f"{value:g}"


def total_words(total: Score) -> str:
    """Example: at least 7.1 times"""
    if total["ratio"] is None:
        return "-"
    return f"{'≥ ' if total['at_least'] else ''}{total['ratio']:.2f}×"


def total_interval(total: Score) -> str:
    """Example: 7.1 to 9.9. Only forms with a few secrets a game have one over all games."""
    if total.get("interval") is None:
        return "-"
    low, high = total["interval"]
    return f"{low:.2f} to {high:.2f}"
