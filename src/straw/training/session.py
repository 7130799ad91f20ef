"""A whole run: from a page to a run folder, in the order that wastes nothing.

    run_page       page -> plan -> free folder? -> model, warm-up -> gates -> run folder -> loop
    resume_run     folder -> its page -> newest sound checkpoint -> start, checkpoint -> gates -> loop
    continue_page  whichever of the two it takes, for a page that names its run_dir

A page that cannot be run is refused before a model is loaded, and no folder appears before the
engine has passed its gates.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

from straw.config import Loaded, Page, dump, with_values
from straw.engines.base import Engine, SamplingParams
from straw.engines.local.build import save_start
from straw.engines.monarch.processes.namespace import prepare_for
from straw.errors import ConfigError, EngineLost, RunError
from straw.runs.about import processor, versions
from straw.runs.checkpoints.config_match import check_is_same, page_to_run
from straw.runs.checkpoints.integrity import check_may_begin_again, newest_sound
from straw.runs.files.jsonl import read_lines
from straw.runs.kept_code import files_of, keep_code
from straw.runs.kept_data import keep_rows
from straw.runs.reading import CONFIG, METRICS, START, UNDECLARED, read_about, read_done, run_folder
from straw.runs.store import RunFolder, check_is_free, default_path
from straw.runs.tracking.tracker import check_tracker, tracker_for
from straw.training.checks.data import without_skipped
from straw.training.checks.gates_once import GatesOnce
from straw.training.checks.preflight import run_gates
from straw.training.engine_factory import crew
from straw.training.learners.registry import check_verbs
from straw.training.loop import Loop
from straw.training.monitor.callbacks import Watcher
from straw.training.monitor.measure_step import has_enough
from straw.training.monitor.verdict import NAME as WORSE
from straw.training.monitor.verdict import worse_than_start
from straw.training.plan import Plan
from straw.training.resolve.page_to_plan import plan_of, sampling_of

RESTARTS = 3  # of a run whose trainer was lost


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that came to its end, or to where somebody asked it to stop."""

    plan: Plan
    folder: Path
    known: dict[str, float]
    steps: int
    complaint: str | None = None  # where it is done and worse than at its start
    is_over: bool = False  # before its last step, for want of anything better
    redrawn: int = 0  # episodes beside those of its steps

    @property
    def is_done(self) -> bool:
        run = self.plan.page.run
        return self.is_over or self.steps == run.n_batches or has_enough(run, self.known)

    @property
    def episodes(self) -> int:
        return self.steps * self.plan.episodes_per_step + self.redrawn


def run_page(loaded: Loaded, watcher: Watcher, *, name: str | None = None, once: GatesOnce | None = None) -> Finished:
    """Train, and leave a run folder. `once`: what the gates of earlier runs of this process found."""
    prepare_for(loaded.page.engine)
    plan = plan_of(loaded)
    path = Path(plan.page.run.run_dir or default_path(name or run_name(plan)))
    check_is_free(path)
    return persistently(lambda: begin(plan, path, watcher, once), path, watcher, plan.page.model.trust_remote_code)


def resume_run(path: str | Path, watcher: Watcher, *, trusts: bool = False) -> Finished:
    """Go on where a run stopped; every later line and weight is that of a run that never did.

    `trusts`: whether the code that came with its model may run, whatever was said when it began.
    """
    return persistently(lambda: go_on(Path(path), watcher, trusts), Path(path), watcher, trusts)


def persistently(work: Callable[[], Finished], path: Path, watcher: Watcher, trusts: bool) -> Finished:
    """A trainer that is lost costs what came behind the newest checkpoint, and some patience."""
    for _ in range(RESTARTS):
        try:
            return work()
        except EngineLost as error:
            if not (path / CONFIG).is_file():
                raise
            watcher.say(f"{error}; the run goes on from its newest checkpoint")
            work = partial(go_on, path, watcher, trusts)
    return work()


