"""straw eval: how often a model is right, by which grader, and with which replies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from straw.cli.arguments import ALL, print_options, say_json, take_flag, take_option, wants_help
from straw.cli.commands.train import owners_behind, source_of
from straw.errors import ConfigError
from straw.text.shown.say import say, say_lines

if TYPE_CHECKING:
    from straw.config import Evaluation, Page
    from straw.tasks.base import Task

EVAL = """straw eval TASK|PAGE.toml|RUN [model=NAME|FOLDER|ADAPTER|RUN] [key=value ...]

Ask problems, keep every reply, and let one grader or several judge the same replies.

  straw eval gsm8k model=smollm2 grader=exact,extract,lenient num_problems=200
  straw eval gsm8k model=runs/mine                   a run's newest checkpoint; --at 100, --at best:accuracy
  straw eval runs/mine --checkpoints                 its own task, its start and every checkpoint
  straw eval math path=data/math500 model=adapters num_shots=2 system_prompt=boxed
  straw eval gsm8k model=smollm2 num_samples=8       pass@1, 2, 4 and 8, at temperature 1
  straw eval livecodebench path=test6.jsonl model=smollm2 num_samples=10   programs, run in a sandbox

The first line says which problems are asked, out of which file, and at which temperature. A run is asked at the
temperature that it measured itself at (eval_temperature, or else temperature), a model by its name at 0, the likeliest
token; temperature=... is asked otherwise, and then the line says what the run had. Other data named with path= or hub=
is what is asked, whatever eval_path the run had.

The graders: exact (the characters in the last answer tag), extract (their value, by math-verify), lenient (boxed, "the
answer is", or the last number), own (the task's judgement). Scores of two graders are never comparable.

Replies lie in evals/..., and the same command goes on where it stopped: more problems, more samples and other graders
use what is there.

  --quiet            no lines about progress
  --json             the results for a program, one for each set of weights
  out=FOLDER, -o     where the replies go
  --harness lm-eval|lighteval   write the same problems, prompts and rules for that harness to out=FOLDER, and print the
                     command that runs it on the same weights
  --compare RESULT   show the harness's result (its JSON, or the folder it lies in) beside ours

Options of the evaluation, and their defaults:
"""


def eval_command(words: list[str]) -> int:
    from straw import registry
    from straw.config import parse_overrides, put, take_evaluation

    if wants_help(words) or not words:
        kinds = [word for word in words[:1] if registry.is_installed("tasks", word)]
        print_help(*kinds, every=ALL in words)
        return 0 if words else 2
    quiet, every, as_json = (take_flag(words, name) for name in ("--quiet", "--checkpoints", "--json"))
    words[:] = ["--out" if word == "-o" else word for word in words]
    at, out, harness, compared = (take_option(words, name) for name in ("at", "out", "harness", "compare"))
    ours = take_evaluation(words)
    named = run_first(words)
    source, overrides = source_of(words)
    for name, value in parse_overrides(words, owners_behind(source, overrides)).items():
        put(overrides, name, value)
    from straw.evaluation.subjects import evaluated_page, run_behind, task_of

    run = named or run_behind(overrides.get("model_name"))
    page = evaluated_page(source, overrides, run)
    task = task_of(page)
    folder = Path(out).expanduser() if out else None
    if harness is not None:
        from straw.cli.eval.external import write_bridge

        return write_bridge(harness, page, task, ours, run, at, folder)
    return judged(page, task, ours, run, at, every, folder, compared, quiet, as_json)


def run_first(words: list[str]) -> Path | None:
    """A run that stands first, taken off the words: a folder, or a name under runs."""
    from straw import registry
    from straw.report.runs.listing import run_named

    first = words[0] if words else ""
    if not first or first.startswith("-") or "=" in first or first.endswith(".toml"):
        return None
    if registry.is_known("tasks", first):
        return None
    run = run_named(first)
    words.pop(0)
    return run


def judged(
    page: Page, task: Task, evaluation: Evaluation, run: Path | None, at: str | None, every: bool, out: Path | None,
    compared: str | None, quiet: bool, as_json: bool = False,
) -> int:  # fmt: skip
    from straw.cli.eval.table import print_table
    from straw.library.evaluating import evaluated

    if as_json and compared is not None:
        raise ConfigError("--compare prints a table of its own; got --json too. Leave one of them out.")
    if compared is not None and every:
        raise ConfigError("--compare shows one result beside ours; got --checkpoints too. Leave one of them out.")
    rows = list(evaluated(page, task, evaluation, run, at=at, every=every, out=out, quiet=quiet))
    if as_json:
        say_json([{"weights": row.title, "folder": str(row.folder), **row.result} for row in rows])
        return 0
    print_table(rows)
    if compared is not None:
        from straw.cli.eval.external import print_compared

        print_compared(Path(compared).expanduser(), rows[0])
    return 0


def print_help(kind: str = "gsm8k", *, every: bool = False) -> None:
    from straw.config import Owners, plain
    from straw.config.evaluation import OPTIONS

    say_lines(EVAL)
    for known in OPTIONS.values():
        bounds = f" [{known.range}]" if known.range else ""
        say(f"  {known.name + '=' + plain(known.default):<36} {known.help}{bounds}")
    print_options("\nOptions of a page; those of training are of no use here:\n", Owners(kind), every=every)
