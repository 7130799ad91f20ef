"""Names that a page may use, and where the thing behind each is found.

    find("tasks", "secret")           ->  the class Secret of straw/tasks/secret.py
    find("tasks", "gym:chain_sum")    ->  what stands under gym:NAME, a family of names

A place is "module:attribute" and is imported when it is asked for, so that this low floor knows of the
high ones by name only, and `straw --help` loads no torch. A kind whose names live in a table beside their
code points at the table instead of repeating it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from straw.errors import ConfigError, did_you_mean
from straw.families import entry_for

CATALOGUE: dict[str, dict[str, str] | str] = {
    "tasks": {
        "secret": "straw.tasks.secret:Secret",
        "sum_digits": "straw.tasks.digits:SumDigits",
        "reverse_digits": "straw.tasks.digits:ReverseDigits",
        "gsm8k": "straw.tasks.word_problems:Gsm8k",
        "math": "straw.tasks.word_problems:Mathematics",
        "mmlu": "straw.tasks.word_problems:Mmlu",
        "countdown": "straw.tasks.countdown:Countdown",
        "gym:NAME": "straw.tasks.gym:Gym",
    },
    "engines": {
        "local": "straw.engines.local.engine:LocalEngine",
        "monarch": "straw.engines.monarch.engine:MonarchEngine",
    },
    "channels": "straw.rewards.outcome:CHANNELS",
    "algorithms": "straw.algorithms.named:NAMED",
    "losses": "straw.algorithms.losses:LOSSES",
    "graders": "straw.text.graders.named:GRADERS",
}


OPTIONS = {  # the option by which a person writes a name of each kind
    "tasks": "task", "engines": "engine", "channels": "reward_type", "algorithms": "algorithm", "losses": "loss_fn",
    "graders": "grader",
}  # fmt: skip


def find(kind: str, name: str) -> Any:
    """What `name` stands for, or a ConfigError with the nearest name there is."""
    entries = table(kind)
    known = entry_for(name, entries)
    if known is None:
        raise ConfigError(f"there is no {OPTIONS[kind]} {name!r}: {did_you_mean(name, entries)}")
    entry = entries[known]
    return at(entry) if isinstance(CATALOGUE[kind], dict) else entry


def names(kind: str) -> list[str]:
    return sorted(table(kind))


def table(kind: str) -> Mapping[str, Any]:
    entries = CATALOGUE[kind]
    if isinstance(entries, dict):
        return entries
    found: Mapping[str, Any] = at(entries)
    return found


def at(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
