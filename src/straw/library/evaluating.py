"""Evaluate from Python, and the work behind `straw eval`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from straw import outside
from straw.config import Evaluation, Page
from straw.config.evaluation import OPTIONS
from straw.config.values import read_value
from straw.evaluation.evaluate import Evaluated, asking
from straw.evaluation.evaluate import evaluate as judged
from straw.evaluation.subjects import evaluated_page, run_behind, subjects, task_of
from straw.library.objects import HandedIn
from straw.library.pages import first_words, model_options, owners_of, said_in
from straw.library.run import Run
from straw.tasks.base import Task
from straw.text.shown.say import say

PAUSE_S = 5.0
Say = Callable[[str], None]


def evaluate(
    what: Any = None, *, model: Any = None, tokenizer: Any = None,
    grader: str | Callable[..., Any] | Sequence[str | Callable[..., Any]] = (), at: int | str | None = None,
    out: str | PathLike[str] | None = None, quiet: bool = False, trust_code: str = "", **options: Any,
) -> Evaluated:  # fmt: skip
    """Ask a model problems, keep every reply, and let one grader or several judge the same replies.

    `what` is a task, a data set or a page as for `straw.train`, or a run, whose own task is asked. `model` is a name, a
    folder, a transformers model with its `tokenizer`, or a run: its newest checkpoint, or that of step `at`, or
    at="best:accuracy". Of the options num_problems, num_samples, temperature, max_tokens, split and seed are the
    evaluation's, all others a page's. The same call goes on where an evaluation stopped.

    >>> run = straw.train("sum_digits", model="tiny-0.2M", warmup="none", eval_samples=2, n_batches=1, quiet=True)
    >>> found = straw.evaluate(run, num_problems=4, max_tokens=2, quiet=True)
    >>> found.result["num_problems"], found.accuracy
    (4, {'own': 0.0})
    """
    outside.trust_marks(mark for mark in trust_code.split(",") if mark)
    hand, asked = HandedIn(), run_of(what)
    run = asked or run_of(model)
    path, said = (None, {}) if asked else first_words(what, hand)
    ours = {name: options.pop(name) for name in list(options) if name in OPTIONS and name != "grader"}
    options |= {} if isinstance(model, Run) else model_options(model, tokenizer)
    owners = owners_of(path, said, options, hand)
    hand.things.update(run.handed if run is not None else {})
    names = [one if isinstance(one, str) else hand.name_of("graders", one) for one in several(grader)]
    hand.use()
    said |= said_in(options, owners, hand)
    hand.use()
    if run is None and (folder := run_behind(said.get("model_name"))) is not None:
        run = Run(folder)
    folder = run.path if run is not None else None
    page = evaluated_page(path, said, folder)
    evaluation = Evaluation(
        **{name: read_value(OPTIONS[name], value) for name, value in {**ours, "grader": names}.items()}
    )
    rows = evaluated(page, task_of(page), evaluation, folder, out=out, at=at, quiet=quiet)
    return next(rows)


def evaluated(
    page: Page, task: Task, evaluation: Evaluation, run: Path | None, *, at: int | str | None = None,
    every: bool = False, out: str | PathLike[str] | None = None, quiet: bool = False,
) -> Iterator[Evaluated]:  # fmt: skip
    """One for each set of weights: a model's, a checkpoint's, or those of every checkpoint."""
    place, is_told = Path(out).expanduser() if out is not None else None, False
    for subject in subjects(
        page, run, at=None if at is None else str(at), every=every, say=lambda line: tell(line, quiet)
    ):
        if not is_told:
            tell(asking(page, task, evaluation, subject), quiet)
        is_told = True
        own = place / f"step-{subject.step:06d}" if place and every else place
        yield judged(page, task, evaluation, subject, own, Progress(subject.title, quiet))


def run_of(what: Any) -> Run | None:
    """The run that is meant: an object, or the path of its folder."""
    if isinstance(what, Run):
        return what
    folder = run_behind(str(what)) if isinstance(what, str | PathLike) else None
    return None if folder is None else Run(folder)


def several(one: Any) -> Sequence[Any]:
    if isinstance(one, str):
        return [name for name in one.split(",") if name]
    return one if isinstance(one, list | tuple) else [one]


class Progress:
    """A line every few seconds: how many replies, and how long the rest will take."""

    def __init__(self, title: str, quiet: bool) -> None:
        self.title, self.quiet = title, quiet
        self.began = self.told = time.monotonic()
        self.first: int | None = None

    def __call__(self, there: int, wanted: int) -> None:
        now = time.monotonic()
        if self.first is None:
            self.first, self.began = there, now
            tell(f"{self.title}: {there} of {wanted} replies are there", self.quiet)
        elif now - self.told >= PAUSE_S or there == wanted:
            self.told = now
            left = (now - self.began) / max(1, there - self.first) * (wanted - there)
            tell(f"{self.title}: {there} of {wanted} replies, {left:.0f} s left", self.quiet)


def tell(line: str, quiet: bool) -> None:
    if not quiet:
        say(f"straw: {line}", error=True)
