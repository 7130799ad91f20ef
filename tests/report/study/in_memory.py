"""Runs and conditions in memory, for tests of numbers and words: no folder is written or read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from straw.report.study.cells import Cell
from straw.report.study.load_runs import Column, Seen

Measured = tuple[Sequence[float], Sequence[float]]  # episodes, values


def run_of(
    columns: Mapping[str, Measured] | None = None, *, ceiling: float | None = 4.0, step: int = 0, episodes: int = 0,
    cpu_s: float | None = None, is_trial: bool = False, condition: str = "", **options: object,
) -> Seen:  # fmt: skip
    found = {name: Column(*(np.array(part, float) for part in both)) for name, both in (columns or {}).items()}
    told = {"kind": "secret", "algorithm": "reinforce", "reward_type": "binary", **options}
    return Seen(
        name="run", folder=Path("nowhere"), state="done", options={name: str(value) for name, value in told.items()},
        config={}, ceiling_bits=ceiling, episodes=episodes, step=step, columns=found, command=[], cpu_s=cpu_s,
        condition=condition, **({"is_trial": True} if is_trial else {}),
    )  # fmt: skip


def cell_of(*runs: Seen, label: str = "binary", series: str = "", others: Sequence[Seen] = (), **facts: Any) -> Cell:
    return Cell(label=label, series=series or label, runs=runs, others=others, **facts)


def knowing(*bits: float, secret: int = 0, step: int = 4, **options: Any) -> Seen:
    """What was known after 0, 4, 8 ... episodes, of sixteen secrets."""
    at = [place * step for place in range(len(bits))]
    told = {"N": 16, "secret_seed": secret, "seed": secret, **options}
    return run_of({"bits_known": (at, bits)}, episodes=at[-1], **told)
