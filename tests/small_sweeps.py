"""Sweeps that cost a second: pages over the small runs of `tests.small_runs`."""

from __future__ import annotations

from pathlib import Path

from tests.small_runs import WORDS, told

from straw.runs.sweeps.page import read_sweep
from straw.runs.sweeps.sweep import Sweep

BINARY_AND_BINS = """
seeds = [0, 1]
[[condition]]
name = "binary"
reward_type = "binary"
[[condition]]
name = "8 bins"
reward_type = "binned_log_distance"
"""
SHORT = ("n_batches=3", "eval_every=1", "save_every=1")


def page_at(folder: Path, text: str = BINARY_AND_BINS) -> Path:
    path = folder / "page.toml"
    path.write_text(text)
    return path


def small_sweep(folder: Path, text: str = BINARY_AND_BINS, *words: str) -> Sweep:
    """The page as a sweep in folder/sweep, with options that make its runs small."""
    return read_sweep(page_at(folder, text), told([*WORDS, *SHORT, *words]), folder / "sweep")
