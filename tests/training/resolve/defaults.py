"""What a page gets that says little: every value that a rule filled in, a line a page.

python -m tests.training.resolve.defaults        writes defaults.txt anew, when a default was changed on purpose
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import fields
from pathlib import Path

from straw.config import load_page
from straw.errors import ConfigError, DataError
from straw.registry import names
from straw.training.resolve.page_to_plan import plan_of

TABLE = Path(__file__).with_name("defaults.txt")
NOT_OURS = ("default", "this machine", "command line")
MODELS = ("", "lora_rank=4", "model_name=smollm2", "model_name=smollm2 lora_rank=4")
LENGTHS = ("num_epochs=2", "algorithm=sft", "algorithm=sft n_batches=7")
BY_ALGORITHM = ("binary", "binned_log_distance", "dense", "told_in_words")
OF_TASKS = ("environment", "tests_passed")  # that are no game
ROWS = "rows.jsonl"  # beside whoever asks
OF_ROWS = ("data", "gsm8k", "math")
ELSEWHERE = ("mmlu", "gym:NAME", "env", "env:NAME", "livecodebench", "mixture")  # that want more than a page


def pages() -> Iterator[str]:
    for channel in (name for name in names("rewards") if name not in OF_TASKS):
        turns = "env_type=multi_step" if channel == "dense" else ""
        for algorithm in names("algorithms") if channel in BY_ALGORITHM else ():
            yield f"task=secret reward_type={channel} algorithm={algorithm} {turns}"
        for more in ("N=1024", *MODELS[1:]):
            yield f"task=secret reward_type={channel} {turns} {more}"
    for task in names("tasks"):
        path = f"path={ROWS} eval_path=none" if task in OF_ROWS else ""
        more = LENGTHS if task == "data" else ()
        for words in (*MODELS, *more) if task not in ELSEWHERE else ():
            yield f"task={task} {path} {words}"


def line_of(words: str) -> str:
    words = " ".join(words.split())
    try:
        plan = plan_of(load_page(None, dict(word.split("=", 1) for word in words.split())))
    except (ConfigError, DataError) as error:
        return f"{words}: refused, {str(error).split(';')[0].split(':')[0]}"
    sections = (getattr(plan.page, section.name) for section in fields(plan.page))
    values = {item.name: getattr(section, item.name) for section in sections for item in fields(section)}
    filled = (name for name, origin in plan.origins.items() if origin not in NOT_OURS)
    return f"{words}: " + " ".join(f"{name}={values[name]}" for name in filled)


def write_rows(folder: Path) -> None:
    rows = ({"question": f"What is {i} + {i}?", "answer": f"#### {2 * i}"} for i in range(300))
    (folder / ROWS).write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def table() -> str:
    return "".join(f"{line_of(words)}\n" for words in pages())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place, chdir(place):
        write_rows(Path(place))
        TABLE.write_text(table())
    print(f"{TABLE}: {len(TABLE.read_text().splitlines())} pages")
