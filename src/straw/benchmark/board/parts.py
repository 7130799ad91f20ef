"""A form of many games in a few columns: the geometric mean over those of a channel, of an N, of a spelling.

Columns that stand side by side are of the same channels, so what differs between them is what their heads name: N only
over channels that are played at every N, spellings only over those that are spelled in every way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from straw.benchmark.games import Cell
from straw.benchmark.score import total_of

MANY = 12  # cells: from here on they are told in parts
Parts = Mapping[str, Sequence[Cell]]  # by what stands above the column


def channels_of(cells: Sequence[Cell]) -> Parts:
    return {channel: [cell for cell in cells if cell.channel == channel] for channel in ordered(cells, channel_of)}


def sizes_of(cells: Sequence[Cell]) -> Parts:
    return {f"N={N:,}": found for N, found in fully(cells, lambda cell: cell.N).items()}


def spellings_of(cells: Sequence[Cell]) -> Parts:
    return fully(cells, lambda cell: cell.spelling)


def channel_of(cell: Cell) -> str:
    return cell.channel


def ordered(cells: Sequence[Cell], by: Callable[[Cell], Any]) -> list[Any]:
    return list(dict.fromkeys(map(by, cells)))


def fully(cells: Sequence[Cell], by: Callable[[Cell], Any]) -> dict[Any, list[Cell]]:
    """In the channels that have every one of them."""
    every = ordered(cells, by)
    full = [name for name, own in channels_of(cells).items() if set(map(by, own)) == set(every)]
    return {one: [cell for cell in cells if cell.channel in full and by(cell) == one] for one in every}


def part_of(scores: Mapping[str, Any], cells: Sequence[Cell]) -> dict[str, Any]:
    """The score over some of an entry's games."""
    return total_of([scores[cell.name] for cell in cells if cell.name in scores])


def channels_in(parts: Parts) -> str:
    """Example: bins8, distance"""
    return ", ".join(ordered([cell for cells in parts.values() for cell in cells], channel_of))
