"""All runs of a form, one after the other; what is done stands in the file after every one of them.

A bench that is stopped goes on with the same command: runs of the same learner, games and machine are not done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from straw.benchmark.draws import Draw
from straw.benchmark.entry import Entry, read_entry
from straw.benchmark.play import Played, played
from straw.benchmark.submission import Submission
from straw.benchmark.wall.opening import Open
from straw.benchmark.wall.process import LearnerProcess
from straw.benchmark.wall.room import opening_for, words_of
from straw.errors import ConfigError, DataError
from straw.runs.files.atomic_write import write_whole

Say = Callable[[str], None]


def bench(
    form: str,
    submission: Submission,
    out: Path,
    say: Say,
    *,
    secrets: int | None = None,
    open: Open | None = None,
    rollouts: Path | None = None,
) -> Entry:
    """`secrets`: only the first so many of each cell, for a first look; the entry is not whole then.

    `open`: how the learner's process is begun, where it is not as `opening_for` has it.
    """
    open = open or opening_for(submission.code)
    entry = going_on(form, submission, out, words_of(open))
    with LearnerProcess(submission.code, open) as away:
        for cell in entry.cells:
            done = entry.runs.setdefault(cell.name, [])
            for number in range(len(done), min(cell.secrets, secrets or cell.secrets)):
                draw = Draw(cell, number, submission.mark)
                with kept_lines(rollouts, draw) as lines:
                    done.append(played(draw, submission, away, quiet(say), lines.append))
                say(f"{cell.words}: {number + 1} of {cell.secrets}, {line_of(done[-1])}")
                if all(run.failed for runs in entry.runs.values() for run in runs):
                    raise ConfigError(f"{submission.title} cannot play {cell.words}: {done[-1].failed}")
                entry.write(out)
    return entry


def going_on(form: str, submission: Submission, out: Path, wall: str) -> Entry:
    fresh = Entry.begun(form, submission, wall)
    if not out.exists():
        return fresh
    try:
        before = read_entry(out)
    except DataError as error:
        raise ConfigError(f"a bench overwrites nothing but its own file, and {error}: choose another -o") from None
    if (before.form, before.submission.mark, before.table) != (form, submission.mark, fresh.table):
        raise ConfigError(f"{out} is the entry of another learner or other games: choose another -o, or remove it")
    if not before.is_of_this_machine:
        raise ConfigError(f"{out} was begun with other versions or another processor: choose another -o, or remove it")
    before.wall = before.wall or wall  # of an entry from before walls were told
    if before.wall != wall:
        raise ConfigError(f"{out} was begun in {before.wall}, and this is {wall}: choose another -o, or remove it")
    return before if any(not run.failed for runs in before.runs.values() for run in runs) else fresh


def line_of(run: Played) -> str:
    how = f"known after {run.episodes}" if run.known else f"not known after {run.episodes}"
    return f"{how} episodes, {run.updates} updates, {run.cpu_s:.1f} s" + (f" ({run.failed})" if run.failed else "")


def quiet(say: Say) -> Say:
    """A warm-up that is made takes a while and is told, one from the cache is not."""
    return lambda line: None if "(from the cache)" in line else say(line)


@contextmanager
def kept_lines(folder: Path | None, draw: Draw) -> Iterator[list[str]]:
    lines: list[str] = []
    yield lines
    if folder is not None:
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
        write_whole(folder / f"{draw.cell.name}-{draw.number}.jsonl", "".join(lines))


def one_by_one(draws: Sequence[Draw], submission: Submission, away: LearnerProcess, say: Say) -> Iterator[Played]:
    """Runs again, or with a salt: for a check."""
    for draw in draws:
        yield played(draw, submission, away, quiet(say))
