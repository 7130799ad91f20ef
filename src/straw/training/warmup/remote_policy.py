"""Where a run starts whose model is somewhere else: adapters that are fresh, warmed up, or those of a checkpoint.

A warm-up on a service costs money, so its result is kept: the service has the weights, and straw's cache their name,
under the hash of all that decided what they are. One warm-up serves all secrets and channels, as it does here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import blake2b
from json import dumps
from pathlib import Path
from typing import Any

from straw.cache_dir import cache_folder
from straw.engines.base import Engine
from straw.errors import StrawError, TrainingError
from straw.runs.files.atomic_write import remove_tree, whole_folder
from straw.training.checks.data import check_data, without_skipped
from straw.training.plan import Plan
from straw.training.resolve.page_to_plan import sampling_of
from straw.training.warmup.initial_policy import FOUND, Course, Say, course_of, kept


@contextmanager
def starting_elsewhere(kind: Any, plan: Plan, run: Path | None, say: Say) -> Iterator[Engine]:
    """`kind`: the class of an engine that has a model of its own; `run`: the folder of one that goes on."""
    with kind.opened(plan.page, run, say) as engine:
        if run is None:
            check_data(plan, engine.chat, sampling_of(plan, engine.chat), engine.room, say)
            if plan.page.warmup.warmup != "none" and not plan.page.model.from_checkpoint:
                warm_up(engine, without_skipped(plan, engine.chat), say)
        yield engine


def warm_up(engine: Engine, plan: Plan, say: Say) -> None:
    """The engine at version 0, behind a warm-up that passes: one that the service still has, or one made now."""
    course = course_of(plan, engine.chat)
    folder = cache_folder() / "warmups" / fingerprint(engine, plan, course)
    found = None if plan.page.warmup.warmup == "force" else kept(folder, course)
    if found is not None and loads(engine, folder, say):
        say(f"{found.line()} (the service has kept it)")
        return
    try:
        found = course.teach(engine, plan.task, say)
    except TrainingError as error:
        raise TrainingError(f"the warm-up broke, {error}. Try a smaller warmup_learning_rate.") from error
    if not course.is_met(found):
        raise TrainingError(course.complaint(found))
    with whole_folder(folder) as staging:
        engine.save(staging, optimizer=False)
        (staging / FOUND).write_text(dumps(asdict(found)))
        remove_tree(folder)  # an older one was not good enough
    engine.load(folder, optimizer=False)


def loads(engine: Engine, folder: Path, say: Say) -> bool:
    try:
        engine.load(folder, optimizer=False)
    except StrawError as error:
        say(f"the warm-up that was kept cannot be used and is done again: {error}")
        return False
    return True


def fingerprint(engine: Engine, plan: Plan, course: Course[Any]) -> str:
    """A hash of all that decides what the warm-up makes, and of where it lies."""
    page = plan.page
    where = (page.engine.base_url, page.engine.train_unembed)
    what = (page.model.model_name, page.model.lora_rank, page.model.model_seed)
    return blake2b(repr((where, what, course.made_of(engine.chat, plan.task))).encode(), digest_size=12).hexdigest()
