"""Whose weights an evaluation asks: a model by its name, a run, or every checkpoint of one.

    model=smollm2, a folder, an adapter folder, org/name      one subject
    a run folder                                              its newest sound checkpoint, or --at 100, best:METRIC
    a run folder, with --checkpoints                          its start and all of its checkpoints, in their order

The task and the model's options come from the page; a run brings its own page, and with it its task, unless another
task is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from shlex import quote

import torch

from straw.config import Loaded, Page, load_page
from straw.engines.local.build import load_engine, starting_again
from straw.engines.local.engine import LocalEngine
from straw.engines.tinker.download.here import engine_here, is_elsewhere
from straw.errors import ConfigError, RunError
from straw.runs.checkpoints.config_match import page_of, page_to_run
from straw.runs.checkpoints.integrity import Say, check_has_weights, checkpoint_named, is_sound
from straw.runs.kept_code import kept_code
from straw.runs.reading import CONFIG, START, read_checkpoints, spelled_out
from straw.tasks.base import Task
from straw.training.resolve.device import on_this_machine
from straw.training.resolve.page_to_plan import task_of as made_task


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Weights with a name."""

    name: str
    step: int | None
    engine: LocalEngine

    @property
    def title(self) -> str:
        return self.name if self.step is None else f"{self.name} step {self.step}"


def run_behind(name: str | None) -> Path | None:
    """The run folder that a name stands for, if it does."""
    folder = spelled_out(name) if name else None
    return folder if folder is not None and (folder / CONFIG).is_file() else None


def evaluated_page(page: str | Path | None, overrides: Mapping[str, str], run: Path | None) -> Page:
    """The page of an evaluation: a run's own, with another task where one is named."""
    words = {name: value for name, value in overrides.items() if run is None or name != "model_name"}
    if run is None:
        if "model_name" not in words and page is None:
            raise ConfigError("an evaluation needs a model: write model=NAME, a model folder, or a run's folder")
        return closed(load_page(page, words))
    begun = page_of(run)
    if page is None and words.get("kind", begun.task.kind) == begun.task.kind:
        return load_page(run / CONFIG, other_data(words), code=kept_code(run)).page
    other = load_page(page, words)
    begun = page_to_run(run, trusts=other.page.model.trust_remote_code)
    named = {name: getattr(other.page.model, name) for name in vars(begun.model) if name in other.named}
    page_asked = closed(other)
    heat = page_asked.run.eval_temperature if "eval_temperature" in other.named else begun.run.eval_temperature
    return replace(
        page_asked, model=replace(begun.model, **named), sampling=begun.sampling,
        run=replace(page_asked.run, eval_temperature=heat),
    )  # fmt: skip


def other_data(words: Mapping[str, str]) -> dict[str, str]:
    """Who names other data than the run's asks that data: neither the run's eval_path nor its path goes before it."""
    mine = dict(words)
    if "path" in words or "hub" in words:
        mine.setdefault("eval_path", "none")
        mine.setdefault("path", "none")
    return mine


def closed(loaded: Loaded) -> Page:
    """What a page leaves open, as for training, as far as an evaluation needs it."""
    defaults = loaded.page.task.defaults(loaded.page)
    return on_this_machine(loaded.with_defaults(defaults | {"max_tokens": loaded.page.sampling.max_tokens}))


def task_of(page: Page) -> Task:
    task = made_task(page)
    if task.max_turns > 1:
        raise ConfigError("an evaluation asks problems of one reply; a game of several turns has none")
    return task


def subjects(page: Page, run: Path | None, *, at: str | None, every: bool, say: Say) -> Iterator[Subject]:
    """One after the other, in one engine: a subject is to be used before the next is taken."""
    if run is None:
        if at or every:
            raise ConfigError(
                f"--at and --checkpoints choose among a run's checkpoints, and {page.model.model_name!r} is no run: "
                "name a run folder"
            )
        yield Subject(name=page.model.model_name, step=None, engine=load_engine(page))
        return
    check_has_weights(run)
    if is_elsewhere(page):
        yield from fetched(page, run, at, every, say)
        return
    engine = starting_again(page, run)
    if every:
        yield Subject(name=run.name, step=0, engine=engine)
    for folder, step in chosen(run, at, every, say):
        engine.load(folder, optimizer=False)
        yield Subject(name=run.name, step=step, engine=engine)


def fetched(page: Page, run: Path, at: str | None, every: bool, say: Say) -> Iterator[Subject]:
    """Of a run whose weights lie with a service: each in an engine of its own."""
    for folder, step in ([(run / START, 0)] if every else []) + list(chosen(run, at, every, say)):
        yield Subject(name=run.name, step=step, engine=engine_here(on_this_machine(page), folder, say))


def chosen(run: Path, at: str | None, every: bool, say: Say) -> Iterator[tuple[Path, int]]:
    if at == "0":
        yield run / START, 0
    elif not every:
        row = checkpoint_named(run, at or "last", say)
        yield run / row["folder"], int(row["step"])
    elif at is not None:
        raise ConfigError(f"--checkpoints takes all of them; got --at {at} too. Leave one of them out.")
    else:
        rows = [row for row in read_checkpoints(run) if is_sound(run, row)]
        if not rows:
            raise RunError(f"{run} has no sound checkpoint yet: let it go on with straw resume {quote(str(run))}")
        yield from ((run / row["folder"], int(row["step"])) for row in rows)


def weights_hash(engine: LocalEngine) -> str:
    """What the weights are, wherever they came from."""
    digest = blake2b(digest_size=12)
    for name, parameter in engine.model.state_dict().items():
        digest.update(name.encode())
        digest.update(parameter.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