def begin(plan: Plan, path: Path, watcher: Watcher, once: GatesOnce | None = None) -> Finished:
    check_tracker(plan.page.run.track)
    for note in plan.notes:
        watcher.say(note)
    with crew(plan, watcher.say) as engine:
        plan = without_skipped(plan, engine.chat)
        sampling = sampling_of(plan, engine.chat)
        plan = settled(plan, sampling, path)
        check_verbs(plan, engine)
        page, found = plan.page, pass_gates(plan, engine, sampling, watcher, once)
        check_room(path, engine, page)
        parents = [parent for parent in path.absolute().parents if not parent.exists()]
        written = dump(page, plan.origins)
        with RunFolder.create(path, written, partial(first_files, engine, page)) as folder:
            engine.start_is_in(folder.path / START)
            loop = Loop(plan, engine, sampling, folder, watcher)
            try:
                folder.write_event("started", 0)
                folder.write_event("gates", 0, found=found)
                return worked(loop)
            except RunError:
                if loop.state.step <= 1:
                    take_back(folder.path, parents)
                raise


def settled(plan: Plan, sampling: SamplingParams, path: Path) -> Plan:
    """What is only known now: how long a completion may be, and where the run lies."""
    origins = dict(plan.origins)
    if plan.page.sampling.max_tokens is None:
        origins["max_tokens"] = "longest answer"
    if plan.page.run.run_dir is None:
        origins["run_dir"] = "a new one"
    page = with_values(plan.page, {"max_tokens": sampling.max_tokens, "run_dir": str(path)})
    return replace(plan, page=page, origins=origins)


def told_of(plan: Plan) -> str:
    """What the reward declares of itself."""
    channel = plan.channel
    if channel.levels is not None:
        return f"{channel.levels} levels"
    return "declared range" if isfinite(channel.highest - channel.lowest) else UNDECLARED


def first_files(engine: Engine, page: Page, staging: Path) -> None:
    """What a run folder has from its first moment."""
    save_start(engine, staging / START)
    keep_code(files_of(page), staging)
    keep_rows(dump(page), staging)


def go_on(path: Path, watcher: Watcher, trusts: bool) -> Finished:
    with RunFolder.open(path) as folder:
        page = page_to_run(folder.path, trusts=trusts)
        plan = plan_of(Loaded(page, frozenset(names_of(page))))
        prepare_for(plan.page.engine)
        if done := read_done(folder.path):
            watcher.say(f"{folder.path} is done, nothing is left to do")
            redrawn = done["episodes"] - done["steps"] * plan.episodes_per_step
            return Finished(plan, folder.path, done["known"], done["steps"], is_over=True, redrawn=redrawn)
        check_tracker(plan.page.run.track)
        checkpoint, changed = newest_sound(folder.path, watcher.say), changed_since(folder.path)
        if not checkpoint and (again := check_may_begin_again(folder.path, changed)):
            watcher.say(f"no checkpoint was written yet: the first {again} steps are done again, and come out the same")
        with crew(plan, watcher.say, folder.path) as engine:
            plan = without_skipped(plan, engine.chat)
            engine.start_is_in(folder.path / START)
            sampling = sampling_of(plan, engine.chat)
            found = pass_gates(plan, engine, sampling, watcher)
            loop = Loop(plan, engine, sampling, folder, watcher)
            if checkpoint:
                loop.resume(folder.path / checkpoint["folder"])
            folder.rewind(checkpoint)
            watcher.say(f"going on from step {loop.state.step} of {folder.path}")
            if changed:
                watcher.say(f"the bits may differ from here on, changed since it began: {listed(changed)}")
            folder.write_event("resumed", loop.state.step, versions_changed=changed)
            folder.write_event("gates", loop.state.step, found=found)
            return worked(loop)


def continue_page(loaded: Loaded, watcher: Watcher, once: GatesOnce | None = None) -> Finished:
    """The run of this page in its run_dir: begun, taken up again, or found done."""
    path = loaded.page.run.run_dir
    if path is None:
        raise ConfigError("to resume is to go on in a folder, and none is named: write run_dir=runs/mine")
    if not (Path(path).expanduser() / CONFIG).is_file():
        return run_page(loaded, watcher, once=once)
    check_is_same(plan_of(loaded).page, run_folder(path))
    return resume_run(path, watcher, trusts=loaded.page.model.trust_remote_code)


