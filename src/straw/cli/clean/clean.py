"""straw clean: what runs and caches hold, and how to free it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from straw.cli.arguments import say_json, take_flag, take_option, wants_help
from straw.errors import ConfigError, RunError
from straw.text.shown.say import say, say_lines, warn

if TYPE_CHECKING:
    from straw.cli.clean.freeing import Plan
    from straw.cli.clean.holdings import Held, HeldByRun

CLEAN = """straw clean [--dry-run] [--json]
straw clean warmups|observer|abandoned|models|models/NAME|data|caches [--yes]
straw clean RUN|FOLDER ... --keep last|best:METRIC|none [--yes]

Without a name: what the cache and the runs under runs hold, in bytes. Nothing is taken away.
With a name that alone is freed, after a yes: answer the question, or write --yes.

  straw clean                            what is held, and what would be lost with it
  straw clean caches                     warm-ups, curves of the observer, and what killed processes left half written
  straw clean models/smollm2             one model of straw's cache
  straw clean runs/mine --keep last      its checkpoints but the newest
  straw clean runs/sweep --keep none     of every run in that folder that is done: all weights, and nothing else

  --dry-run   say what would go, and stop          --json   the list for a program

A run that a process is writing is left alone; so is whatever is a link, and whatever lies outside of straw's cache and
the folders that you name. Runs are never removed: their metrics and rollouts are yours to delete.
"""
SHOWN = 12  # runs


def clean(words: list[str]) -> int:
    if wants_help(words):
        say_lines(CLEAN)
        return 0
    dry, as_json = take_flag(words, "--dry-run", "--dry_run"), take_flag(words, "--json")
    is_sure, keep = take_flag(words, "--yes", "-y"), take_option(words, "keep", "last")
    if any(word.startswith("-") for word in words):
        raise ConfigError(f"straw clean has no option {words[0]}: see straw clean --help")
    if not words and keep is None:
        return show(as_json)
    if as_json:
        raise ConfigError("--json is for the list of everything: write straw clean --json, without a name")
    if keep is not None:
        return clean_runs(words, keep, is_sure, dry)
    return clean_caches(words, is_sure, dry)


def size(num_bytes: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= scale:
            return f"{num_bytes / scale:.1f} {unit}"
    return f"{num_bytes} B"


# --- what is held


def show(as_json: bool) -> int:
    from straw.cache_dir import cache_folder
    from straw.cli.clean.holdings import held_by_caches, held_by_runs

    root = Path("runs")
    parts, runs = held_by_caches(root), sorted(held_by_runs(root), key=lambda run: -run.weights)
    if as_json:
        say_json(plain(str(cache_folder()), parts, runs))
        return 0
    say(f"cache {cache_folder()}" + ("" if parts else ": nothing"))
    for part in parts:
        say(f"  {size(part.num_bytes):>9}  {part.name:<20} {len(part.paths)} of them; lost with them: {part.lost}")
    say(f"runs under {root}: {len(runs)}, {size(sum(run.num_bytes for run in runs))}")
    for run in runs[:SHOWN]:
        say(f"  {size(run.num_bytes):>9}  {run.name}  {run.state}, weights {size(run.weights)}, "
            f"{len(run.steps)} checkpoints")  # fmt: skip
    if len(runs) > SHOWN:
        say(f"  and {len(runs) - SHOWN} smaller ones")
    say()
    say("  straw clean caches                   frees what is made again by itself")
    say("  straw clean RUN --keep last          frees a run's checkpoints but the newest")
    return 0


def plain(cache: str, parts: Sequence[Held], runs: Sequence[HeldByRun]) -> dict[str, object]:
    alone = [part for part in parts if "/" not in part.name]  # a model counts once
    return {
        "cache": cache,
        "caches": [
            {"name": one.name, "bytes": one.num_bytes, "items": len(one.paths), "lost": one.lost} for one in parts
        ],
        "cache_bytes": sum(one.num_bytes for one in alone),
        "runs": [
            {
                "name": one.name,
                "folder": str(one.folder),
                "state": one.state,
                "bytes": one.num_bytes,
                "weights_bytes": one.weights,
                "checkpoints": list(one.steps),
            }
            for one in runs
        ],
        "runs_bytes": sum(one.num_bytes for one in runs),
    }


# --- taking away


def clean_caches(words: list[str], is_sure: bool, dry: bool) -> int:
    from straw.cli.clean.freeing import free
    from straw.cli.clean.holdings import CACHES, KINDS, held_by_caches

    there = {part.name: part for part in held_by_caches(Path("runs"))}
    wanted = [name for word in words for name in (CACHES if word == "caches" else (word,))]
    for name in wanted:
        if name not in there and name not in (*KINDS, *CACHES):
            known = ", ".join(["caches", *KINDS, "abandoned", *(one for one in there if "/" in one)])
            raise ConfigError(f"straw clean knows {known}, or a run with --keep last; got {name[:60]!r}")
    parts = [there[name] for name in dict.fromkeys(wanted) if name in there]
    if not parts:
        say(f"nothing is held by {', '.join(wanted)}")
        return 0
    for part in parts:
        say(f"{part.name}: {size(part.num_bytes)}, {len(part.paths)} of them; lost with them: {part.lost}")
    if dry or not confirmed(sum(part.num_bytes for part in parts), is_sure):
        return 0
    say(f"freed {size(sum(map(free, parts)))}")
    return 0


def clean_runs(words: list[str], keep: str, is_sure: bool, dry: bool) -> int:
    from straw.cli.clean.freeing import free_run

    if not words:
        raise ConfigError(f"--keep {keep} is for runs: name one. Write for example straw clean runs/mine --keep last")
    plans = [plan for word in words for plan in plans_for(word, keep)]
    plans = [plan for plan in plans if plan.paths]
    if not plans:
        say("nothing is left to take away there")
        return 0
    for plan in plans:
        say(f"{plan.folder}: {size(plan.num_bytes)}; lost: {plan.lost}")
    if dry or not confirmed(sum(plan.num_bytes for plan in plans), is_sure):
        return 0
    say(f"freed {size(sum(free_run(plan, keep, warn) for plan in plans))}")
    return 0


def plans_for(word: str, keep: str) -> list[Plan]:
    """Of a run; or of every run in a folder that may be cleaned, with a line for each that may not."""
    from straw.cli.clean.freeing import plan_for
    from straw.files import is_file, is_folder
    from straw.report.runs.listing import run_folders
    from straw.runs.reading import CONFIG, spelled_out

    for path in (spelled_out(word), Path("runs") / word):
        if is_file(path / CONFIG) or path.is_symlink():
            return [plan_for(path, keep, warn)]
    folder = spelled_out(word)
    runs = list(run_folders(folder)) if is_folder(folder) else []
    if not runs:
        raise RunError(f"there is no run at {word}, and none in it: `straw runs` lists those there are")
    plans = []
    for run in runs:
        try:
            plans.append(plan_for(run, keep, warn))
        except RunError as error:
            warn(f"left alone: {error}")
    return plans


def confirmed(num_bytes: int, is_sure: bool) -> bool:
    """By --yes, or by an answer."""
    if is_sure:
        return True
    if not sys.stdin.isatty():
        raise ConfigError(f"{size(num_bytes)} would be freed for good: write --yes to do it, or --dry-run to look")
    try:
        answer = input(f"free {size(num_bytes)} for good? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() in ("y", "yes"):
        return True
    say("nothing was taken away")
    return False
