"""Whether an entry is what it says: no code of it is believed, and no number.

    read      every cell and run is there, each as long as the rules have it, and the scores are those of its runs
    replay    some of its runs are played again: the same rollouts, by their hash, episodes, updates and draws
    salt      secrets that nobody could know: a salt is drawn now, and the learner plays them too

An entry that replays may still have been made for its secrets, which can be computed by anybody. On the salted ones it
knows nothing, so there the intervals of its medians have to meet those of the entry: a learner is refused that is
slower than its own interval allows. Of 8 against 8 honest runs that happens by chance once in 1,400 cells; of 2 against
8 it would once in 45, so where a game has a few secrets no game refuses by itself. And one that knew some of its
secrets is faster in the entry over all cells together: refused where that has a chance below 1 in 1,000 (ranks, runs
changing places within their cells).

Bits are promised for equal versions on an equal processor. On another machine a run that does not replay is told and
refuses nothing: there the salt decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log2
from random import Random
from secrets import token_hex

import numpy as np

from straw import outside
from straw.benchmark.bench import line_of, one_by_one
from straw.benchmark.draws import Draw
from straw.benchmark.entry import Entry
from straw.benchmark.games import GROUP, Cell, table_mark
from straw.benchmark.play import Played
from straw.benchmark.score import interval
from straw.benchmark.submission import hash_of_ours, what_is_wrong
from straw.benchmark.wall.opening import Open
from straw.benchmark.wall.process import LearnerProcess
from straw.benchmark.wall.room import in_a_room, opening_for
from straw.errors import ConfigError
from straw.outside import Source

REPLAYED, SALTED, CELLS = 3, 8, 3
EQUAL = ("episodes", "known", "updates", "unpaid_draws", "start", "rollouts", "bits", "failed")
RARE = 1e-3
ROUNDED = 6e-4  # bits, of which a curve has three places
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Finding:
    text: str
    refuses: bool = False


def check(
    entry: Entry, say: Say, *, salt: str = "", replays: int = REPLAYED, salted: int = SALTED, cells: int = CELLS,
    open: Open | None = None,
) -> list[Finding]:  # fmt: skip
    """All that was found; the entry is refused where any finding refuses it."""
    found = list(read_over(entry))
    if any(one.refuses for one in found):
        return found  # nothing is run for it
    open = open or opening_for(entry.submission.code)
    if open is not in_a_room:
        check_trust(entry)
    salt = salt or token_hex(16)
    with LearnerProcess(entry.submission.code, open) as away:
        found += replayed(entry, salt, replays, away, say)
        if not any(one.refuses for one in found):
            found += salted_runs(entry, salt, salted, cells, away, say)
    return found


def check_trust(entry: Entry) -> None:
    """Where there is no sandbox, code of somebody else runs when a person wants it to, in the learner's process."""
    for file, text in entry.submission.code.items():
        outside.check_trust(Source(file, text.encode()).hash, entry.submission.learner)


# --- without playing -----------------------------------------------------------------------------


def read_over(entry: Entry) -> Iterator[Finding]:
    if entry.table != table_mark(entry.form):
        yield Finding("it played other games than those that this version declares", refuses=True)
        return
    if wrong := what_is_wrong(entry.submission):
        yield Finding(wrong, refuses=True)
        return
    cells = {cell.name: cell for cell in entry.cells}
    if missing := [name for name in cells if name not in entry.runs]:
        yield Finding(f"cells are missing: {', '.join(missing)}", refuses=True)
        return
    if more := [name for name in entry.runs if name not in cells]:
        yield Finding(f"its form has no cells {', '.join(more)}", refuses=True)
        return
    yield from (Finding(text, refuses=True) for cell in entry.cells for text in wrong_with(cell, entry.runs[cell.name]))
    scores, total = entry.scored()
    for name, score in scores.items():
        if entry.scores.get(name) != score:
            yield Finding(f"the score of {name} is not that of its runs", refuses=True)
    if dict(entry.total) != total:
        yield Finding(f"its score over cells is {total['ratio']}, and the file says otherwise", refuses=True)
    if entry.submission.ours and entry.submission.ours != hash_of_ours():
        yield Finding("it was made with other code of straw's learners than this")


def wrong_with(cell: Cell, runs: Sequence[Played]) -> Iterator[str]:
    if [run.number for run in runs] != list(range(cell.secrets)):
        yield f"{cell.name} has {cell.secrets} runs, each with its secret; there are {len(runs)}"
    for run in runs:
        end = run.bits[-1] if run.bits else (0, 0.0)
        if not run.known and run.episodes != cell.most_episodes:
            yield f"{cell.name}, run {run.number}: it was left after {run.episodes} episodes without knowing"
        elif run.known and not (GROUP <= run.episodes <= cell.most_episodes and run.episodes % GROUP == 0):
            yield f"{cell.name}, run {run.number}: {run.episodes} episodes are no count of groups up to the cap"
        elif not run.failed and (end[0] != run.episodes or not is_told_by(end[1], run.known, cell)):
            yield f"{cell.name}, run {run.number}: its curve does not end where it says"
        if cannot := what_cannot_be(cell, run):
            yield f"{cell.name}, run {run.number}: {cannot}"


