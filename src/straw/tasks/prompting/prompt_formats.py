r"""How a reply is to be written, and replies written so.

    xml      <reasoning>\n2 + 3 = 5\n</reasoning>\n<answer>\n5\n</answer>     graded by what is in the tags
    boxed    2 + 3 = 5\nThe answer is \boxed{5}.                             the prompt of Qwen's maths models
    none     2 + 3 = 5\nThe answer is 5.                                     nothing is said about the form; without a
                                                                             solution the reply is the gold alone

    any text    the same as none, behind a system prompt of your own

Each form knows the grader that reads it; a page may name another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from straw.errors import ConfigError, did_you_mean
from straw.tasks.prompting.gold import boxed
from straw.text.reading.answer_tags import ANSWER, END_OF_ANSWER, END_OF_REASONING, REASONING, last_answer
from straw.types import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One way to write a reply."""

    name: str
    system: str | None  # what the model is told about it
    written: Callable[[str, str], str]  # a reply from a solution and its gold
    read: Callable[[str], str | None]  # the answer where the form was kept
    grader: str  # the one that reads it


def in_tags(solution: str, gold: str) -> str:
    steps = solution or f"It has to be {gold}."
    return f"{REASONING}\n{steps}\n{END_OF_REASONING}\n{ANSWER}\n{gold}\n{END_OF_ANSWER}"


def in_a_box(solution: str, gold: str) -> str:
    """A solution that has its box keeps it."""
    if boxed(solution) == gold:
        return solution
    return f"{solution}\nThe answer is $\\boxed{{{gold}}}$.".lstrip()


def in_words(solution: str, gold: str) -> str:
    return f"{solution}\nThe answer is {gold}." if solution else gold


FORMS = {
    "xml": Form(
        name="xml",
        system="\n".join(
            ["Respond in the following format:", REASONING, "...", END_OF_REASONING, ANSWER, "...", END_OF_ANSWER]
        ),
        written=in_tags,
        read=last_answer,
        grader="exact",
    ),
    "boxed": Form(
        name="boxed",
        system="Please reason step by step, and put your final answer within \\boxed{}.",
        written=in_a_box,
        read=boxed,
        grader="extract",
    ),
    "none": Form(
        name="none", system=None, written=in_words, read=lambda reply: reply.strip() or None, grader="extract"
    ),
}


def form_named(name: str) -> Form:
    """By its name, or a system prompt of your own: a text of several words."""
    if name in FORMS:
        return FORMS[name]
    if " " not in name.strip():
        raise ConfigError(
            f"there is no system_prompt={name!r}; {did_you_mean(name, FORMS)}. One of your own is a text of several "
            "words, or @FILE.txt"
        )
    return replace(FORMS["none"], name="text", system=name)


def conversation(form: Form, shots: tuple[tuple[str, str], ...], question: str) -> tuple[Message, ...]:
    """What is said about the form, worked examples as earlier turns, and the question last."""
    system = [Message("system", form.system)] if form.system else []
    examples = [said for ask, reply in shots for said in (Message("user", ask), Message("assistant", reply))]
    return (*system, *examples, Message("user", question))
