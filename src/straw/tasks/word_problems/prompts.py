"""Any data set of prompts, with answers or without: straw train data.jsonl reward_type=mine.py:f

    {"prompt": "Name a bird."}                                          a text, asked as a user's message
    {"prompt": [{"role": "user", "content": "Name a bird."}]}           a conversation, as TRL has it
    {"prompt": ..., "completion": ...}                                  with what may be imitated
    {"messages": [..., {"role": "assistant", "content": "A wren."}]}    the same in one list
    {"question": "2 + 3?", "answer": "5"}                               with an answer that a grader compares

Any other column goes to reward functions by its name. Where there is no answer a reward function has to judge, and
where there is none of both the run is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from straw.config import Page, Tuning, Values
from straw.config.option import option
from straw.tasks.prompting.gold import Worked
from straw.tasks.word_problems.data_loading import Row
from straw.tasks.word_problems.options import DataOptions
from straw.tasks.word_problems.splits import Question
from straw.tasks.word_problems.tasks import WordProblems, plain_value, word_problems
from straw.text.reading.answer_tags import form_of
from straw.text.reading.extract import extract_answer
from straw.types import End, Grade, Message, Problem

ROLES = ("system", "user", "assistant", "tool")
GRPO: Values = {
    "algorithm": "grpo", "group_size": 8, "kl_coef": 0.0, "schedule": "linear", "eval_every": 25, "eval_samples": 64,
}  # fmt: skip
# 2e-5 for a real model, the study's 5e-6 for a larger one, and 2e-3 for an embedded one, which knows nothing yet
TUNED = Tuning(values={"learning_rate": 2e-4}, whole=10.0, large=0.25)
OF_TRL = ("prompt", "prompts", "completion", "completion_ids")  # which reward functions get by other names
ANSWERS = ("answer", "solution", "ground_truth", "target")


@dataclass(frozen=True, kw_only=True)
class PromptsOptions(DataOptions):
    """A data set of prompts."""

    kind: str = option("data", "the task", registry="tasks")
    system_prompt: str = option("none", "the system prompt: xml, boxed, none, a text of your own or @FILE.txt")
    prompt_field: str = option("", "the column with the prompt; none: prompt, messages or question", example="prompt")
    completion_field: str = option(
        "", "the column with a completion to imitate; none: completion", example="completion"
    )

    def defaults(self, page: Page) -> Values:
        """GRPO for a hundred steps, or SFT for one pass; nothing of a study's."""
        values: Values = {"max_tokens": 256, "task_seed": page.run.seed, "batch_size": 4}
        if page.algorithm.algorithm == "sft":
            passes = {"num_epochs": 1} if page.run.n_batches is None else {}
            return values | {"group_size": 1} | passes
        return values | GRPO | ({"n_batches": 100} if page.run.num_epochs is None else {})

    def tuning(self, page: Page) -> Tuning:
        return TUNED


@dataclass(frozen=True, kw_only=True)
class Prompts(WordProblems):
    """Rows as problems; a gold may be missing."""

    Options = PromptsOptions
    prompt_field: str = ""
    completion_field: str = ""

    def grade(self, problem: Problem, replies: tuple[str, ...], end: End) -> Grade:  # type: ignore[override]
        if problem.facts["answer"] is not None:
            return super().grade(problem, replies, end)
        answer = extract_answer(replies[0])
        return Grade(hits=(False,), well_formed=end is End.ANSWERED, answer=answer.number, form=form_of(replies[0]))

    @property
    def has_golds(self) -> bool:
        return any(
            one.gold for one in (self.trained if self.questions.train_split is not None else self.questions.asked)
        )

    def check_golds(self) -> str | None:
        return super().check_golds() if self.has_golds else None

    def _problem(self, question: Question) -> Problem:
        made = super()._problem(question)
        asked = messages_of(question.row, self.prompt_field)
        columns = {name: value for name, value in made.columns.items() if name not in OF_TRL}
        if asked is None:
            asked = made.messages
        elif self.form.system and asked[0].role != "system":
            asked = (Message("system", self.form.system), *asked)
        completion = completion_of(question.row, self.completion_field)
        return replace(
            made,
            messages=asked,
            reference=(completion,) if completion else made.reference,
            facts={**made.facts, "answer": question.gold or None},
            columns={name: plain_value(value) for name, value in columns.items()},
            is_conversation=any(isinstance(question.row.get(name), list) for name in ("prompt", "messages")),
        )

    @staticmethod
    def from_options(options: PromptsOptions) -> Prompts:
        def read(row: Row) -> tuple[str, Worked]:
            return read_row(row, options)

        made = word_problems("data", options, read, (), make=Prompts)
        return replace(made, prompt_field=options.prompt_field, completion_field=options.completion_field)


def read_row(row: Row, options: PromptsOptions) -> tuple[str, Worked]:
    """The text of its last message, and its gold where it has one."""
    messages = messages_of(row, options.prompt_field)
    if messages is None:
        raise ValueError("it has no prompt, messages or question. Name the field with prompt_field")
    names = [options.answer_field] if options.answer_field else ANSWERS
    gold = next((row[name] for name in names if isinstance(row.get(name), str | int | float)), "")
    return "\n".join(one.content for one in messages), Worked(str(gold).strip(), "")


def messages_of(row: Row, field: str) -> tuple[Message, ...] | None:
    """The conversation up to where the model speaks."""
    names = [field] if field else ["prompt", "messages", "question", "problem"]
    found = next((row[name] for name in names if row.get(name)), None)
    if isinstance(found, str):
        return (Message("user", found),)
    if not isinstance(found, list):
        return None
    messages = tuple(message_of(one) for one in found)
    return messages[:-1] if messages[-1].role == "assistant" and len(messages) > 1 else messages


def message_of(one: object) -> Message:
    if not isinstance(one, Mapping) or one.get("role") not in ROLES or not isinstance(one.get("content"), str):
        raise ValueError(f"a message is {{'role': one of {', '.join(ROLES)}, 'content': a text}}, got {one!r:.80}")
    return Message(str(one["role"]), str(one["content"]))


def completion_of(row: Row, field: str) -> str:
    """What may be imitated, where the row has it: a text, or the last thing that the assistant says."""
    found = row.get(field) if field else row.get("completion") or row.get("messages")
    if isinstance(found, str):
        return found
    last = found[-1] if isinstance(found, list) and found else None
    return str(last["content"]) if isinstance(last, Mapping) and last.get("role") == "assistant" else ""
