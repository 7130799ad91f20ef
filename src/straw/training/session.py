"""A whole run: from a page to a run folder, in the order that wastes nothing.

    page -> plan -> free folder? -> model, warm-up -> gates -> run folder -> loop

A page that cannot be run is refused before a model is loaded, and no folder appears before the
engine has passed its gates.
"""

from __future__ import annotations

import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from straw.config import Loaded, dump, with_values
from straw.engines.local.engine import LocalEngine
from straw.errors import RunError
from straw.runs.store import RunFolder, check_is_free, default_path
from straw.training.assemble import Plan, plan_of, sampling_of
from straw.training.gates import check_engine
from straw.training.loop import Loop
from straw.training.start import starting_engine


class Watcher(Protocol):
    """Whoever looks on: a live table, a log, nobody."""

    def say(self, line: str) -> None: ...

    def begin(self, plan: Plan, folder: Path) -> None: ...

    def update(self, step: int, row: dict[str, float]) -> None: ...


@dataclass(frozen=True, slots=True)
class Finished:
    plan: Plan
    folder: Path
    known: dict[str, float]


def run_page(loaded: Loaded, watcher: Watcher, *, name: str | None = None) -> Finished:
    """Train, and leave a run folder."""
    plan = plan_of(loaded)
    path = Path(plan.page.run.run_dir or default_path(name or run_name(plan)))
    check_is_free(path)
    with starting_engine(plan, watcher.say) as engine:
        sampling = sampling_of(plan, engine.chat)
        page = with_values(plan.page, {"max_tokens": sampling.max_tokens, "run_dir": str(path)})
        plan = replace(plan, page=page)
        checked = check_engine(engine, plan.task, sampling, page.model.dtype)
        watcher.say(f"gates passed: sampler and trainer {checked.gap:.1e} nats apart, an update moves both")
        check_room(path, engine, 1 + int(page.run.n_batches or 0) // (page.run.save_every or sys.maxsize))
        parents = [parent for parent in path.absolute().parents if not parent.exists()]
        with RunFolder.create(path, dump(page)) as folder:
            watcher.begin(plan, folder.path)
            loop = Loop(plan, engine, sampling, folder, watcher.update)
            try:
                known = loop.run()
            except RunError:
                if loop.state.step <= 1:
                    take_back(folder.path, parents)
                raise
    return Finished(plan, folder.path, known)


def check_room(path: Path, engine: LocalEngine, num_checkpoints: int) -> None:
    """A checkpoint is the weights that train and two moments for each."""
    needed = 3 * num_checkpoints * sum(p.numel() * p.element_size() for p in engine.trained.values())
    place = next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())
    if (free := shutil.disk_usage(place).free) < needed:
        raise RunError(
            f"a run needs room for its checkpoints, {needed / 1e6:,.1f} MB, and the disk of {path} has "
            f"{free / 1e6:,.1f} MB left: free some, or choose another run_dir"
        )


def take_back(folder: Path, parents: list[Path]) -> None:
    """A disk that is full at the first step leaves no folder: nothing was learned that could be lost."""
    shutil.rmtree(folder, ignore_errors=True)
    for parent in parents:  # innermost first
        with suppress(OSError):
            parent.rmdir()


def run_name(plan: Plan) -> str:
    page = plan.page
    method = "sft" if plan.is_sft else page.channel
    return f"{plan.task.name}-N{page.task.N}-{method}"
