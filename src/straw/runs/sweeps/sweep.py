"""A sweep: conditions times seeds, each an ordinary run in a folder of its own.

    conditions   N=64 | N=256                    what is varied
    seeds        0 | 1 | 2                       each sets secret_seed and seed
    tune         rates x seeds of its own        finds the learning rate of each condition, on other secrets

Runs of one seed make the same guesses until they are paid differently, in every condition: two conditions that share
seeds are nearly one sample of luck. With own draws `seed` is a function of the condition too, and secrets stay shared.

Which runs there are is told here. `sweep_page` reads them from a page, `training.sweep` finds what each comes to, and
`report.sweeps.sweep` how it ended.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from straw.seeds import seed_for

RATE, DRAWS = "learning_rate", "seed"
LARGEST_SEED = 10**9  # that a person can type
TRIAL = {"keep_weights": False}  # nobody goes on from a trial, and there are many


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What is varied. Example: Condition(label="N=64, reward_bins=8", options={"N": 64, "reward_bins": 8})"""

    label: str
    options: Mapping[str, Any]
    unread: frozenset[str] = frozenset()  # options of every run that its algorithm does not have, and another's has


@dataclass(frozen=True, slots=True, kw_only=True)
class Tune:
    """Which learning rates are tried, on which seeds."""

    seeds: tuple[int, ...]
    multiply: tuple[float, ...] = ()
    learning_rate: tuple[float, ...] = ()
    same_secrets: bool = False  # whether other seeds may hide what is judged, where N has no others left

    def rates(self, untuned: float) -> list[float]:
        """Three digits are enough, and can be typed: 0.0009 rather than 0.0008999999999999999."""
        return [float(f"{rate:.3g}") for rate in self.learning_rate or (untuned * factor for factor in self.multiply)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRun:
    """One run: `options` are what `straw train` would be given for it."""

    name: str
    condition: str
    seed: int
    options: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        return Path(self.options["run_dir"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A run of a sweep and what its page comes to; needs no torch to be handed on."""

    run: SweepRun
    values: Mapping[str, Any]  # every option, resolved
    ceiling_bits: float | None  # none where answers cannot be listed
    episodes: int
    start: str  # what its warm-up depends on: runs with the same start share one

    @property
    def rate(self) -> float:
        return float(self.values[RATE])

    @property
    def is_sft(self) -> bool:
        return bool(self.values["algorithm"] == "sft")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A page that was read."""

    name: str
    question: str
    folder: Path
    seeds: tuple[int, ...]
    seed_options: tuple[str, ...]
    base: Mapping[str, Any]
    conditions: tuple[Condition, ...]
    tune: Tune | None = None
    own_draws: bool = False

    def runs(self, condition: Condition, rate: float | None = None) -> list[SweepRun]:
        """Those that are judged, with the learning rate that was found for them."""
        tuned = {} if rate is None else {RATE: rate}
        return [self._run(condition, slug(f"{condition.label}-seed-{seed}"), seed, tuned) for seed in self.seeds]

    def trials(self, condition: Condition, untuned: float) -> list[SweepRun]:
        """Those that find the learning rate."""
        if self.tune is None:
            return []
        name = f"{condition.label}-lr-"
        return [
            self._run(condition, f"tune/{slug(f'{name}{rate}-seed-{seed}')}", seed, {**TRIAL, RATE: rate})
            for rate in self.tune.rates(untuned)
            for seed in self.tune.seeds
        ]

    def _run(self, condition: Condition, name: str, seed: int, more: Mapping[str, Any]) -> SweepRun:
        question = {"question": self.question} if self.question else {}
        seeds: dict[str, Any] = dict.fromkeys(self.seed_options, seed)
        if self.own_draws:
            seeds[DRAWS] = seed_for("own draws", condition.label, seed) % LARGEST_SEED
        base = {name: value for name, value in self.base.items() if name not in condition.unread}
        options = {**question, **base, **condition.options, **seeds, **more}
        folder = str(self.folder / name)
        return SweepRun(name=name, condition=condition.label, seed=seed, options={**options, "run_dir": folder})


def slug(label: str) -> str:
    """A name for a folder. Example: slug("N=64, reward_bins=8-seed-0") == "N-64-reward_bins-8-seed-0" """
    return re.sub(r"[^A-Za-z0-9._+]+", "-", label).strip("-.")
