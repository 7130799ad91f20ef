"""What a run was told: the options that differ from the defaults, and those that differ between runs.

    chosen      N=16 reward_type=log_distance seed=3         default 64, none, 0
    filled in   learning_rate=0.0002 device=cpu              the page may leave these open

Values are as on a command line, so that they can be written behind `straw train`. A config of another
version is shown as it stands: an option that we do not know differs from any default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2
from typing import Any

from straw import outside
from straw.config import FIRST_ALGORITHM, FIRST_TASK, Option, plain
from straw.config.load import WAS
from straw.config.owners import task_section
from straw.config.page import options, read_by
from straw.config.values import read_value
from straw.errors import StrawError
from straw.registry import is_installed

ALWAYS = ("kind", "N", "env_type", "algorithm", "model_name", "seed")  # what a run is about, even by default
NEVER = ("run_dir",)  # says where, not what
MOST_BITS = 1e15  # of a ceiling that a file tells: it is drawn


def flat(config: Mapping[str, Any]) -> dict[str, str]:
    """Options by name, spelled as on a command line; less those of other algorithms, which older versions wrote too."""
    values = _spelled_out(config)
    known = _options(values)
    return {name: value for name, value in values.items() if name in known or not _is_idle(name, value)}


def chosen(config: Mapping[str, Any]) -> dict[str, str]:
    """What the run is about, and whatever differs from a default."""
    known = _options(flat(config))
    return {
        name: value
        for name, value in flat(config).items()
        if name in ALWAYS or (name not in NEVER and not _is_open(known, name) and value != _default(known, name))
    }


def filled_in(config: Mapping[str, Any]) -> dict[str, str]:
    """Values of the options that a page may leave open: tuned ones, or somebody's choice."""
    known = _options(flat(config))
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
        return float(told) if isinstance(told, int | float) and 0 <= told <= MOST_BITS else None  # and NaN is neither
    known = {name: one for name, one in options(kind).items() if one.section == "task"}
    try:
        values = {name: read_value(known[name], value) for name, value in flat(config).items() if name in known}
        space = task_section(kind)(**values).space
    except (StrawError, ValueError):
        return None
    return log2(space) if space else None


def reward_name(config: Mapping[str, Any]) -> str:
    """What a run is paid by, as every picture calls it: 8 bins; log distance; dense, summed; SFT."""
    told = flat(config)
    channel = outside.short(told.get("reward_type", "none"))
    if told.get("algorithm") == "sft":
        return "SFT"
    if channel == "none":
        channel = "dense" if told.get("env_type") == "multi_step" else "binary"
    if channel == "binned_log_distance":
        return f"{told.get('reward_bins')} bins"
    summed = ", summed" if channel == "dense" and told.get("credit") == "sum" else ""
    return channel.replace("_", " ") + summed


def _spelled_out(config: Mapping[str, Any]) -> dict[str, str]:
    sections = [value if isinstance(value, Mapping) else {name: value} for name, value in config.items()]
    return {name: _spelled(value) for section in sections for name, value in section.items()}


def _options(values: Mapping[str, str]) -> Mapping[str, Option]:
    """Those of its task and its algorithm, where it takes no code from outside to know them."""
    kind, algorithm = values.get("kind", ""), values.get("algorithm", "")
    return options(
        kind if is_installed("tasks", kind) else FIRST_TASK,
        algorithm if is_installed("algorithms", algorithm) else FIRST_ALGORITHM,
    )


def _is_idle(name: str, value: str) -> bool:
    return any(value in (plain(known.default), str(WAS.get(name))) for known in read_by(name).values())


def _is_open(known: Mapping[str, Option], name: str) -> bool:
    return name in known and known[name].default in (None, "auto")


def _default(known: Mapping[str, Option], name: str) -> str | None:
    return plain(known[name].default) if name in known else None


def _spelled(value: Any) -> str:
    return plain(tuple(map(str, value))) if isinstance(value, list) else plain(value)
