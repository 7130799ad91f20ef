"""What a run was told: the options that differ from the defaults, and those that differ between runs.

    chosen      N=16 reward_type=log_distance seed=3         default 64, none, 0
    filled in   learning_rate=0.0002 device=cpu              the page may leave these open

Values are as on a command line, so that they can be written behind `straw train`. A config of another
version is shown as it stands: an option that we do not know differs from any default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, log2
from typing import Any

from straw import outside
from straw.config import FIRST_TASK, Option, describe_options, plain
from straw.config.page import task_section
from straw.config.values import read_value
from straw.errors import StrawError
from straw.registry import is_installed

ALWAYS = ("kind", "N", "env_type", "algorithm", "model_name", "seed")  # what a run is about, even by default
NEVER = ("run_dir",)  # says where, not what


def flat(config: Mapping[str, Any]) -> dict[str, str]:
    """Options by name, spelled as on a command line."""
    sections = [value if isinstance(value, Mapping) else {name: value} for name, value in config.items()]
    return {name: _spelled(value) for section in sections for name, value in section.items()}


def chosen(config: Mapping[str, Any]) -> dict[str, str]:
    """What the run is about, and whatever differs from a default."""
    known = _options(config)
    return {
        name: value
        for name, value in flat(config).items()
        if name in ALWAYS or (name not in NEVER and not _is_open(known, name) and value != _default(known, name))
    }


def filled_in(config: Mapping[str, Any]) -> dict[str, str]:
    """Values of the options that a page may leave open: tuned ones, or somebody's choice."""
    known = _options(config)
    return {
        name: value
        for name, value in flat(config).items()
        if name not in NEVER and _is_open(known, name) and value != _default(known, name)
    }


def differing(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The options in which the runs differ, with the value of each; '' where a run has no such option."""
    pages = [flat(config) for config in configs]
    names = list(dict.fromkeys(name for page in pages for name in page if name not in NEVER))
    values = {name: [page.get(name, "") for page in pages] for name in names}
    return {name: found for name, found in values.items() if len(set(found)) > 1}


def ceiling_bits(config: Mapping[str, Any], about: Mapping[str, Any] | None = None) -> float | None:
    """log2 of the number of possible answers; None where they cannot be listed, or the task is not known.

    A task of ours says so by its options alone. Of a task from outside nothing is run for this: the run wrote it down.
    """
    kind = flat(config).get("kind", FIRST_TASK)
    if not is_installed("tasks", kind):
        told = (about or {}).get("ceiling_bits")
        return float(told) if isinstance(told, int | float) and isfinite(told) else None
    known = {option.name: option for option in describe_options(kind) if option.section == "task"}
    try:
        values = {name: read_value(known[name], value) for name, value in flat(config).items() if name in known}
        space = task_section(kind)(**values).space
    except (StrawError, ValueError):
        return None
    return log2(space) if space else None


def reward_name(config: Mapping[str, Any]) -> str:
    """What a run is paid by, as every picture calls it: 8 bins; log distance; dense, summed; SFT."""
    options = flat(config)
    channel = outside.short(options.get("reward_type", "none"))
    if options.get("algorithm") == "sft":
        return "SFT"
    if channel == "none":
        channel = "dense" if options.get("env_type") == "multi_step" else "binary"
    if channel == "binned_log_distance":
        return f"{options.get('reward_bins')} bins"
    summed = ", summed" if channel == "dense" and options.get("credit") == "sum" else ""
    return channel.replace("_", " ") + summed


def _options(config: Mapping[str, Any]) -> dict[str, Option]:
    kind = flat(config).get("kind", "")
    return {option.name: option for option in describe_options(kind if is_installed("tasks", kind) else FIRST_TASK)}


def _is_open(known: Mapping[str, Option], name: str) -> bool:
    return name in known and known[name].default in (None, "auto")


def _default(known: Mapping[str, Option], name: str) -> str | None:
    return plain(known[name].default) if name in known else None


def _spelled(value: Any) -> str:
    return plain(tuple(map(str, value))) if isinstance(value, list) else plain(value)
