"""Data is looked through before anything is trained: golds that a grader cannot read, prompts that are too long.

    every gold answer, written in the asked form, earns full marks                        or its file and line are named
    every prompt that is trained on has at most max_prompt_tokens                         refused by line, or skipped
    and with max_tokens behind it still fits the model, where nobody set a limit

What is only asked is not cut: a score is of all problems.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from straw.engines.base import SamplingParams
from straw.errors import DataError
from straw.tasks.base import FromData
from straw.text.chat.chat import Chat
from straw.training.plan import Plan
from straw.types import Message, Problem

SLACK = 8  # tokens by which a prompt may be longer than its bytes and what surrounds them
SHOWN = 3


def check_data(plan: Plan, chat: Chat, sampling: SamplingParams, room: int | None, say: Callable[[str], None]) -> None:
    """`room`: the most tokens that the model reads, prompt and reply together; None where it does not say."""
    task, options = plan.task, plan.page.task
    if not isinstance(task, FromData):
        return
    for remark in (task.check_golds(), *task.remarks):
        if remark:
            say(remark)
    if options.prompt_limit is None and room is None:
        return
    limit = options.prompt_limit or max(1, int(room or 0) - sampling.max_tokens)
    long = long_prompts(task, chat, limit)
    if not long:
        return
    listed = ", ".join(f"{place} with {count}" for place, count in list(long.items())[:SHOWN])
    count = f"{len(long)} of {task.num_problems} prompts"
    if not options.skips_long_prompts or options.prompt_limit is None:
        most = max(long.values())
        way_out = "max_prompt_tokens=N long_prompts=skip" if most > limit and room and most > room else (
            f"max_prompt_tokens={most}, or long_prompts=skip"
        )  # fmt: skip
        raise DataError(f"a prompt has at most {limit} tokens; {count} are longer: {listed}. Write {way_out}.")
    say(f"skipped, longer than {limit} tokens: {count}: {listed}{' and more' if len(long) > SHOWN else ''}")


def without_skipped(plan: Plan, chat: Chat) -> Plan:
    """The plan without the problems that are to be skipped."""
    task, options = plan.task, plan.page.task
    if not isinstance(task, FromData):
        return plan
    if options.skips_bad_rows:
        task = task.readable()
    if options.skips_long_prompts and options.prompt_limit is not None:
        task = task.without(long_prompts(task, chat, options.prompt_limit))
    return plan if task is plan.task else replace(plan, task=task)


def long_prompts(task: FromData, chat: Chat, limit: int) -> dict[str, int]:
    """Places of prompts with more tokens than that, and how many. Most are settled by counting bytes."""
    around: dict[tuple[Message, ...], int] = {}
    found = {}
    for place, problem in task.placed():
        *before, last = problem.messages
        if tuple(before) not in around:
            around[tuple(before)] = len(chat.opening([*before, Message(last.role, "")])) + SLACK
        if around[tuple(before)] + len(last.content.encode()) > limit and (size := size_of(chat, problem)) > limit:
            found[place] = size
    return found


def size_of(chat: Chat, problem: Problem) -> int:
    return len(chat.opening(problem.messages))
