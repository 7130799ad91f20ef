"""The words behind a command: flags and options that no page has, taken off one by one; and help on those it has."""

from __future__ import annotations

import json
import math
from collections.abc import Container
from pathlib import Path
from reprlib import repr as shortened
from typing import TYPE_CHECKING, Any

from straw.config.recipes import is_there, recipe_named
from straw.config.values import put
from straw.errors import ConfigError
from straw.text.shown.say import say, say_lines

if TYPE_CHECKING:
    from straw.config import Option, Owners


def wants_help(words: list[str]) -> bool:
    return any(word in ("-h", "--help") for word in words)


def take_flag(words: list[str], *names: str) -> bool:
    found = [word for word in words if word in names]
    words[:] = [word for word in words if word not in names]
    return bool(found)


def take_trust(words: list[str]) -> bool:
    """Whether the code of a model may run: the option of a page, for commands that take no other."""
    from straw.config import TRUST, parse_overrides

    spelled = [word for word in words if word.lstrip("-").replace("-", "_").partition("=")[0] == TRUST]
    words[:] = [word for word in words if word not in spelled]
    return parse_overrides(spelled).get(TRUST, "false").lower() in ("true", "yes", "on", "1")


def take_option(words: list[str], name: str, example: str = "runs/mine") -> str | None:
    """The value of an option that no page has, taken off the words: name=x, --name=x or --name x."""
    found: dict[str, str] = {}
    left, waiting = [], list(words)
    while waiting:
        word = waiting.pop(0)
        spelling, equals, value = word.partition("=")
        if spelling == f"--{name}" and not equals:
            if not waiting:
                raise ConfigError(f"--{name} needs a value behind it. Write for example --{name} {example}.")
            put(found, name, waiting.pop(0))
        elif spelling.removeprefix("--") == name and equals:
            put(found, name, value)
        else:
            left.append(word)
    words[:] = left
    return found.get(name)


def take_whole(words: list[str], name: str, default: int) -> int:
    """The same for a whole number that is 0 or more."""
    found = take_option(words, name, str(default))
    return default if found is None else counted(name, found, example=default)


def page_at(word: str, folder: str = "") -> Path:
    """The page that a word names: a file, or one of straw's by its name; told on stderr where the word is no file's.

    `folder`: below recipes/, where the names of this command are. A word that names nothing is handed on as it is, for
    whoever reads it to say what is wrong.
    """
    path = Path(word)
    if is_there(path) or (found := recipe_named(word, folder)) is None:
        return path
    say(found.remark, error=True)
    return found.path


def counted(name: str, value: str, *, least: int = 0, most: int = 100_000, example: int = 16) -> int:
    """A whole number behind an option that no page has."""
    if not (value.isascii() and value.isdecimal() and len(value) < 19 and least <= int(value) <= most):
        raise ConfigError(
            f"--{name} is a whole number from {least} to {most:,}; got {shortened(value)}. "
            f"Write for example --{name} {example}."
        )
    return int(value)


def say_json(value: Any) -> None:
    """One document on stdout, for a program: numbers are numbers, and what is none (NaN) is null."""
    say_lines(json.dumps(without_nan(value), indent=1, allow_nan=False))


def without_nan(value: Any) -> Any:
    """JSON has neither NaN nor infinities, and many readers refuse a document with one."""
    if isinstance(value, dict):
        return {str(name): without_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


MOST_USED = (
    "reward_type", "reward_weights", "algorithm", "group_size", "batch_size", "n_batches", "num_epochs",
    "learning_rate", "kl_coef", "model_name", "lora_rank", "from_checkpoint", "max_tokens", "temperature", "seed",
    "eval_every", "save_every", "engine", "num_generators", "run_dir",
)  # fmt: skip
ALL = "all"


def print_options(intro: str, owners: Owners | None = None, *, every: bool = False) -> None:
    """The options of a page about this task and this algorithm: their own and those that people use first, or every
    one by section, and behind its section what other algorithms have.
    """
    from straw.config import FIRST_TASK, Owners, describe_options
    from straw.config.owners import algorithm_section
    from straw.config.page import options_beside

    say_lines(intro)
    owners = owners or Owners(FIRST_TASK)
    own = options_beside(algorithm_section(owners.algorithm))
    section = ""
    for option in describe_options(*owners):
        if not (every or option.section == "task" or option.name in MOST_USED or option.name in own):
            continue
        if option.section != section:
            if every and section == "algorithm":
                print_others(own)
            section = option.section
            say(f"[{section}]")
        print_option(option)
    if not every:
        say()
        say(f"These are the options that people use first. Every one, by section: --help {ALL}")


def print_option(option: Option) -> None:
    from straw import registry
    from straw.config import plain

    choices = option.choices or (registry.names(option.registry) if option.registry else ())
    takes = f" ({' | '.join(choices)})" if choices else ""
    bounds = f" [{option.range}]" if option.range else ""
    say(f"  {option.name + '=' + plain(option.default):<36} {option.help}{takes}{bounds}")


def print_others(own: Container[str]) -> None:
    """What algorithms that the page is not about have beside: a heading for those that have the same."""
    from straw.config.page import options_of_algorithms, read_by

    others = {name: known for of_one in options_of_algorithms().values() for name, known in of_one.items()}
    heading = ""
    for name, known in sorted(others.items(), key=lambda item: (-len(read_by(item[0])), *sorted(read_by(item[0])))):
        if name in own:
            continue
        if heading != (heading := f"[algorithm] of {' and '.join(sorted(read_by(name)))}"):
            say(heading)
        print_option(known)
