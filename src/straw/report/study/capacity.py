"""Conditions that differ in nothing but what learns: the model, and all its weights or adapters of some rank.

    binary, N = 64:      tiny-0.2M, all weights | tiny-1M, all weights | tiny-1M, rank 4 | ...

How a model was warmed up follows from the model, so that is no difference of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from straw.report.study.cells import Cell, Key, channel_label, key_of, without

LEARNS = ("model_name", "lora_rank", "lora_alpha", "lora_targets")
WARMUP = ("warmup_distance", "warmup_mass", "warmup_learning_rate", "warmup_batch", "warmup_steps")
UNITS = {"K": 1e3, "M": 1e6, "B": 1e9}


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """`cells` from few weights to many, and each model with all weights first."""

    reward: str
    N: int
    cells: Sequence[Cell]


def capacities_of(cells: Sequence[Cell]) -> Iterator[Capacity]:
    """Wherever there are two learners to compare."""
    groups: dict[Key, list[Cell]] = {}
    for cell in cells:
        if cell.N is not None and not cell.is_control:
            groups.setdefault(without((*LEARNS, *WARMUP), key_of(cell.runs[0])), []).append(cell)
    for group in groups.values():
        if len({(model_of(cell), rank_of(cell)) for cell in group}) == len(group) > 1:
            ordered = sorted(group, key=lambda cell: (weights_of(cell), model_of(cell), rank_of(cell)))
            yield Capacity(reward=channel_label(group[0].runs[0]), N=group[0].N or 0, cells=ordered)


def model_of(cell: Cell) -> str:
    return cell.runs[0].options.get("model_name", "")


def rank_of(cell: Cell) -> int:
    """0: all weights learn."""
    told = cell.runs[0].options.get("lora_rank", "0")
    return int(told) if told.isdecimal() else 0


def weights_of(cell: Cell) -> float:
    """As a model's name tells it: tiny-0.2M, Qwen2.5-0.5B-Instruct; inf for one that does not."""
    found = re.findall(r"(?<![\d.])(\d+(?:\.\d+)?)([KMB])(?![A-Za-z])", model_of(cell))
    return float(found[-1][0]) * UNITS[found[-1][1]] if found else inf


def how_of(cell: Cell) -> str:
    return f"rank {rank}" if (rank := rank_of(cell)) else "all weights"


def learner(cell: Cell) -> str:
    """Example: tiny-1M, rank 4"""
    return f"{model_of(cell)}, {how_of(cell)}"
