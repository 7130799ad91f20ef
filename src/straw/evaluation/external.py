"""The same evaluation for another harness: the weights as a folder it can load, and our questions as its task.

A model that lies in a folder or on the hub is named as it is; anything else (a run, adapters, an embedded model) is
written to FOLDER/model first, as a plain model.
"""

from __future__ import annotations

from pathlib import Path

from straw.config import Evaluation, Page
from straw.engines.local.adapters.folder import ADAPTER_CONFIG
from straw.engines.local.models.cache import cached_model
from straw.engines.local.models.resolve import HUB_NAME
from straw.evaluation.evaluate import params_of
from straw.evaluation.external_files import PROBLEMS, Outside, problem_lines, stop_texts
from straw.evaluation.grading import questions_of
from straw.evaluation.lighteval_task import write_lighteval
from straw.evaluation.lm_eval_task import write_lm_eval
from straw.evaluation.subjects import Subject, subjects
from straw.export import merged, write_model
from straw.runs.files.atomic_write import whole_folder, write_whole
from straw.runs.files.jsonl import json_line
from straw.tasks.base import Task
from straw.text.graders.values.plain_numbers import plain_number


def write_outside(
    harness: str, page: Page, task: Task, evaluation: Evaluation, run: Path | None, at: str | None, out: Path
) -> str:
    """Files in `out`; the command that runs the harness on them."""
    (subject,) = subjects(page, run, at=at, every=False, say=lambda line: None)
    questions = questions_of(task, evaluation.split, evaluation.num_problems, evaluation.num_samples, evaluation.seed)
    params = params_of(page, task, evaluation, subject)
    lines = list(problem_lines(questions, subject.engine.chat))
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / PROBLEMS, "".join(map(json_line, lines)))
    outside = Outside(
        name=f"straw_{task.name.replace('-', '_')}", folder=out, model=model_for(subject, page, run, out / "model"),
        stops=stop_texts(subject.engine.chat), max_tokens=params.max_tokens, temperature=params.temperature,
        dtype=page.model.dtype, device=page.model.device,
    )  # fmt: skip
    if harness == "lm-eval":
        return write_lm_eval(outside)
    return write_lighteval(outside, has_numbers=all(plain_number(line["gold"]) is not None for line in lines))


def model_for(subject: Subject, page: Page, run: Path | None, place: Path) -> str:
    """What the harness is to load: a folder, or the hub's name."""
    name = page.model.model_name
    if run is None:
        folder = cached_model(name) or Path(name).expanduser()
        if (folder / "config.json").is_file() and not (folder / ADAPTER_CONFIG).is_file():
            return str(folder.resolve())
        if HUB_NAME.fullmatch(name) and not folder.exists():
            return name
    import torch

    with whole_folder(place) as staging:
        write_model(subject.engine, merged(subject.engine), staging, torch.float32)
    return str(place)
