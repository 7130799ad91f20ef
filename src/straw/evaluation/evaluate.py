"""Evaluating weights: ask, judge, and keep everything in a folder that the next evaluation goes on from.

    settings -> folder -> replies that are missing -> verdicts of every grader -> result.json

What a reply depends on is in the settings, so a folder's name can be a hash of them: the same command finds its replies
again, and other weights never do.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from straw.config import Evaluation, Page
from straw.engines.base import SamplingParams
from straw.errors import ConfigError
from straw.evaluation.grading import Heard, ask_all, grade_all, graders_of, questions_of, scored, unread
from straw.evaluation.subjects import Subject, weights_hash
from straw.runs.evaluation import EvaluationFolder
from straw.tasks.base import Task

EVALS = Path("evals")
ROOM = 512  # tokens, where neither the task nor a run says how long a reply may be


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What an evaluation found; `result` is all of it, as result.json has it in the folder.

    >>> scores = {"exact": {"accuracy": {"value": 0.25, "low": 0.1, "high": 0.4}}}
    >>> straw.Evaluated(title="smollm2", step=None, folder=pathlib.Path("evals/x"), result={"scores": scores}).accuracy
    {'exact': 0.25}
    """

    title: str
    step: int | None
    folder: Path
    result: dict[str, Any]

    @property
    def accuracy(self) -> dict[str, float]:
        """By grader; of several replies to a problem the mean (pass@1)."""
        return {grader: float(next(iter(scores.values()))["value"]) for grader, scores in self.result["scores"].items()}


def evaluate(
    page: Page, task: Task, evaluation: Evaluation, subject: Subject, out: Path | None, heard: Heard
) -> Evaluated:
    """Ask what is not there yet, judge all of it."""
    if not getattr(task, "has_golds", True):
        raise ConfigError(
            "no row of the data has an answer, so nobody can say which reply is right: name the column with "
            "answer_field. What a reward function pays held-out prompts a run measures itself: eval_reward"
        )
    questions = questions_of(task, evaluation.split, evaluation.num_problems, evaluation.num_samples, evaluation.seed)
    graders = graders_of(task, evaluation.grader)
    params = params_of(page, task, evaluation, subject)
    settings = settings_of(page, task, evaluation, subject, params)
    path = out or EVALS / folder_name(task, subject, settings)
    with EvaluationFolder.open(path, settings) as folder:
        ask_all(subject.engine, questions, params, folder, evaluation.at_once, heard)
        records = grade_all(questions, folder.replies, graders)
        result = scored(records, list(graders), evaluation.num_samples)
        result |= {"task": task.name, "split": evaluation.split, "title": subject.title, "settings": settings}
        result["asks"] = asking(page, task, evaluation, subject)
        result["golds_not_read"] = unread(questions, graders)
        folder.finish(records, result)
    return Evaluated(title=subject.title, step=subject.step, folder=path, result=result)


def asking(page: Page, task: Task, evaluation: Evaluation, subject: Subject) -> str:
    """Which problems are asked, how often and how, before any of it is done: the first line of an evaluation."""
    questions = questions_of(task, evaluation.split, evaluation.num_problems, evaluation.num_samples, evaluation.seed)
    params, replies = params_of(page, task, evaluation, subject), evaluation.num_samples
    return (
        f"{task.name} {evaluation.split}: {questions.num_problems} problems{questions.where}, {replies} "
        f"{'reply' if replies == 1 else 'replies'} each, temperature {params.temperature:g}"
        f"{compared(page, params.temperature, subject)}, at most {params.max_tokens} tokens"
    )


def compared(page: Page, temperature: float, subject: Subject) -> str:
    """What the run itself measured at: the same weights score otherwise at another temperature."""
    if subject.step is None:
        return " (the likeliest token)" if temperature == 0 else ""
    own = measuring_temperature(page)
    return " (as the run measured)" if own == temperature else f" (the run measured at {own:g})"


def measuring_temperature(page: Page) -> float:
    """At which a run measures accuracy."""
    return page.sampling.temperature if page.run.eval_temperature is None else page.run.eval_temperature


def temperature_of(page: Page, evaluation: Evaluation, subject: Subject) -> float:
    """Somebody's choice, or what the run measured at; several likeliest replies would be one."""
    if evaluation.temperature is not None:
        return evaluation.temperature
    own = 0.0 if subject.step is None else measuring_temperature(page)
    return own or float(evaluation.num_samples > 1)


def params_of(page: Page, task: Task, evaluation: Evaluation, subject: Subject) -> SamplingParams:
    room = task.reply_limit + 1 if task.reply_limit else ROOM
    return SamplingParams(
        max_tokens=evaluation.max_tokens or page.sampling.max_tokens or room,
        temperature=temperature_of(page, evaluation, subject),
        stop=frozenset(subject.engine.chat.closes),
    )


def settings_of(
    page: Page, task: Task, evaluation: Evaluation, subject: Subject, params: SamplingParams
) -> dict[str, Any]:
    """All that a reply depends on; neither how many there are nor who judges."""
    aside = ("grader", "num_problems") if evaluation.split == "test" else ("grader",)
    return {
        "task": {name: value for name, value in asdict(page.task).items() if name not in aside},
        "split": evaluation.split,
        "model": subject.title,
        "weights": weights_hash(subject.engine),
        "template": blake2b(subject.engine.chat.template.encode(), digest_size=6).hexdigest(),
        "temperature": params.temperature,
        "max_tokens": params.max_tokens,
        "stop": sorted(params.stop),
        "seed": evaluation.seed,
        "dtype": page.model.dtype,
        "device": page.model.device,
    }


def folder_name(task: Task, subject: Subject, settings: dict[str, Any]) -> str:
    words = re.sub(r"[^A-Za-z0-9._]+", "-", Path(subject.name).name).strip("-.") or "model"
    step = "" if subject.step is None else f"-step-{subject.step:06d}"
    digest = blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=4).hexdigest()
    return f"{task.name}-{words}{step}-{digest}"