def worked(loop: Loop) -> Finished:
    """All steps of the loop; the folder learns how they ended."""
    folder, plan = loop.folder, loop.plan
    loop.watcher.begin(plan, folder.path)
    loop.watcher.look_at(loop.engine.facts)
    loop.engine.listen(lambda event, **facts: folder.write_event(event, loop.state.step, **facts))
    loop.engine.keep_log(folder.path)
    folder.note(ceiling_bits=plan.ceiling_bits, reward=told_of(plan))
    with writing_failures(loop), tracking(loop):
        known = loop.run()
        if facts := loop.engine.facts():
            folder.write_event("engine", loop.state.step, **facts)
        finished = Finished(
            plan, folder.path, known, loop.state.step, is_over=loop.state.patience.is_over,
            redrawn=loop.state.redrawn,
        )  # fmt: skip
        if finished.is_done:
            finished = replace(finished, complaint=complaint_of(loop, known))
            folder.write_event("finished", loop.state.step)
            folder.write_done(last_word(loop, known))
            keep_no_more(folder, plan.page)
        else:
            folder.write_event("stopped", loop.state.step)
    return finished


def keep_no_more(folder: RunFolder, page: Page) -> None:
    """Than the page asks for, of a run that is done."""
    if not page.run.keep_weights:
        folder.drop_weights()
    elif not page.run.keep_optimizer:
        folder.drop_optimizer()


def complaint_of(loop: Loop, known: dict[str, float]) -> str | None:
    """What is wrong with a run that is done, as its last alarm."""
    first = next(read_lines(loop.folder.path / METRICS), {})  # none where somebody changed what stood there before
    line = worse_than_start(loop.plan, first, known)
    if line is None or WORSE in loop.page.run.silence:
        return None
    loop.folder.write_event("alarm", loop.state.step, name=WORSE, advice=line)
    return line


@contextmanager
def tracking(loop: Loop) -> Iterator[None]:
    """The page's tracker, brought up to date and closed in any case."""
    loop.tracker, failed = tracker_for(loop.page, loop.folder, loop.watcher.say), True
    try:
        yield
        failed = False
    finally:
        loop.tracker.close(failed)


@contextmanager
def writing_failures(loop: Loop) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        with suppress(RunError):  # a full disk keeps no last word
            event = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
            loop.folder.write_event(event, loop.state.step, error=f"{type(error).__name__}: {error}")
        raise


def last_word(loop: Loop, known: dict[str, float]) -> dict[str, Any]:
    return {
        "steps": loop.state.step,
        "episodes": loop.episodes,
        "known": known,
        "wall_s": round(loop.time_s, 3),
        "cpu_s": round(loop.cpu_s, 3),
        "finished": round(time.time(), 3),
    }


def pass_gates(
    plan: Plan, engine: Engine, sampling: SamplingParams, watcher: Watcher, once: GatesOnce | None = None
) -> dict[str, str]:
    """What each found; one that is silenced is absent."""
    return {one.name: one.finding for one in run_gates(plan, engine, sampling, watcher.say, once)}


def names_of(page: Page) -> list[str]:
    """Every option: a page that ran leaves nothing open."""
    return [name for body in vars(page).values() for name in vars(body)]


def changed_since(folder: Path) -> dict[str, str]:
    """The run began: its bits are promised for the same versions and processor only."""
    about = read_about(folder)
    before = {**about.get("versions", {}), "processor": about.get("machine", {}).get("processor")}
    now = {**versions(), "processor": processor()}
    return {name: f"{old} -> {now.get(name)}" for name, old in before.items() if old and old != now.get(name)}


def listed(changed: dict[str, str]) -> str:
    return ", ".join(f"{name} {change}" for name, change in changed.items())


def check_room(path: Path, engine: Engine, page: Page) -> None:
    """The start, and for each checkpoint the weights that train and two moments for each."""
    run = page.run
    steps = int(run.n_batches or 0)
    saved = 1 + steps // (run.save_every or steps + 1)
    held = min(saved, run.keep_last + 1) if run.keep_last else saved  # an old one leaves when the new one is whole
    needed = (1 + 3 * held) * engine.trained_bytes
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
    method = "sft" if plan.is_sft else plan.channel.name
    return f"{plan.task.name}{page.task.label}-{method}"
