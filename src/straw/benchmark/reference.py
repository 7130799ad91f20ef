"""What a score is divided by: the episodes of an ideal observer that is paid in the same groups.

It draws its guesses from what it believes, four before any reward comes back (`measure.observer`, thompson_group), and
its median to 0.9 of the bits is rounded up to a whole group, since no learner can be told sooner.
"""

from __future__ import annotations

import json
from functools import lru_cache
from math import ceil

from straw.benchmark.draws import Draw
from straw.benchmark.games import GROUP, Cell
from straw.cache_dir import cache_folder
from straw.config import load_page
from straw.files import make_folders
from straw.measure.observer import game_of, observed
from straw.measure.observer.learning_curve import Pace
from straw.measure.observer.noisy import noisy_pace
from straw.runs.files.atomic_write import write_whole
from straw.runs.reading import read_json

VERSION = 1  # of the noisy numbers


@lru_cache
def pace_of(cell: Cell) -> Pace:
    options = {name: value for name, value in cell.options().items() if name != "lora_rank"}
    task, channel = game_of(load_page(None, {**options, "fixed_secret": Draw(cell, 0, "").secret}).page)
    if channel.noise is None:
        return observed(task, channel, group=GROUP).paces["thompson_group"]
    path = cache_folder() / "observer" / f"noisy-{VERSION}-N{cell.N}-{channel.noise:g}-{GROUP}.json"
    if record := read_json(path):
        return Pace.from_record(record)
    found = noisy_pace(cell.N, channel.noise, group=GROUP)
    make_folders(path.parent)
    write_whole(path, json.dumps(found.record()))
    return found


def reference_of(cell: Cell) -> int:
    """Episodes, in whole groups."""
    known_at = pace_of(cell).to_nine_tenths
    assert known_at is not None, "an observer that draws from what fits knows in the end, in every game here"
    return GROUP * max(1, ceil(known_at / GROUP))