def what_cannot_be(cell: Cell, run: Played) -> str:
    """Of any run, whatever its learner; empty where nothing is."""
    most = max((bits for _, bits in run.bits), default=0.0)
    if most > log2(cell.N) + ROUNDED:
        return f"it knew {most:g} bits, more than its {log2(cell.N):g} bits"
    if any(bits > cell.enough_bits + ROUNDED for _, bits in run.bits[1:-1]):
        return "it was over before the end that it says"
    if run.failed and run.known:
        return "it failed, and came to know"
    return "it took less than no time" if run.cpu_s < 0 else ""


def is_told_by(bits: float, known: bool, cell: Cell) -> bool:
    return bits >= cell.enough_bits - ROUNDED if known else bits <= cell.enough_bits + ROUNDED


# --- again ---------------------------------------------------------------------------------------


def replayed(entry: Entry, salt: str, count: int, away: LearnerProcess, say: Say) -> Iterator[Finding]:
    """Some runs of the entry, chosen by the salt."""
    every = [Draw(cell, number, entry.submission.mark) for cell in entry.cells for number in range(cell.secrets)]
    chosen = Random(f"replay {salt}").sample(every, min(count, len(every)))
    unlike = 0
    for draw, run in zip(chosen, one_by_one(chosen, entry.submission, away, say), strict=True):
        before = entry.runs[draw.cell.name][draw.number]
        differs = [name for name in EQUAL if getattr(run, name) != getattr(before, name)]
        say(f"replayed {draw.cell.name}, run {draw.number}: {'the same' if not differs else ', '.join(differs)}")
        unlike += bool(differs)
        if differs and entry.is_of_this_machine:
            yield Finding(
                f"{draw.cell.name}, run {draw.number} does not replay: other {', '.join(differs)}", refuses=True
            )
    if unlike and not entry.is_of_this_machine:
        yield Finding(
            f"{unlike} of {len(chosen)} runs do not replay here, where versions or processor are others than those of "
            "the entry: bits cannot be judged"
        )
    elif not unlike and chosen:
        yield Finding(f"{len(chosen)} of {len(chosen)} runs replay bit for bit")


# --- with secrets that nobody could know ---------------------------------------------------------


def salted_runs(entry: Entry, salt: str, count: int, cells: int, away: LearnerProcess, say: Say) -> Iterator[Finding]:
    chosen = Random(f"cells {salt}").sample(entry.cells, min(cells, len(entry.cells))) if count else []
    pairs = []
    for cell in chosen:
        draws = [Draw(cell, number, entry.submission.mark, salt) for number in range(count)]
        runs = []
        for run in one_by_one(draws, entry.submission, away, say):
            say(f"salted {cell.name}, {run.number + 1} of {count}: {line_of(run)}")
            runs.append(run)
        yield compared(cell, entry.runs[cell.name], runs)
        pairs.append((entry.runs[cell.name], runs))
    if pairs:
        yield together(pairs)
    yield Finding(f"the salt was {salt}")


def compared(cell: Cell, told: Sequence[Played], runs: Sequence[Played]) -> Finding:
    """Only one that is slower here than it says is refused, and none by the range of a few runs."""
    its, here = interval(told), interval(runs)
    if its is None or here is None:
        raise ConfigError("an interval takes two runs or more: write salted=8")
    where = f"{cell.name}: {its.low:g} to {its.high:g} episodes in the entry, {here.low:g} to {here.high:g} when salted"
    is_refused = here.low > its.high and not its.is_range
    return Finding(f"{where}, which lies outside its own interval" if is_refused else where, refuses=is_refused)


def together(pairs: Sequence[tuple[Sequence[Played], Sequence[Played]]]) -> Finding:
    p = chance_of(pairs)
    text = f"by chance honest runs would be so much faster than the salted ones with probability {p:.2g}"
    return Finding(f"{text}, over all cells together", refuses=p < RARE)


def chance_of(pairs: Sequence[tuple[Sequence[Played], Sequence[Played]]], shuffles: int = 20_000) -> float:
    """How often runs that change places between entry and salted ones, within their cell, make it as fast or faster.

    What counts is how many pairs the entry wins (Mann and Whitney), over all cells; a run that did not come to know
    is slower than any that did.
    """
    chance, found = np.random.default_rng(0), np.zeros(shuffles + 1)
    for told, runs in pairs:
        times = np.array([run.episodes + (0 if run.known else 0.5) for run in (*told, *runs)])
        orders = np.vstack([times, chance.permuted(np.tile(times, (shuffles, 1)), axis=1)])
        its, salted = orders[:, : len(told), None], orders[:, None, len(told) :]
        found += (its < salted).sum(axis=(1, 2)) + 0.5 * (its == salted).sum(axis=(1, 2))
    return float((found >= found[0] - 1e-9).mean())
