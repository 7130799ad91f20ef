"""Taking away what somebody named: parts of the cache, and checkpoints of runs that nobody writes.

    last    all checkpoints but the newest sound one
    best:M  all but that and the one with the best value of metric M (best:-M: the lowest)
    none    every weight of a run that is done; its metrics and rollouts stay

A run is locked meanwhile, so that no other process begins to write it. A link is left where it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from straw.cli.clean.holdings import Held, size_of
from straw.errors import ConfigError, RunError
from straw.files import is_file, is_folder
from straw.runs.checkpoints.integrity import newest_sound
from straw.runs.checkpoints.weights import START, STEPS, step_folders, within_run
from straw.runs.files.atomic_write import remove_tree
from straw.runs.files.lock import Lock, is_held
from straw.runs.reading import DONE, best_of, read_checkpoints, run_folder

ASIDE = "aside-step-*"  # set aside when a run went back
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would go of one run."""

    folder: Path
    paths: tuple[Path, ...]
    num_bytes: int
    lost: str


def plan_for(folder: Path, keep: str, say: Say) -> Plan:
    """Which folders of weights go, and what is lost with them; refused where the run could not go on."""
    if not is_folder(folder):
        raise RunError(f"{folder} is a link or no folder, and straw clean follows none: name the run's own folder")
    if is_held(folder):
        raise RunError(f"another process is writing {folder}: wait for it, or end it")
    run_folder(folder)
    if keep == "none":
        return without_weights(folder)
    kept = steps_to_keep(folder, keep, say)
    there = step_folders(folder)
    gone = {step: path for step, path in there.items() if step not in kept}
    aside = [path for path in sorted((folder / STEPS).glob(ASIDE)) if is_folder(path) and within_run(path)]
    paths = (*gone.values(), *aside)
    words = f"checkpoints of steps {listed(gone)}" if gone else "no checkpoint"
    also = f", and {len(aside)} that were set aside" if aside else ""
    lost = f"{words}{also}; kept: {listed(kept)}" + (
        f"; no more straw eval {quote(str(folder))} --at those" * bool(gone)
    )
    return Plan(folder=folder, paths=paths, num_bytes=sum(map(size_of, paths)), lost=lost)


def steps_to_keep(folder: Path, keep: str, say: Say) -> set[int]:
    if keep != "last" and not keep.startswith("best:"):
        raise ConfigError(f"--keep is last, best:METRIC or none; got {keep[:40]!r}. Write for example --keep last.")
    newest = newest_sound(folder, say)
    if newest is None:
        raise RunError(f"{folder} has no sound checkpoint, so nothing of its weights is taken away")
    kept = {int(newest["step"])}
    if keep.startswith("best:"):
        kept.add(int(best_of(read_checkpoints(folder), keep.removeprefix("best:"))["step"]))
    return kept


def without_weights(folder: Path) -> Plan:
    if not is_file(folder / DONE):
        raise RunError(
            f"a run that is not done goes on from its weights, and {folder} is not: write --keep last, or finish it "
            f"with straw resume {quote(str(folder))}"
        )
    paths = tuple(path for path in (folder / STEPS, folder / START) if within_run(path))
    lost = "all weights: it cannot be exported, evaluated, branched or talked to; metrics and rollouts stay"
    return Plan(folder=folder, paths=paths, num_bytes=sum(map(size_of, paths)), lost=lost)


def listed(steps: object) -> str:
    assert isinstance(steps, dict | set)
    found = [str(step) for step in sorted(steps)]
    return ", ".join(found) if len(found) <= 8 else f"{found[0]} to {found[-1]} ({len(found)})"


def free_run(plan: Plan, keep: str, say: Say) -> int:
    """Bytes that were freed. The plan is made again under the lock: the run may have gone on since."""
    lock = Lock(plan.folder)
    try:
        paths = plan_under_lock(plan, keep, say)
        num_bytes = sum(map(size_of, paths))
        for path in paths:
            remove_tree(path)
    finally:
        lock.release()
    return num_bytes


def plan_under_lock(plan: Plan, keep: str, say: Say) -> list[Path]:
    """Of what was planned, that which still may go."""
    kept = set() if keep == "none" else steps_to_keep(plan.folder, keep, say)
    if keep == "none" and not is_file(plan.folder / DONE):
        return []
    spared = {path for step, path in step_folders(plan.folder).items() if step in kept}
    return [path for path in plan.paths if path not in spared and within_run(path)]


def free(part: Held) -> int:
    """Bytes of a part of the cache that were freed."""
    for path in part.paths:
        if is_folder(path):
            remove_tree(path)
        elif is_file(path):
            path.unlink()
    return part.num_bytes - sum(map(size_of, part.paths))
