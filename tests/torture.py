"""Kill runs at random moments, let them go on, and look for one bit that differs from a run that was left alone.

    python -m tests.torture                  100 kills over all algorithms, full and LoRA, one turn and many
    python -m tests.torture --kills 1000     as long as you like; --seed for other moments

A run works in a child. Half of the kills come from outside after a random time, half from inside at a random act
of the file system: before a rename, or in the middle of a write, so that half a line or half a checkpoint is left.
After every kill the folder has to open. In the end metrics, rollouts, checkpoints and weights have to be equal.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.small_runs import Listener, small_page

from straw.algorithms.registry import NAMED
from straw.engines.local.training import checkpoints
from straw.runs import reading
from straw.training.session import continue_page
from straw.training.state import STATE

COMMON = "n_batches=10 save_every=3 eval_every=4 keep_last=0 learning_rate=1e-3 seed=3"
GAMES = ("", "env_type=multi_step", "lora_rank=2", "env_type=multi_step lora_rank=2")
REPLAYED = "replay=2 kl_coef=0.05 schedule=cosine updates_per_batch=2 num_secrets=2 batch_size=2"
Disturb = Callable[[], None]


@dataclass(slots=True)
class Tally:
    kills: int = 0  # of runs that had a folder
    runs: int = 0
    unreadable: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)


def pages() -> Iterator[str]:
    """Every algorithm in every game, and what else has a state."""
    for name, game in itertools.product(NAMED, GAMES):
        yield f"{COMMON} algorithm={name} {game}"
    for game in GAMES:
        yield f"{COMMON} {REPLAYED} {game}"
    yield f"{COMMON} eval_every=1 eval_answers=4"  # what the run said is part of what is measured


# --- a child that works, and how it dies ---------------------------------------------------------


def in_a_child(words: str, folder: Path, disturb: Disturb) -> int:
    """Its process id."""
    child = os.fork()
    if child:
        return child
    try:
        disturb()
        continue_page(small_page(f"run_dir={folder}", words), Listener())
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def work(words: str, folder: Path, disturb: Disturb = lambda: None, *, seconds: float | None = None) -> bool:
    """Whether it came to its end; False when it was killed."""
    child = in_a_child(words, folder, disturb)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise AssertionError(f"a run failed by itself: {words} in {folder}")
    return os.WIFEXITED(status)


def die_writing(acts: int, chance: random.Random) -> Disturb:
    """Falls dead at the given act of the file system, with half of the bytes written."""
    left = itertools.count(acts, -1)

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def half(write: Any) -> Any:
        def act(descriptor: int, data: bytes) -> Any:
            if next(left) <= 0:
                write(descriptor, data[: chance.randrange(len(data) + 1)])
                die()
            return write(descriptor, data)

        return act

    def before(act: Any) -> Any:
        def acted(*given: Any, **named: Any) -> Any:
            if next(left) <= 0:
                die()
            return act(*given, **named)

        return acted

    def half_a_file(save: Any) -> Any:
        def saved(tensors: Any, path: Path) -> None:
            save(tensors, path)
            if next(left) <= 0:
                os.truncate(path, chance.randrange(path.stat().st_size))
                die()

        return saved

    def disturb() -> None:
        os.write, os.replace, os.fsync = half(os.write), before(os.replace), before(os.fsync)
        checkpoints.save_file = half_a_file(checkpoints.save_file)

    return disturb


# --- what is left --------------------------------------------------------------------------------


def everything(folder: Path) -> dict[str, object]:
    """All that a run leaves, but the clock."""
    rows = [{k: v for k, v in row.items() if k != "time_s"} for row in reading.read_metrics(folder)]
    kept = reading.read_checkpoints(folder)
    measured = {row["step"]: {k: v for k, v in row["metrics"].items() if k != "time_s"} for row in kept}
    states = {row["step"]: state_in(folder / row["folder"]) for row in kept}
    weights = {
        f"{row['folder']}/{path.name}": path.read_bytes()
        for row in kept for path in (folder / row["folder"]).glob("*.safetensors")
    }  # fmt: skip
    done = reading.read_done(folder) or {}
    known = {name: done.get(name) for name in ("steps", "episodes", "known")}
    rollouts = (folder / "rollouts.jsonl").read_bytes()
    return {
        "metrics": rows, "rollouts": rollouts, "checkpoints": measured, "states": states, "done": known, **weights,
    }  # fmt: skip


def state_in(checkpoint: Path) -> dict[str, object]:
    state = json.loads((checkpoint / STATE).read_text())
    return {name: value for name, value in state.items() if name not in ("time_s", "cpu_s")}


def differing(one: Path, other: Path) -> list[str]:
    ours, theirs = everything(one), everything(other)
    return [name for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)]


def opens(folder: Path) -> bool:
    """A folder that a kill left is none, or one that every reader can read."""
    if not folder.exists():
        return True
    try:
        reading.read_config(folder)
        reading.read_about(folder)
        reading.read_events(folder)
        list(reading.read_rollouts(folder))
        everything(folder)
        return reading.state_of(folder) in ("stopped", "done")
    except Exception:
        traceback.print_exc()
        return False


# --- the torture ---------------------------------------------------------------------------------


def torture(words: str, place: Path, kills: int, chance: random.Random, tally: Tally) -> None:
    """One page: a run that is left alone, and one that is killed and goes on until it is done."""
    alone, killed = place / "alone", place / "killed"
    begun = time.monotonic()
    work(words, alone)
    seconds, before = time.monotonic() - begun, tally.kills
    is_done = False
    while not is_done:
        if tally.kills - before >= kills:
            is_done = work(words, killed)
        elif chance.random() < 0.5:
            is_done = work(words, killed, seconds=chance.uniform(0.2, 1.0) * seconds)
        else:
            is_done = work(words, killed, die_writing(chance.randrange(1, 60), chance))
        tally.kills += not is_done and killed.exists()
        if not opens(killed):
            tally.unreadable.append(words)
            return
    tally.runs += 1
    if names := differing(alone, killed):
        tally.different.append(f"{words}: {', '.join(names)}")
    shutil.rmtree(alone)
    shutil.rmtree(killed)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    chance, tally, begun = random.Random(options.seed), Tally(), time.monotonic()
    with tempfile.TemporaryDirectory() as place, suppress(KeyboardInterrupt):  # Ctrl-C: what was seen until then
        os.environ["STRAW_HOME"] = f"{place}/home"
        for words in itertools.cycle(pages()):
            torture(words, Path(place), 3, chance, tally)
            found = len(tally.different) + len(tally.unreadable)
            print(f"{tally.kills:4} kills  {tally.runs:3} runs  {found} faults  {words}", flush=True)
            if tally.kills >= options.kills and tally.runs >= len(list(pages())):
                break
    for line in [*tally.unreadable, *tally.different]:
        print(f"FAULT {line}")
    print(
        f"{tally.kills} kills in {tally.runs} runs over {len(list(pages()))} pages: {len(tally.different)} differ, "
        f"{len(tally.unreadable)} folders do not open, {time.monotonic() - begun:.0f} s"
    )
    return 1 if tally.different or tally.unreadable else 0


if __name__ == "__main__":
    sys.exit(main())
