"""straw demo --real: a real model that one sees learn from right or wrong alone.

SmolLM2-135M-Instruct is asked for the largest of three numbers, before and behind thirty steps, and with lists, numbers
and words that it was never trained on. Two things are told apart: how many replies name a number of the list, which is
form, and how many of those are right, which is content; by chance it would be one in as many as the list has.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from straw.cli.live.watch import watched
from straw.config import load_page
from straw.config.recipes import recipe_named
from straw.errors import RunError
from straw.evaluation.evaluate import Evaluated
from straw.library.evaluating import evaluate
from straw.runs.store import default_path
from straw.text.shown.say import say
from straw.text.shown.screen import Console
from straw.training.session import run_page

RECIPE = "largest_smollm2"
ASKED: dict[str, dict[str, Any]] = {
    "as it was trained": {},
    "five numbers": {"numbers": 5},
    "of three digits": {"digits": 3},
    "in other words": {"wording": "biggest"},
}
PROBLEMS = 100


def run_real(out: Path | None, overrides: Mapping[str, str]) -> int:
    found = recipe_named(RECIPE)
    if found is None:
        raise RunError(f"the page {RECIPE}.toml, which comes with straw, is not there: install straw again")
    path = out or default_path("largest")
    loaded = load_page(found.path, {**overrides, "run_dir": str(path)})
    if status := watched(lambda watcher: run_page(loaded, watcher), quiet=False):
        return status
    say(f"before and after, {PROBLEMS} lists that were never trained on, a reply each:")
    Console(width=100).print(table_of({name: both(path, name, options) for name, options in ASKED.items()}))
    say(f"run folder: {path}    straw chat {path}    straw eval largest numbers=4 model={path}")
    return 0


def both(path: Path, name: str, options: Mapping[str, Any]) -> tuple[Evaluated, Evaluated]:
    folder = path / "asked" / name.replace(" ", "-")
    return asked(path, 0, folder / "before", options), asked(path, "last", folder / "after", options)


def asked(path: Path, at: int | str, out: Path, options: Mapping[str, Any]) -> Evaluated:
    return evaluate("largest", model=str(path), at=at, num_problems=PROBLEMS, out=out, quiet=True, **options)


def table_of(found: Mapping[str, tuple[Evaluated, Evaluated]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in ("", "right", "names a number of the list", "right among those"):
        table.add_column(header)
    for name, pair in found.items():
        table.add_row(name, *(" -> ".join(map(shown, pair)) for shown in (right, form, content)))
    return table


def right(one: Evaluated) -> str:
    return f"{one.accuracy['own']:.2f}"


def form(one: Evaluated) -> str:
    return f"{one.result['format_compliance']:.2f}"


def content(one: Evaluated) -> str:
    share = one.result["format_compliance"]
    return f"{one.accuracy['own'] / share:.2f}" if share else "-"
