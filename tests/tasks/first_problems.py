"""The first problems of every task that draws its own: what is asked, what is right, and what is held out.

python -m tests.tasks.first_problems        writes first_problems.txt anew, when a draw was changed on purpose
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from straw.config import load_page, parse_overrides
from straw.tasks.base import HeldOut
from straw.tasks.environments.calculator import Calculator
from straw.tasks.environments.guess import Guess
from straw.training.resolve.page_to_plan import plan_of

TABLE = Path(__file__).with_name("first_problems.txt")
PAGES = (
    "kind=secret", "kind=secret secret_seed=3 N=1000", "kind=secret num_secrets=3 length=2",
    "kind=secret fixed_secret=5",
    "kind=secret spelling=permuted", "kind=secret spelling=reversed N=1000", "kind=secret spelling=tagged",
    "kind=secret env_type=multi_step", "kind=secret env_type=multi_step num_secrets=2 N=16",
    "kind=sum_digits", "kind=sum_digits prompt=long", "kind=sum_digits task_seed=1", "kind=reverse_digits",
    "kind=reverse_digits prompt=long", "kind=largest", "kind=largest numbers=3 digits=3 task_seed=1",
    "kind=largest model_name=smollm2", "kind=countdown", "kind=countdown model_name=smollm2 num_shots=1",
    "kind=countdown countdown_generator=random numbers=3 operators=+- task_seed=1", "kind=one_line",
    "kind=one_line largest=20 task_seed=1", "kind=mixture", "kind=mixture mix=sum_digits=3,largest=1,countdown=1",
)  # fmt: skip


def lines() -> Iterator[str]:
    for words in PAGES:
        yield from (f"{words} {where}: {text}" for where, text in problems_of(words))
    yield from of_worlds()


def of_worlds() -> Iterator[str]:
    for seed in range(6):
        yield f"calculator seed={seed}: {Calculator().reset(seed=seed)}"
        game = Guess()
        game.reset(seed=seed)
        yield f"guess seed={seed}: {[(game.low, game.right, game.high), *game.missing]}"


def problems_of(words: str) -> Iterator[tuple[str, str]]:
    task: Any = plan_of(load_page(None, parse_overrides(words.split()))).task
    yield "limits", json.dumps([task.max_turns, task.reply_limit, task.num_problems])
    for index in range(min(4, task.num_problems or 4)):
        yield f"{index}", told(task.problem(index))
    if isinstance(task, HeldOut):
        for index in range(2):
            yield f"held out {index}", told(task.held_out(index))


def told(problem: Any) -> str:
    """Roles by their first letter."""
    asked = [f"{one.role[0]}: {one.content}" for one in problem.messages]
    return json.dumps([problem.key, asked, list(problem.reference), problem.facts], ensure_ascii=False)


if __name__ == "__main__":
    TABLE.write_text("".join(f"{line}\n" for line in lines()))
