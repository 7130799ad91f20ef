"""What a score is divided by: the episodes of an ideal observer that is paid in the same groups.

It draws its guesses from what it believes, four before any reward comes back (`measure.observer`, thompson_group), and
its median to 0.9 of the bits is rounded up to a whole group, since no learner can be told sooner.

A game with a few secrets counts with a geometric mean, which lies below the median where times are skewed. So it is
divided by the observer's own: of 2,000 runs, each rounded up to a whole group and counted with the cap where it was not
over by then. That way the observer would score 1x in either.
"""

from __future__ import annotations

import json
from functools import lru_cache
from math import ceil

import numpy as np

from straw.benchmark.draws import Draw
from straw.benchmark.games import GROUP, Cell
from straw.cache_dir import cache_folder
from straw.config import load_page
from straw.files import make_folders
from straw.measure.observer import game_of, observed
from straw.measure.observer.draws import drawn_runs
from straw.measure.observer.learning_curve import Pace
from straw.measure.observer.noisy import noisy_pace, noisy_runs
from straw.measure.observer.table import table_of
from straw.rewards.channel import Channel
from straw.runs.files.atomic_write import write_whole
from straw.runs.reading import read_json
from straw.tasks.base import Task

VERSION = 1  # of the noisy numbers, and of the times of single runs
RUNS = 2000
FEW = 6  # secrets: the median of fewer has no 95% interval


def game(cell: Cell) -> tuple[Task, Channel]:
    options = {name: value for name, value in cell.options().items() if name != "lora_rank"}
    return game_of(load_page(None, {**options, "fixed_secret": Draw(cell, 0, "").secret}).page)


@lru_cache
def pace_of(cell: Cell) -> Pace:
    task, channel = game(cell)
    if channel.noise is None:
        return observed(task, channel, group=GROUP).paces["thompson_group"]
    path = cache_folder() / "observer" / f"noisy-{VERSION}-N{cell.N}-{channel.noise:g}-{GROUP}.json"
    if record := read_json(path):
        return Pace.from_record(record)
    found = noisy_pace(cell.N, channel.noise, group=GROUP)
    make_folders(path.parent)
    write_whole(path, json.dumps(found.record()))
    return found


@lru_cache
def times_of(cell: Cell) -> list[float]:
    """When each of the observer's runs had 0.9 of the bits: from the cache, or drawn now."""
    task, channel = game(cell)
    path = cache_folder() / "observer" / f"times-{VERSION}-{cell.channel}-N{cell.N}-{GROUP}.json"
    if record := read_json(path):
        return list(record["times"])
    if channel.noise is None:
        found = drawn_runs(table_of(task, channel).codes, group=GROUP, runs=RUNS, seed=0).near_at
    else:
        found = noisy_runs(cell.N, channel.noise, group=GROUP, runs=RUNS)[2]
    make_folders(path.parent)
    write_whole(path, json.dumps({"times": np.minimum(found, 1e9).tolist()}))
    return list(np.minimum(found, 1e9).tolist())


@lru_cache
def reference_of(cell: Cell) -> float:
    """Episodes: a median in whole groups, or a geometric mean of these."""
    if cell.secrets < FEW:
        groups = np.ceil(np.array(times_of(cell)) / GROUP) * GROUP
        return round(float(np.exp(np.log(np.minimum(groups, cell.most_episodes)).mean())), 2)
    known_at = pace_of(cell).to_nine_tenths
    assert known_at is not None, "an observer that draws from what fits knows in the end, in every game here"
    return GROUP * max(1, ceil(known_at / GROUP))
