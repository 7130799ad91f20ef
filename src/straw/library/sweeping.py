"""Sweep from Python: what `straw sweep` does, and the runs that it left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from straw import outside
from straw.config import owners_in
from straw.config.load import read_toml
from straw.errors import ConfigError
from straw.files import is_file
from straw.library.frames import Table
from straw.library.objects import HandedIn
from straw.library.pages import said_in
from straw.library.run import Picture, Run
from straw.library.sweeps.runs import Going, done_sweep, draw_picture
from straw.report.sweeps.sweep import Summary
from straw.runs.reading import CONFIG
from straw.runs.sweeps.page import read_sweep
from straw.text.shown.screen import Console


@dataclass(frozen=True)
class Sweep:
    """A sweep that came to its end: its runs by name, and why some of them failed."""

    path: Path
    runs: Mapping[str, Run]
    failed: Mapping[str, str]
    picture: Picture | None
    summaries: tuple[Summary, ...] = field(repr=False)

    @property
    def conditions(self) -> Table:
        """A row a condition: its runs, and how they ended."""
        return Table(lambda: [row_of(one) for one in self.summaries], "conditions")

    def __repr__(self) -> str:
        return f"<Sweep {self.path}: {len(self.runs)} runs, {len(self.failed)} failed>"


def sweep(
    page: str | PathLike[str],
    *,
    out: str | PathLike[str] | None = None,
    jobs: int | None = None,
    quiet: bool = False,
    trust_code: str = "",
    **options: Any,
) -> Sweep:
    """Run what is missing of a sweep, a page that `straw sweep --help` describes; `options` are for every run.

    jobs     so many runs at a time in processes of their own; None: as many as cores; 0: here, one after the other
    out      where the sweep lives; None: runs/sweeps/NAME

    Ctrl-C keeps what was done and raises KeyboardInterrupt: the same call goes on. Code that the page names is a file:
    an object cannot reach other processes.

    >>> _ = pathlib.Path("sweep.toml").write_text('''
    ... base = {N = 8, model_name = "tiny-0.2M", warmup = "none", max_tokens = 2, n_batches = 1}
    ... grid = {group_size = [2, 4]}
    ... ''')
    >>> found = straw.sweep("sweep.toml", jobs=0, quiet=True)
    >>> sorted(found.runs), found.failed
    (['group_size-2-seed-0', 'group_size-4-seed-0'], {})
    >>> found.conditions["condition"]
    ['group_size=2', 'group_size=4']
    """
    outside.trust_marks(mark for mark in trust_code.split(",") if mark)
    hand, path = HandedIn(), Path(page).expanduser()
    said = said_in(options, owners_in(options, read_toml(path).get("base", {})), hand)
    check_names_alone(hand)
    read = read_sweep(path, said, Path(out).expanduser() if out is not None else None)
    going, summaries = done_sweep(read, jobs, Console(quiet=True) if quiet else None)
    return found_in(going, summaries)


def found_in(going: Going, summaries: Sequence[Summary]) -> Sweep:
    drawn = draw_picture(going, summaries)
    planned = [one for _, judged, _ in going.plans for one in judged]
    runs = {one.run.name: Run(one.run.folder) for one in planned if is_file(one.run.folder / CONFIG)}
    return Sweep(
        path=going.sweep.folder, runs=runs, failed=dict(going.failed), picture=Picture(drawn) if drawn else None,
        summaries=tuple(summaries),
    )  # fmt: skip


def check_names_alone(hand: HandedIn) -> None:
    if hand.things:
        name = next(iter(hand.things)).partition(":")[2]
        raise ConfigError(
            f"the runs of a sweep have processes of their own, which an object cannot reach: put {name} into a file "
            f"and write FILE.py:{name}, or call straw.train for each run"
        )


def row_of(summary: Summary) -> dict[str, Any]:
    last = [one.last.get("accuracy") for one in summary.runs]
    return {
        "condition": summary.condition,
        "runs": len(summary.runs),
        "done": sum(one.is_done for one in summary.runs),
        "bits_known": [one.bits if one.is_done and one.curve.bits_known else None for one in summary.runs],
        "accuracy": last,
        "learning_rate": summary.rate,
    }
