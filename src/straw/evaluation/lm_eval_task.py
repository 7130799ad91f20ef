"""Files for the Language Model Evaluation Harness (lm-eval 0.4.13): a YAML task, and our rule for it in Python.

    straw_gsm8k.yaml    dataset_path json, our prompts, our stop texts, greedy or not as we are
    rules.py            exact, which is ours to the character, and last_number, which is near our lenient

The task names its own scores, so no name of ours stands for another's rule.
"""

from __future__ import annotations

import json
from shlex import quote

from straw.evaluation.external_files import PROBLEMS, Outside
from straw.runs.files.atomic_write import write_whole

SAME = {"exact": "exact", "last_number": "lenient"}  # their score: the grader of ours that it is nearest to

YAML = """task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {problems}
test_split: test
output_type: generate_until
doc_to_text: "{{{{prompt}}}}"
doc_to_target: "{{{{gold}}}}"
process_results: !function rules.process_results
num_fewshot: 0
generation_kwargs:
  until: {stops}
  max_gen_toks: {max_tokens}
  do_sample: {samples}
  temperature: {temperature}
metric_list:
  - metric: exact
    aggregation: mean
    higher_is_better: true
  - metric: last_number
    aggregation: mean
    higher_is_better: true
metadata:
  version: 1.0
"""

RULES = '''"""How straw judges, for lm-eval. exact: straw's grader of that name. last_number: near its lenient."""

import re


def process_results(doc, results):
    reply, gold = results[0], doc["gold"].strip()
    answer = reply.rpartition("<answer>")[2].partition("</answer>")[0].strip()
    numbers = re.findall(r"-?[0-9]*\\.?[0-9]+", reply.replace(",", ""))
    return {
        "exact": float(answer != "" and answer == gold),
        "last_number": float(bool(numbers) and is_same(numbers[-1], gold.replace(",", ""))),
    }


def is_same(number, gold):
    try:
        wanted = [float(gold) * scale for scale in (1, 0.01, 100)]
        return any(abs(float(number) - one) <= 1e-4 * abs(one) for one in wanted)
    except ValueError:
        return number == gold
'''


def write_lm_eval(task: Outside) -> str:
    """The files, and the command that runs them."""
    text = YAML.format(
        name=task.name, problems=json.dumps(str((task.folder / PROBLEMS).resolve())),
        stops=json.dumps(list(task.stops)), max_tokens=task.max_tokens,
        samples=json.dumps(task.temperature > 0), temperature=task.temperature,
    )  # fmt: skip
    write_whole(task.folder / f"{task.name}.yaml", text)
    write_whole(task.folder / "rules.py", RULES)
    return command_of(task)


def command_of(task: Outside) -> str:
    model = quote(f"pretrained={task.model},dtype={task.dtype}")
    return (
        f"lm_eval run --model hf --model_args {model} --tasks {task.name} --include_path {quote(str(task.folder))} "
        f"--output_path {quote(str(task.folder / 'lm-eval'))} --device {task.device} --batch_size 1 --log_samples"
    )
