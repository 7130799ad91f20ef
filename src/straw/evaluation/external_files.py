"""The same questions for another harness: our problems and prompts as files that it reads.

    problems.jsonl    {"key": ..., "prompt": the text of the whole first prompt, "gold": ...}, a line each

The prompt is written out as the model reads it, its chat template applied, so that a harness has nothing to add: no
template of its own, no example, no start token. What it sends to the model is then token for token what we send.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from straw.errors import ConfigError
from straw.evaluation.grading import Questions
from straw.text.chat.chat import Chat

PROBLEMS = "problems.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """One task for another harness.

    `folder` is where its files lie, `model` what it loads, `stops` the texts at which a reply ends.
    """

    name: str
    folder: Path
    model: str
    stops: tuple[str, ...]
    max_tokens: int
    temperature: float
    dtype: str
    device: str


def problem_lines(questions: Questions, chat: Chat) -> Iterator[dict[str, Any]]:
    for index in range(questions.num_problems):
        problem = questions.problem(index)
        gold = problem.facts.get("answer")
        if gold is None:
            raise ConfigError(f"{questions.task.name} has no gold answers, which another harness compares with")
        yield {"index": index, "key": problem.key, "prompt": written_out(chat, chat.opening(problem.messages)),
               "gold": str(gold)}  # fmt: skip


def written_out(chat: Chat, prompt: Sequence[int]) -> str:
    """The prompt as text, if the model's tokenizer makes the same tokens of it."""
    text = str(chat.tokenizer.decode(list(prompt), skip_special_tokens=False, clean_up_tokenization_spaces=False))
    if tuple(chat.tokenizer.encode(text, add_special_tokens=False)) != tuple(prompt):
        raise ConfigError(
            "another harness tokenises prompts itself, and this model's tokenizer makes other tokens of one that is "
            "written out: a question mentions a control token. Ask fewer problems, or leave --harness out."
        )
    return text


def stop_texts(chat: Chat) -> tuple[str, ...]:
    return tuple(sorted(str(chat.tokenizer.decode([token])) for token in chat.closes))
