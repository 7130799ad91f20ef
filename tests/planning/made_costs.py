"""Costs and work in round numbers."""

from __future__ import annotations

from typing import Any

from straw.planning.costs import Costs
from straw.planning.workload import Workload


def costs(**said: Any) -> Costs:
    """A reply of ten tokens takes a second, and training on a rollout a tenth of one."""
    return Costs(**{"token_s": 0.1, "train_s": 0.1, "replies": ((10,),), "cores": 64.0, **said})


def work(**said: Any) -> Workload:
    """Four groups of four."""
    return Workload(**{"groups": 4, "group_size": 4, **said})
