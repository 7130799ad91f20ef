"""straw train: a run from a task or a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from straw.cli.arguments import ALL, page_at, print_options, take_flag, wants_help
from straw.text.shown.say import say_lines

if TYPE_CHECKING:
    from straw.config import Owners

TRAIN = """straw train TASK|PAGE.toml [key=value ...]

Train a model and leave a run folder: config, metrics, every rollout, checkpoints and the picture.

  straw train secret env_type=single_step N=64 reward_type=binary
  straw train secret N=64 reward_type=binned_log_distance reward_bins=8
  straw train secret env_type=multi_step N=64
  straw train secret N=64 algorithm=sft                     the supervised anchor
  straw train secret N=64 model_name=smollm2 lora_rank=8    a real model (straw models add smollm2)
  straw train sum_digits --num-steps 20 --num-generators 4  digits: accuracy before and after, +1 and -1
  straw train gsm8k path=data/gsm8k model=smollm2           word problems of yours: gsm8k, math, mmlu
  straw train countdown                                     reach a target with given numbers
  straw train gym:chain_sum gym_options=max_terms=3         any generator of reasoning-gym
  straw train code model=smollm2                            programs, run in a sandbox and paid by the tests they pass
  straw train data.jsonl reward_type=mine.py:f              a data set of prompts, and a reward function of yours
  straw train mine.py:MyTask                                a task of yours
  straw train secret_dense                                  a page that comes with straw; a file beside you wins
  straw train reverse_digits --help                         the options of another task; --help all: every option
  straw train algorithm=surrogate --help                    those of an algorithm that has options of its own

  --dry-run   print the page with every value resolved and what the run will take, memory and time, and stop; what a
              run would refuse, a model, data, a prompt or a folder, is refused here too, with exit status 2
  --resume    go on with the run in run_dir where it stopped; without one there, begin it
  --quiet     no live line

Exit status 0 when the run is done, 1 when it is done and worse than at its start, 2 for what can be mended, 130 when it
was stopped.

Options (key=value, --key value or --key=value, with - or _), and their defaults:
"""
WHAT = """straw train wants to know what: a task, or a page.

  straw train secret N=64 reward_type=binary        a secret number, by right or wrong; half a minute
  straw train countdown                             arithmetic: reach a target with given numbers
  straw train recipes/reverse_digits.toml           a page that says it all

  tasks: {tasks}

  straw train TASK --dry-run   every value and what the run will cost      straw train --help   options
"""


def train(words: list[str]) -> int:
    from straw import registry
    from straw.config import load_page, parse_overrides, put

    if wants_help(words):
        print_options(TRAIN, helped(words), every=ALL in words)
        return 0
    dry, quiet = take_flag(words, "--dry-run", "--dry_run"), take_flag(words, "--quiet")
    again = take_flag(words, "--resume")
    if not words:
        say_lines(WHAT.format(tasks=", ".join(registry.names("tasks"))))
        return 2
    page, overrides = source_of(words)
    for name, value in parse_overrides(words, owners_behind(page, overrides)).items():
        put(overrides, name, value)
    loaded = load_page(page, overrides)
    if dry:
        from straw.training.resolve.dry_run import print_forecast

        print_forecast(loaded, goes_on=again)
        return 0
    from straw.engines.monarch.processes.namespace import prepare_for

    prepare_for(loaded.page.engine)
    from straw.cli.live.watch import watched
    from straw.training.session import continue_page, run_page

    run = continue_page if again else run_page
    return watched(lambda watcher: run(loaded, watcher), quiet=quiet)


def source_of(words: list[str]) -> tuple[Path | None, dict[str, str]]:
    """The task or the page that comes first, taken off the words."""
    if not words or words[0].startswith("-") or "=" in words[0]:
        return None, {}
    from straw.config.recipes import ENDING
    from straw.library.pages import source_of as meant_by

    first = words.pop(0)
    path, said = (Path(first), {}) if first.endswith(ENDING) else meant_by(first)
    return (None if path is None else page_at(first)), said


def helped(words: list[str]) -> Owners:
    """What a person asks for help about: the task in front, and an algorithm behind it."""
    from straw import registry
    from straw.config import Owners
    from straw.config.names import owners_among, trust_code_in

    kinds = [word for word in words[:1] if registry.is_known("tasks", word)]
    for word in kinds:
        trust_code_in(word)
    return owners_among(words, Owners(*kinds))


def owners_behind(page: Path | None, overrides: Mapping[str, str]) -> Owners:
    """The task and the algorithm that a command is about, as far as a page or the first word says."""
    from straw.config import owners_in
    from straw.config.load import naming, read_toml

    if page is None:
        return owners_in(overrides)
    with naming(page):
        return owners_in(overrides, read_toml(page))
