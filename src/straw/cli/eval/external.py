"""The bridge to other harnesses: files for them, the command that runs them, and their result beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from straw.errors import ConfigError, did_you_mean
from straw.text.shown.say import say, say_lines

if TYPE_CHECKING:
    from straw.config import Evaluation, Page
    from straw.evaluation.evaluate import Evaluated
    from straw.tasks.base import Task

HARNESSES = ("lm-eval", "lighteval")


def write_bridge(
    harness: str, page: Page, task: Task, evaluation: Evaluation, run: Path | None, at: str | None, out: Path | None
) -> int:
    if harness not in HARNESSES:
        raise ConfigError(f"a harness is {' or '.join(HARNESSES)}; got {harness!r}, {did_you_mean(harness, HARNESSES)}")
    if out is None:
        raise ConfigError(f"--harness {harness} writes files for it: name their folder with out=FOLDER")
    from straw.evaluation.external import write_outside

    command = write_outside(harness, page, task, evaluation, run, at, out.resolve())
    say(f"{task.name} for {harness} is in {out}; this runs it on the same weights:")
    say_lines(f"\n{command}\n")
    if harness == "lighteval":
        say("LightEval 0.13 reads all its own tasks first, and some of those fetch files: it wants a network.")
        say()
    say(f"and this shows its result beside ours: the same straw eval with --compare {out / harness}")
    return 0


def print_compared(path: Path, row: Evaluated) -> None:
    """Their scores, each under its own name, beside the grader that it is nearest to."""
    from rich.table import Table

    from straw.evaluation.external_results import SAME, agreement, read_outside
    from straw.runs.evaluation import read_graded
    from straw.text.shown.screen import Console

    found, graded = read_outside(path), read_graded(row.folder)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("theirs", "", "ours", "", "the same verdict"):
        table.add_column(name, no_wrap=True)
    for name, value in found.scores.items():
        score = row.result["scores"].get(SAME[name], {}).get("accuracy")
        alike = agreement(found, list(graded), name)
        spread = f" +- {100 * found.errors[name]:.1f}" if name in found.errors else ""
        table.add_row(
            name, f"{100 * value:.1f}%{spread}", SAME[name], f"{100 * score['value']:.1f}%" if score else "not asked",
            f"{alike[0]} of {alike[1]} problems" if alike else "no samples to compare",
        )  # fmt: skip
    console = Console(width=100)
    say()
    say(found.path)
    console.print(table)
