"""Studies that were simulated, as runs in memory: what a report says of them can be counted by the thousand.

runs_of(times, N=64, reward_type="binary")      a run for each time until 0.9 of the bits, seen every four episodes
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from straw.config import dump, load_page
from straw.report.runs.options_diff import flat
from straw.report.study.analysis import Study, studied
from straw.report.study.load_runs import Column, Gathered, Seen, with_defaults
from straw.report.study.verdicts import verdicts_of

GROUP = 4


@lru_cache(maxsize=256)
def condition(options: tuple[tuple[str, object], ...]) -> tuple[dict[str, str], dict[str, object]]:
    """Its options and its config, read once."""
    config = tomllib.loads(dump(load_page(None, {"run_dir": "nowhere", "learning_rate": 1e-3, **dict(options)}).page))
    return with_defaults(flat(config)), config


def runs_of(
    times: Sequence[float], *, N: int, cap: float, first_seed: int = 0, hits: Sequence[float] | None = None,
    offered: Sequence[float] | None = None, otherwise: float = 0.0, **options: object
) -> list[Seen]:  # fmt: skip
    """A secret for each; `hits`: when each was first hit. What is known is known at once; `otherwise`: bits that who
    never knows ends with.
    """
    found, config = condition(tuple(sorted({"N": N, **options}.items())))
    hits = times if hits is None else hits
    bits = np.log2(N)
    seen = []
    for place, (time, hit) in enumerate(zip(times, hits, strict=True)):
        know, first = (GROUP * np.ceil(one / GROUP) for one in (time, hit))
        rows = [(0.0, 0.0, 0.0)] + [(at, 0.0, 0.0) for at in (first - GROUP,) if 0 < at < min(cap, know)]
        rows += [(first, 1.0, 0.0)] if first < min(cap + 1, know) else []
        rows += [(at, 1.0, 0.0) for at in (know - GROUP,) if first < at < cap]
        rows += [(know, 1.0, bits)] if know <= cap else []
        rows += [(cap, float(first <= cap), bits if know <= cap else otherwise)]
        at, hit_at, known = (np.array(column, float) for column in zip(*dict.fromkeys(rows), strict=True))
        paid = np.full(len(at), bits + 1.0) if offered is None else np.full(len(at), offered[place])
        columns = {
            "bits_known": Column(at, known), "hits": Column(at, hit_at), "ledger/absorbed_bits": Column(at, known),
            "ledger/offered_bits": Column(at, paid), "ledger/received_bits": Column(at, np.full(len(at), bits)),
        }  # fmt: skip
        own = {"secret_seed": str(place), "seed": str(first_seed + place)}
        seen.append(
            Seen(
                name=f"{options}-{N}-{place}", folder=Path("nowhere"), state="done", options={**found, **own},
                config=config, ceiling_bits=float(bits), episodes=int(at[-1]), step=len(at), columns=columns,
                command=[], cpu_s=1.0,
            )
        )  # fmt: skip
    return seen


def study_of(runs: Sequence[Seen]) -> Study:
    return studied(Gathered(runs=runs, left_out=[]))


def sentences_of(runs: Sequence[Seen]) -> list[str]:
    return [verdict.text for verdict in verdicts_of(study_of(runs))]
