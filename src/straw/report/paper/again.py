"""How to do the runs of an article again: their commands, what computed them, and hashes that tell them from others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from shlex import join

from straw.report.figures.drawing.figure import Table
from straw.report.paper.blocks import Block, Heading, Items, Lines, Paragraph
from straw.report.study.analysis import Study
from straw.report.study.formatting import NONE, counted
from straw.report.study.load_runs import Seen
from straw.runs.files.hashes import hashed
from straw.runs.reading import CONFIG, ROLLOUTS, read_about
from straw.text.shown.visible import visible
from straw.version import VERSION

SHOWN, MOST = 16, 400  # digits of a hash in a table; characters of a command
SAME = (
    "A run with the same config leaves the same rollouts, bit for bit, with the same versions on the same kind of "
    "processor: straw train RUN/config.toml run_dir=again."
)


def again(study: Study) -> Iterator[Block]:
    runs = study.gathered.runs
    yield Heading("How to do it again")
    yield Paragraph(f"This article was written by straw {VERSION}: straw report --paper and the folders below. {SAME}")
    yield Heading("Commands", 3)
    yield Lines("\n".join(commands(runs)) or "not known")
    yield Heading("Computed with", 3)
    yield Items(list(made_with(runs)) or ["not known"])
    yield Heading("Hashes", 3)
    table, together = hashes(runs)
    yield Paragraph(
        f"SHA-256, the first {SHOWN} digits, of each run's config and rollouts. The whole sums of the lines "
        f"config rollouts, sorted, have the sum {together}."
    )
    yield table


def commands(runs: Iterable[Seen]) -> Iterator[str]:
    """Each once, with how many runs came from it."""
    for command, count in Counter(join(run.command) for run in runs if run.command).items():
        shown = visible(command)
        shown = shown if len(shown) <= MOST else f"{shown[:MOST]} ..."
        yield shown if count == 1 else f"{shown}    # {counted(count, 'run')}"


def made_with(runs: Iterable[Seen]) -> Iterator[str]:
    """Versions and processor, each set once."""
    for words, count in Counter(map(computed_with, runs)).items():
        yield f"{counted(count, 'run')}: {words}"


def computed_with(run: Seen) -> str:
    about = read_about(run.folder)
    versions = ", ".join(f"{name} {version}" for name, version in about.get("versions", {}).items())
    processor = str(about.get("machine", {}).get("processor", ""))
    return "; ".join(filter(None, (versions, processor))) or "not known"


def hashes(runs: Iterable[Seen]) -> tuple[Table, str]:
    rows, lines = [], []
    for run in runs:
        sums = [hashed(run.folder / name) for name in (CONFIG, ROLLOUTS)]
        lines.append(" ".join(sums))
        rows.append((run.name, run.state, run.seed or NONE, run.secret or NONE, *(one[:SHOWN] for one in sums)))
    header = ("run", "state", "seed", "secret", "config", "rollouts")
    together = sha256("\n".join(sorted(lines)).encode()).hexdigest()
    return Table(caption="The runs", header=header, rows=rows), together
