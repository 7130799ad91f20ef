"""A file for LightEval (0.13): a custom task on our problems and prompts, judged by its extractive match.

lighteval_straw_gsm8k.py    read with --custom-tasks; its data is problems.jsonl beside it, named data/test.jsonl

Its extractive match is what our `extract` follows, but for the tags, which it does not know.
"""

from __future__ import annotations

from shlex import quote

from straw.evaluation.external_files import PROBLEMS, Outside
from straw.runs.files.atomic_write import write_whole

SAME = {"extractive_match": "extract"}

FILE = '''"""straw's problems for LightEval: the prompts are written out, so its chat template is to stay away."""

from lighteval.metrics.metrics import Metrics
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc


def prompt(line, task_name=None):
    return Doc(task_name=task_name, query=line["prompt"], choices=[line["gold"]], gold_index=0)


TASKS_TABLE = [
    LightevalTaskConfig(
        name={name!r},
        prompt_function=prompt,
        hf_repo={data!r},
        hf_subset="default",
        hf_avail_splits=["test"],
        evaluation_splits=["test"],
        few_shots_split=None,
        few_shots_select=None,
        generation_size={max_tokens},
        stop_sequence={stops!r},
        metrics=[{metric}],
        version=0,
    )
]
'''


def write_lighteval(task: Outside, *, has_numbers: bool) -> str:
    """The file, its data, and the command that runs it."""
    data = task.folder / "data"
    data.mkdir(exist_ok=True)
    write_whole(data / "test.jsonl", (task.folder / PROBLEMS).read_bytes())
    text = FILE.format(
        name=task.name, data=str(data.resolve()), max_tokens=task.max_tokens, stops=list(task.stops),
        metric="Metrics.expr_gold_metric" if has_numbers else "Metrics.latex_gold_metric",
    )  # fmt: skip
    file = task.folder / f"lighteval_{task.name}.py"
    write_whole(file, text)
    model = f"model_name={task.model},dtype={task.dtype},override_chat_template=False,add_special_tokens=False"
    if task.temperature:
        model += f",generation_parameters={{temperature:{task.temperature}}}"
    return (
        f"lighteval accelerate {quote(f'{model},batch_size=1')} {quote(f'{task.name}|0')} "
        f"--custom-tasks {quote(str(file))} --output-dir {quote(str(task.folder / 'lighteval'))} --save-details"
    )
