"""The words of a page, as it is measured: on this machine, in processes, and nobody ahead of anybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from straw.runs.about import cores

GENERATORS = 2  # at most
GONE = {
    "hosts": "",
    "certs": "none",
    "trainer_host": "here",
    "run_dir": "none",
    "track": "none",
    "fresh_weights": "false",
}


def wanted(said: Mapping[str, Any]) -> dict[str, Any]:
    ours = {"engine": "monarch", "num_generators": min(GENERATORS, cores()), "max_lag": 0, "pace": "exact"}
    return {**said, **GONE, **ours}  # of a page that is a file, too
