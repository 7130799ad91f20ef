"""One run of the real loop for every secret there is, all from the same start and with the same random numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tests.small_runs import Listener, Parts, small_plan

from straw.runs.reading import read_metrics
from straw.runs.store import RunFolder
from straw.training.loop import Loop

Columns = dict[str, np.ndarray]


def play_all(place: Path, words: str) -> Columns:
    """The last value of every metric of the ledger, one entry a secret."""
    parts = Parts(words)
    rows = [play(parts, f"{words} fixed_secret={secret}", place / str(secret)) for secret in range(parts.task.space)]
    names = [name for name in rows[0] if name.startswith("ledger/")]
    return {name.removeprefix("ledger/"): np.array([row[name] for row in rows]) for name in names}


def play(parts: Parts, words: str, folder: Path) -> dict[str, Any]:
    """The engine is as it was before, afterwards."""
    with parts.engine.undone(), RunFolder.create(folder, "") as run:
        Loop(small_plan(words), parts.engine, parts.params, run, Listener()).run()
    return read_metrics(folder)[-1]


def law(absorbed: np.ndarray, bits: np.ndarray) -> float:
    """(1/N) sum 2^(absorbed - bits): at most 1 for every causal account of what was told."""
    return float(np.mean(2.0 ** (absorbed - bits)))
