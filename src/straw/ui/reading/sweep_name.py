"""Which sweep, condition and seed a run belongs to, told by its name: sweeps write sweep.json only when they end.

place_of("sweeps/bandwidth/reward_bins-4-seed-2")   ->   ("sweeps/bandwidth", "reward_bins-4", "2")
place_of("first")                                   ->   None
"""

from __future__ import annotations

import re
from typing import NamedTuple

NAME = re.compile(r"(?:(?P<sweep>.+)/)?(?P<condition>[^/]+?)-?seed-(?P<seed>[0-9]{1,10})")


class Place(NamedTuple):
    sweep: str  # the folder; '' at the root
    condition: str
    seed: str


def place_of(name: str) -> Place | None:
    found = NAME.fullmatch(name)
    return Place(found["sweep"] or "", found["condition"], found["seed"]) if found else None
