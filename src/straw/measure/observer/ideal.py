"""Four ways to guess, and the bits that each comes to know.

    greedy           the guess whose reward says most, ties to one that may be right           exact
    thompson         a guess that fits all rewards so far, drawn evenly
    thompson_group   the same, G of them before any reward comes back: the fair reference for groups
    uniform          any guess, evenly: an untrained policy

Where only the secret itself is paid for, all four are exact; elsewhere the drawn ones are means over 2000 secrets (600
for N = 4096) with their errors. What was found is kept under straw's home folder.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import blake2b
from math import log2
from pathlib import Path
from typing import Any, Self

import numpy as np

from straw.cache_dir import cache_folder
from straw.files import make_folders
from straw.measure.observer.draws import draw_pace
from straw.measure.observer.greedy import greedy_pace, partition_bits
from straw.measure.observer.hits import hits_pace
from straw.measure.observer.learning_curve import Pace
from straw.measure.observer.table import MOST, Table, table_of
from straw.rewards.channel import Channel
from straw.runs.files.atomic_write import write_whole
from straw.runs.reading import read_json
from straw.tasks.base import Task

STRATEGIES = ("greedy", "thompson", "thompson_group", "uniform")
VERSION = 1  # of the numbers: another one leaves those in the cache alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What there is to know of a channel for one N.

    `first_bits` is what the first reward says in the mean over all guesses, `best_first_bits` of the best guess, and
    `levels` how many different rewards there are.
    """

    N: int
    group: int
    levels: int
    first_bits: float
    best_first_bits: float
    paces: dict[str, Pace]

    @property
    def ceiling_bits(self) -> float:
        return log2(self.N)

    def record(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        paces = {name: Pace.from_record(pace) for name, pace in record["paces"].items()}
        return cls(**{**record, "paces": paces})


def observe(task: Task, channel: Channel, *, group: int = 4, seed: int = 0, runs: int | None = None) -> Observed:
    """All strategies; `runs` secrets are drawn where a strategy is not exact."""
    table = table_of(task, channel)
    first = partition_bits(table.codes, np.arange(table.N), table.num_codes)
    return Observed(
        N=table.N, group=group, levels=table.num_codes, first_bits=float(first.mean()),
        best_first_bits=float(first.max()), paces=paces_of(table, group, seed, runs),
    )  # fmt: skip


def paces_of(table: Table, group: int, seed: int, runs: int | None) -> dict[str, Pace]:
    if table.tells_all or table.N == 1:
        return dict.fromkeys(STRATEGIES, Pace.at_once(table.N))
    sizes = {"thompson": 1, "thompson_group": group, "uniform": None}
    if table.pays_hits_only:
        return {"greedy": hits_pace(table.N, 1), **{name: hits_pace(table.N, size) for name, size in sizes.items()}}
    runs = runs or (2000 if table.N < MOST else 600)
    drawn = {name: draw_pace(table.codes, group=size, runs=runs, seed=seed) for name, size in sizes.items()}
    return {"greedy": greedy_pace(table.codes, table.num_codes), **drawn}


def observed(task: Task, channel: Channel, *, group: int = 4) -> Observed:
    """The same from the cache, or made and kept there."""
    path = cached_at(task, channel, group)
    if record := read_json(path):
        return Observed.from_record(record)
    found = observe(task, channel, group=group)
    make_folders(path.parent)
    write_whole(path, json.dumps(found.record()))
    return found


def cached_at(task: Task, channel: Channel, group: int) -> Path:
    """By what decides the numbers: the game's size and turns, the channel with its options, the group, the version."""
    hidden = getattr(task, "hidden", None)
    game = (getattr(hidden, "N", None), getattr(hidden, "length", None), task.max_turns)
    name = blake2b(repr((VERSION, game, channel, group)).encode(), digest_size=8).hexdigest()
    return cache_folder() / "observer" / f"{channel.name}-N{game[0]}-{name}.json"
