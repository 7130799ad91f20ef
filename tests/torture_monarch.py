"""Kill and freeze generators at random moments; every run has to end as the local engine's does, bit for bit.

    python -m tests.torture_monarch               50 faults
    python -m tests.torture_monarch --faults 200 --seed 1

A thread meddles while a run goes on: SIGKILL or SIGSTOP to a generator. Looked for: differences to the local run, runs
that fail or hang, deaths that were seen late, processes that are left.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.monarch_here import words_here
from tests.processes import children
from tests.small_runs import Listener, small_page
from tests.torture import differing

from straw.runs.reading import read_events
from straw.training.session import run_page

DEADLINE_S = 5.0
MOST = 8  # in one run: where starts are slow, more in a row than a generator is replaced would be no fault of straw
LATE_S = {signal.SIGKILL: 2.0, signal.SIGSTOP: DEADLINE_S + 2.0}
AT_WORK = 0.8  # of all faults
PAGES = (
    "n_batches=150 group_size=8 save_every=50 eval_every=50 learning_rate=1e-4",
    "n_batches=60 group_size=8 save_every=20 eval_every=30 learning_rate=1e-4 env_type=multi_step lora_rank=2",
)


@dataclass(slots=True)
class Meddler:
    """Does something to a generator, waits, and so on: mostly at work, now and then while they are starting."""

    rows: Path  # what the run has come to
    chance: random.Random
    most: int
    done: list[tuple[float, signal.Signals, int]] = field(default_factory=list)  # when, what, to whom
    is_over: bool = False

    def meddle(self) -> None:
        while not self.is_over and len(self.done) < self.most:
            if self.chance.random() < AT_WORK:
                self.wait_for_a_step()
            time.sleep(self.chance.uniform(0.0, 2.0))
            there = sorted(children("straw-generator"))
            if self.is_over or not there:
                continue
            pid, number = self.chance.choice(there), self.chance.choice([signal.SIGKILL, signal.SIGSTOP])
            with suppress(ProcessLookupError):
                os.kill(pid, number)
                self.done.append((time.time(), number, pid))

    def wait_for_a_step(self) -> None:
        before = self.progress()
        while not self.is_over and self.progress() == before:
            time.sleep(0.01)

    def progress(self) -> int:
        return self.rows.stat().st_size if self.rows.exists() else 0


def torture(words: str, place: Path, chance: random.Random, most: int) -> tuple[list[str], list[Seen]]:
    """One run: what is wrong with it, and how what was done to it was seen."""
    local, meddled = place / "local", place / f"run-{chance.random()}"
    if not local.exists():
        run_page(small_page(f"run_dir={local}", words), Listener())
    meddler = Meddler(meddled / "metrics.jsonl", chance, min(most, MOST))
    thread = threading.Thread(target=meddler.meddle)
    thread.start()
    try:
        run_page(
            small_page(
                f"run_dir={meddled} engine=monarch num_generators=2 answer_s={DEADLINE_S}", words, *words_here()
            ),
            Listener(),
        )
        faults = [f"{words}: {name} differs" for name in differing(local, meddled)]
    except Exception as error:
        faults = [f"{words}: {type(error).__name__}: {error}"]
    finally:
        meddler.is_over = True
        thread.join()
    if left := children():
        faults.append(f"{words}: processes are left: {left}")
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    return faults, seen(meddler, read_events(meddled) if meddled.exists() else [])


@dataclass(frozen=True, slots=True)
class Seen:
    """How long a death took to be seen; `seconds` is None where the run did not need that generator any more."""

    number: signal.Signals
    seconds: float | None
    had_begun: bool

    @property
    def is_late(self) -> bool:
        return self.seconds is not None and self.seconds > LATE_S[self.number]


def seen(meddler: Meddler, events: Sequence[dict[str, Any]]) -> list[Seen]:
    died, begun = (
        {event["pid"]: event["time"] for event in events if event["event"] == f"generator_{what}"}
        for what in ("died", "started")
    )
    return [
        Seen(number, died[pid] - when if pid in died else None, begun.get(pid, when + 1) <= when)
        for when, number, pid in meddler.done
    ]


def tell(name: str, found: Sequence[Seen], number: signal.Signals, had_begun: bool) -> None:
    those = [one for one in found if one.number is number and one.had_begun is had_begun]
    times = [one.seconds for one in those if one.seconds is not None]
    if times:
        print(f"{name}: seen after {statistics.median(times):.2f} s, at most {max(times):.2f} s ({len(times)})")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    chance, faults, found, begun, runs = random.Random(options.seed), [], [], time.monotonic(), 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STRAW_HOME"] = f"{folder}/home"
        while len(found) < options.faults:
            words = PAGES[runs % len(PAGES)]
            place = Path(folder) / str(runs % len(PAGES))
            place.mkdir(exist_ok=True)
            new, deaths = torture(words, place, chance, options.faults - len(found))
            runs, faults, found = runs + 1, [*faults, *new], [*found, *deaths]
            print(
                f"{len(found):4} faults  {runs:3} runs  {time.monotonic() - begun:5.0f} s  {new or 'sound'}", flush=True
            )
    for number in LATE_S:
        for had_begun in (True, False):
            tell(number.name if had_begun else f"{number.name} at the start", found, number, had_begun)
    faults += [f"{one.number.name} was seen after {one.seconds:.1f} s" for one in found if one.is_late]
    for fault in faults:
        print(f"FAULT {fault}")
    print(f"{len(found)} faults made in {runs} runs: {len(faults)} things are wrong")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
