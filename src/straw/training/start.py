"""Where a run starts: a fresh copy of the model, warmed up, perhaps with adapters on it.

A warm-up is kept in straw's cache under the hash of everything that made it (the model's own bytes,
the task's prompts, the settings), never of the secret, so one warm-up serves all secrets and
channels. A checkpoint given by path takes its place.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from hashlib import blake2b
from pathlib import Path

from straw.config import Page
from straw.engines.local.embedded import SHAPES
from straw.engines.local.engine import LocalEngine
from straw.engines.local.model_store import cache_folder
from straw.errors import RunError, TrainingError
from straw.runs.whole import whole_folder
from straw.tasks.base import Task
from straw.training.assemble import Plan, load_engine, with_adapters
from straw.training.warmup import RECIPE, Found, Goal, warm_up

Say = Callable[[str], None]


def goal_of(page: Page) -> Goal:
    ours = page.warmup
    return Goal(
        mass=float(ours.warmup_mass or 0),
        distance=float(ours.warmup_distance or 0),
        max_steps=ours.warmup_steps,
        learning_rate=float(ours.warmup_learning_rate or 0),
        rows=ours.warmup_batch,
    )


def starting_engine(plan: Plan, say: Say) -> LocalEngine:
    """The engine that the run trains, at version 0 and with an empty optimiser."""
    page = plan.page
    engine = load_engine(page)
    if page.model.from_checkpoint:
        return from_checkpoint(engine, page, Path(page.model.from_checkpoint).expanduser())
    adapters_first = page.model.model_name not in SHAPES  # a model that can talk warms up what the run trains
    if adapters_first:
        engine = with_adapters(engine, page)
    if page.warmup.warmup != "none":
        engine.load(warmed_up(engine, plan, say), optimizer=False)
    return engine if adapters_first else with_adapters(engine, page)


def from_checkpoint(engine: LocalEngine, page: Page, folder: Path) -> LocalEngine:
    """Weights of a full checkpoint go beneath new adapters, adapters go on top."""
    if not (folder / "weights.safetensors").is_file():
        raise RunError(
            f"from_checkpoint names a folder with weights.safetensors, and {folder} has none: "
            "give for example runs/first/checkpoints/step-000100"
        )
    if (folder / "adapter").is_dir():
        engine = with_adapters(engine, page)
        engine.load(folder, optimizer=False)
        return engine
    engine.load(folder, optimizer=False)
    return with_adapters(engine, page)


def warmed_up(engine: LocalEngine, plan: Plan, say: Say) -> Path:
    """The folder of a warm-up that passes, from the cache or made now."""
    goal = goal_of(plan.page)
    folder = cache_folder() / "warmups" / fingerprint(engine, plan, goal)
    if (folder / "found.json").is_file() and plan.page.warmup.warmup != "force":
        found = Found(**json.loads((folder / "found.json").read_text()))
        if found.passes(goal):
            say(f"{found.line()} (from the cache)")
            return folder
    found = warm_up(engine, plan.task, goal, say)
    if not found.passes(goal):
        raise TrainingError(
            f"a warm-up has to reach valid mass {goal.mass}, distance {goal.distance} and cross-talk {goal.cross_talk}; "
            f"got {found.line()}. Allow more with warmup_distance or warmup_steps, or write warmup=none."
        )
    keep(engine, found, folder)
    return folder


def keep(engine: LocalEngine, found: Found, folder: Path) -> None:
    """Two runs may warm up the same model at once: the second finds the folder taken, which is as good."""
    try:
        with whole_folder(folder) as staging:
            engine.save(staging)
            (staging / "optimizer.safetensors").unlink()
            (staging / "found.json").write_text(json.dumps(asdict(found)))
    except RunError:
        if not (folder / "found.json").is_file():
            raise


def fingerprint(engine: LocalEngine, plan: Plan, goal: Goal) -> str:
    """A hash of all that decides what the warm-up makes; not of how good it has to be."""
    digest = blake2b(digest_size=12)
    problems = [plan.task.problem(index).messages for index in range(plan.task.num_problems or 1)]
    settings = replace(goal, mass=0.0, distance=0.0, cross_talk=0.0)
    digest.update(repr((RECIPE, problems, plan.task.space, settings, plan.page.model.dtype)).encode())
    for name, parameter in engine.model.state_dict().items():
        digest.update(name.encode())
        digest.update(parameter.detach().cpu().contiguous().view(-1).numpy().data)
    return digest.hexdigest()
