"""Where a run starts: a fresh copy of the model, warmed up, perhaps with adapters on it.

A warm-up is kept in straw's cache under the hash of everything that made it (the model's own bytes,
the task's prompts, the settings), never of the secret, so one warm-up serves all secrets and
channels. A checkpoint given by path takes its place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol, TypeVar

from straw.cache_dir import cache_folder
from straw.config import Page
from straw.config.sections import WarmUp
from straw.engines.base import Engine
from straw.engines.local.adapters.lora import chosen_layers
from straw.engines.local.build import load_engine, with_adapters
from straw.engines.local.engine import LocalEngine
from straw.engines.local.models.folder import first_line
from straw.errors import RunError, StrawError, TrainingError
from straw.files import MIB, parse_json, read_file
from straw.registry import find
from straw.runs.files.atomic_write import remove_abandoned, remove_tree, whole_folder
from straw.runs.reading import CONFIG, read_checkpoints
from straw.tasks.base import Enumerable, Task, World
from straw.text.chat.chat import Chat
from straw.training.checks.data import check_data, without_skipped
from straw.training.plan import Plan
from straw.training.resolve.page_to_plan import sampling_of
from straw.training.warmup.frozen_head import reach
from straw.training.warmup.imitation import Imitation
from straw.training.warmup.random_calls import RandomCalls
from straw.training.warmup.reading import MOST, Reading
from straw.training.warmup.uniform import Goal

Say = Callable[[str], None]
FOUND = "found.json"
TINKER = "tinker://"
Found = TypeVar("Found")  # what a measurement of a warm-up says: a dataclass with a line()


class Course(Protocol[Found]):
    """A kind of warm-up: what it teaches until which goal is met."""

    def teach(self, engine: Engine, task: Task, say: Say) -> Found: ...
    def is_met(self, found: Found) -> bool: ...
    def recalled(self, record: Mapping[str, Any]) -> Found:
        """What an earlier one found, from JSON."""

    def complaint(self, found: Found) -> str: ...
    def made_of(self, chat: Chat, task: Task) -> tuple[object, ...]:
        """All that decides what it makes, but for the model."""


def course_of(plan: Plan, chat: Chat) -> Course[Any]:
    """Near-uniform answers where they can be listed, else imitation up to an accuracy."""
    warmup = plan.page.warmup
    if isinstance(plan.task, World):
        return RandomCalls(
            well_formed=float(warmup.warmup_accuracy or 0), max_steps=warmup.warmup_steps,
            learning_rate=float(warmup.warmup_learning_rate or 0), rows=warmup.warmup_batch,
            sampling=sampling_of(plan, chat),
        )  # fmt: skip
    if warmup.warmup_accuracy is None:
        return replace(goal_of(plan.page.warmup), reading=reading_of(plan))
    return Imitation(
        accuracy=warmup.warmup_accuracy,
        max_steps=warmup.warmup_steps,
        learning_rate=float(warmup.warmup_learning_rate or 0),
        rows=warmup.warmup_batch,
        sampling=sampling_of(plan, chat),
    )


def reading_of(plan: Plan) -> Reading | None:
    """For a learner that reads, where the model is made here and knows no word yet."""
    reads = plan.row.learner is not None and getattr(find("learners", plan.row.learner), "reads_words", False)
    is_wanted = reads and plan.channel.speaks and plan.page.model.is_embedded
    return Reading(plan.channel) if is_wanted and (plan.page.task.space or 0) <= MOST else None


def goal_of(warmup: WarmUp) -> Goal:
    return Goal(
        mass=float(warmup.warmup_mass or 0),
        distance=float(warmup.warmup_distance or 0),
        max_steps=warmup.warmup_steps,
        learning_rate=float(warmup.warmup_learning_rate or 0),
        rows=warmup.warmup_batch,
    )


def starting_engine(plan: Plan, say: Say) -> LocalEngine:
    """The engine that the run trains, at version 0 and with an empty optimiser."""
    page = plan.page
    checkpoint = checkpoint_of(page)
    engine = load_engine(page)
    plan = checked(plan, engine, say)
    if checkpoint is None:
        return prepared(engine, plan, say)
    return taken_from(checkpoint, engine, plan, say)


def checked(plan: Plan, engine: LocalEngine, say: Say) -> Plan:
    """What these refuse is refused before a warm-up takes minutes; the plan without the problems that are skipped."""
    sampling = sampling_of(plan, engine.chat)
    check_data(plan, engine.chat, sampling, engine.room, say)
    chosen_layers(engine.model, plan.page.model.lora_targets)
    return without_skipped(plan, engine.chat)


def taken_from(checkpoint: Path, engine: LocalEngine, plan: Plan, say: Say, *, dry: bool = False) -> LocalEngine:
    """The engine with the weights of a checkpoint; `dry`: to see whether they fit, so without a warm-up below them."""
    page = plan.page
    if not (checkpoint / "adapter").is_dir():  # all weights: they go beneath new adapters
        engine.load(checkpoint, optimizer=False)
        return with_adapters(engine, page.model)
    engine = prepared(engine, plan, say) if page.model.is_embedded and not dry else with_adapters(engine, page.model)
    engine.load(checkpoint, optimizer=False)
    return engine


def checkpoint_of(page: Page) -> Path | None:
    if not page.model.from_checkpoint:
        return None
    if page.model.from_checkpoint.startswith(TINKER):
        raise RunError(
            f"{page.model.from_checkpoint} lies with the Tinker service, and this machine cannot read it from there: "
            "write engine=tinker, or give a folder with weights.safetensors, such as "
            "runs/first/checkpoints/step-000100"
        )
    folder = Path(page.model.from_checkpoint).expanduser()
    if not (folder / "weights.safetensors").is_file():
        example = "runs/first/checkpoints/step-000100"
        if (folder / CONFIG).is_file():
            example = next((str(folder / row["folder"]) for row in read_checkpoints(folder)[-1:]), example)
        raise RunError(
            f"from_checkpoint names a folder with weights.safetensors, and {folder} has none: give for example "
            f"{example}"
        )
    return folder


def prepared(engine: LocalEngine, plan: Plan, say: Say) -> LocalEngine:
    """Warmed up and with adapters; a model that can talk already warms up nothing but the adapters."""
    page = plan.page
    if page.warmup.warmup == "none":
        return with_adapters(engine, page.model)
    if page.model.is_embedded:
        engine = with_adapters(warmed_up(engine, plan, say), page.model)
        tell_reach(engine, plan.task, say)
        return engine
    return warmed_up(with_adapters(engine, page.model), plan, say)


def tell_reach(engine: LocalEngine, task: Task, say: Say) -> None:
    """What no adapter can learn is said before anybody waits for it."""
    if engine.adapters is not None and isinstance(task, Enumerable):
        found = reach(engine, task)
        if found.within < found.answers:
            say(found.line())


def warmed_up(engine: LocalEngine, plan: Plan, say: Say) -> LocalEngine:
    """The engine with a warm-up that passes, from the cache or made now."""
    course = course_of(plan, engine.chat)
    folder = cache_folder() / "warmups" / fingerprint(engine, plan, course)
    remove_abandoned(folder.parent)
    found = None if plan.page.warmup.warmup == "force" else kept(folder, course)
    if found is not None and loads(engine, folder, say):
        say(f"{found.line()} (from the cache)")
        return engine
    try:
        found = course.teach(engine, plan.task, say)
    except TrainingError as error:
        raise TrainingError(f"the warm-up broke, {error}. Try a smaller warmup_learning_rate.") from error
    if not course.is_met(found):
        raise TrainingError(course.complaint(found))
    keep(engine, found, folder, say)
    # no trace but the weights
    return LocalEngine(engine.model, engine.chat, engine.settings, adapters=engine.adapters, is_made=engine.is_made)


def kept(folder: Path, course: Course[Found]) -> Found | None:
    """What a warm-up in the cache reached, if there is one and it is good enough."""
    try:
        found = course.recalled(parse_json(read_file(folder / FOUND, MIB)))
        return found if course.is_met(found) else None
    except (OSError, ValueError, TypeError):
        return None


def loads(engine: LocalEngine, folder: Path, say: Say) -> bool:
    try:
        engine.load(folder, optimizer=False)
    except StrawError as error:
        say(f"the warm-up in the cache cannot be used and is done again: {error}")
        return False
    return True


def keep(engine: LocalEngine, found: Any, folder: Path, say: Say) -> None:
    """A run goes on when its warm-up cannot be kept. Two may warm up the same model at once: either will do."""
    try:
        with whole_folder(folder) as staging:
            engine.save(staging, optimizer=False)
            (staging / FOUND).write_text(json.dumps(asdict(found)))
            remove_tree(folder)  # an older one was not good enough
    except RunError as error:
        if not (folder / FOUND).is_file():
            reason = first_line(error.__cause__ or error)
            say(f"the warm-up is not kept for the next run, {folder.parent} cannot take it ({reason})")


def fingerprint(engine: LocalEngine, plan: Plan, course: Course[Any]) -> str:
    """A hash of all that decides what the warm-up makes."""
    digest, model = blake2b(digest_size=12), plan.page.model
    adapters = (model.lora_alpha, model.lora_targets) if engine.adapters is not None else ()
    digest.update(repr((*course.made_of(engine.chat, plan.task), model.dtype, adapters)).encode())
    for name, parameter in engine.model.state_dict().items():
        digest.update(name.encode())
        digest.update(parameter.detach().cpu().contiguous().view(-1).numpy().data)
    return digest.hexdigest()
