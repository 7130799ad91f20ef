"""straw runs: what ran, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from straw.algorithms.registry import mark_of
from straw.cli.arguments import say_json, take_flag, wants_help
from straw.errors import ConfigError, RunError
from straw.text.shown.say import say, say_lines
from straw.text.shown.visible import visible

if TYPE_CHECKING:
    from straw.report.runs.listing import Listed

RUNS = """straw runs [FOLDER] [--json]

Every run under a folder (without one: runs), the newest first: its state, its age, what it learned and how far it came.
Runs of sweeps and of the demo, in folders of their own, are among them.

  straw runs                  what is under runs
  straw runs runs/sweep       what is under that folder
  straw runs --json           for a program

  done      it says so itself          running   a process is writing it
  stopped   killed or interrupted: straw resume RUN goes on       failed    its last word was an error
  damaged   something cannot be read; a line below the table says what

known: bits, or accuracy, at the last measurement, and at how many episodes that was where the run has gone on since.
reward: the mean of the last ten steps. One run from near: straw show RUN.
"""


def runs(words: list[str]) -> int:
    if wants_help(words):
        say_lines(RUNS)
        return 0
    as_json = take_flag(words, "--json")
    if len(words) > 1 or (words and words[0].startswith("-")):
        raise ConfigError(f"straw runs takes one folder; got {' '.join(words)!r}. Write for example straw runs runs.")
    folder = Path(words[0] if words else "runs").expanduser()
    if words and not folder.is_dir():
        raise RunError(f"there is no folder {folder}: straw runs lists what is under a folder, without one under runs")
    from straw.report.runs.listing import runs_under

    found = runs_under(folder)
    if as_json:
        say_json([plain(one) for one in found])
    elif found:
        print_runs(found)
    else:
        say(f"no runs under {folder} yet: straw train --help tells how to make one")
    return 0


def print_runs(found: Sequence[Listed]) -> None:
    from straw.text.shown.screen import Console, as_text

    console = Console()
    rows = [COLUMNS, *(tuple(map(visible, cells(one))) for one in found)]
    for number, row in enumerate(table_of(rows, console.width)):
        console.print(as_text(row, "" if number else "bold", lines=True), soft_wrap=True)
    for one in found:
        if one.damage:
            console.print(as_text(f"{one.name}: {one.damage}", "red"), soft_wrap=True)


COLUMNS = ("run", "state", "age", "steps", "known", "reward", "what")
NUMBERS = ("age", "steps", "known", "reward")


def table_of(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """Rows in columns. Where these are too wide for the terminal, names stand on lines of their own, to be copied."""
    sizes = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = [
        [
            cell.rjust(size) if name in NUMBERS else cell.ljust(size)
            for cell, size, name in zip(row, sizes, COLUMNS, strict=True)
        ]
        for row in rows
    ]
    if sum(sizes) + 2 * (len(sizes) - 1) <= width:
        return ["  ".join(row).rstrip() for row in padded]
    return [f"{name.rstrip()}\n  {'  '.join(facts)}".rstrip() for name, *facts in padded]


def cells(one: Listed) -> tuple[str, ...]:
    from straw.report.runs.summary import age, known_of, number, of_all

    run, told = one.summary, (one.name, one.state, age(one.started))
    if run is None:
        return (*told, "-", "-", "-", what(one.options))
    steps = of_all(run.step, run.n_batches, ".0f").replace(" of ", "/")
    return (*told, steps, known_of(run), number(run.reward, ".3f"), what(one.options))


def what(options: dict[str, str]) -> str:
    """secret N=64 binary tiny-1M; gsm8k weighted smollm2"""
    if not options:
        return "-"
    method = options.get("algorithm", "")
    is_multi = options.get("env_type") == "multi_step"
    channel = options.get("reward_type", "none")
    channel = ("dense" if is_multi else "binary") if channel == "none" else channel
    bins = f"-{options.get('reward_bins')}" if channel.startswith("binned") else ""
    how = "sft" if method == "sft" else f"{channel}{bins}" + mark_of(method)
    size = f" N={options['N']}" if "N" in options else ""
    return f"{options.get('kind', '')}{size} {how} {options.get('model_name', '')}"


def plain(one: Listed) -> dict[str, Any]:
    return {
        "name": one.name,
        "folder": one.folder,
        "state": one.state,
        "started": one.started,
        "damage": one.damage,
        "options": one.options,
        "summary": asdict(one.summary) if one.summary else None,
    }
