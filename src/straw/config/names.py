"""Every way to spell an option, mapped to its one name.

    N=64    --N 64    --N=64    task.N=64         group_size=4    --group-size 4    lr=1e-3

The studies' words that differ from ours are in ALIASES, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from straw.config.option import Option
from straw.config.page import TASKS, options
from straw.config.values import TRUTH, nearest, plain
from straw.errors import ConfigError

ALIASES = {"lr": "learning_rate", "model": "model_name", "num_steps": "n_batches", "env": "env_type", "task": "kind"}


@cache
def known_options() -> dict[str, Option]:
    """The options of every task together."""
    return {name: known for kind in TASKS for name, known in options(kind).items()}


def canonical(spelling: str) -> str:
    """The option's own name, or a ConfigError with its neighbour."""
    section, _, flat = spelling.replace("-", "_").rpartition(".")
    name = ALIASES.get(flat, flat)
    if name not in known_options():
        raise unknown(spelling, (*known_options(), *ALIASES))
    home = known_options()[name].section
    if section not in ("", home):
        raise ConfigError(f"{name} is an option of [{home}]; got {spelling!r}. Write {home}.{name} or just {name}.")
    return name


def unknown(spelling: str, known: Iterable[str], what: str = "option") -> ConfigError:
    near = nearest(spelling.replace("-", "_").rpartition(".")[2], known)
    guess = f"did you mean {near!r}? " if near else ""
    return ConfigError(f"there is no {what} {spelling!r}; {guess}`straw train --help` names every one.")


def parse_overrides(args: list[str]) -> dict[str, str]:
    """Options from a command line, by name; of one given twice, the last counts."""
    given, waiting = {}, list(args)
    while waiting:
        spelling, equals, value = waiting.pop(0).partition("=")
        if not equals and not spelling.startswith("--"):
            raise ConfigError(
                f"an option is key=value, --key value or --key=value; got {spelling!r}. Write for example N=64."
            )
        name = canonical(spelling.removeprefix("--"))
        given[name] = value if equals else next_value(name, waiting)
    return given


def next_value(name: str, waiting: list[str]) -> str:
    """What follows `--name`: taken from the front of `waiting`, or true for a bare flag."""
    known = known_options()[name]
    if known.type is bool and not (waiting and waiting[0].lower() in TRUTH):
        return "true"
    if not waiting or waiting[0].startswith("--"):
        raise ConfigError(f"--{name} needs {known.takes} behind it. Write for example {name}={plain(known.example)}.")
    return waiting.pop(0)
