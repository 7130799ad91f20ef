"""How often held-out problems are answered right, by sampling.

    accuracy           = right / asked         between accuracy_low and accuracy_high (exact, 95%: `shares`)
    format_compliance  = with the tag / asked
    eval_reward        the mean reward, where the data has no answers and nobody can say what is right

Replies are drawn as in training, temperature included, so what is measured is the policy that was paid; a page may want
another temperature, 0 for the likeliest reply (`eval_temperature`). Sample i has
a seed of (seed, i) alone: every measurement asks the same with the same luck, and a run that goes on measures
what an uninterrupted one would have. What several replies to each problem tell is in `multi_sample`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from straw.engines.base import Engine, SamplingParams
from straw.measure.shares import share_interval
from straw.seeds import seed_for
from straw.tasks.base import HeldOut
from straw.types import End, Grade, Problem

AT_ONCE = 64  # prompts in one call


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One held-out problem and what was said to it."""

    problem: Problem
    reply: str
    grade: Grade
    reward: float | None = None  # where that is all that can be said of it

    @property
    def is_right(self) -> bool:
        return all(self.grade.hits)

    def record(self, step: int) -> dict[str, object]:
        """A line of evaluations.jsonl."""
        judged = {"right": self.is_right} if self.reward is None else {"right": None, "reward": self.reward}
        return {
            "step": step,
            "problem": self.problem.key,
            **judged,
            "well_formed": self.grade.well_formed,
            "extracted": self.grade.text if self.grade.answer is None else self.grade.answer,
            "facts": self.problem.facts,
            "prompt": self.problem.messages[-1].content,
            "reply": self.reply,
        }


def ask(
    engine: Engine, task: HeldOut, count: int, seed: int, params: SamplingParams, *, first: int = 0, replies: int = 1
) -> list[Answered]:
    """Some replies to each of `count` held-out problems, or to all there are; those to one stand side by side."""
    count = min(count, task.num_held_out or count)
    indices = range(first, first + count)
    return [
        answered
        for start in range(0, count, AT_ONCE)
        for answered in _asked(engine, task, indices[start : start + AT_ONCE], seed, params, replies)
    ]


def _asked(
    engine: Engine, task: HeldOut, indices: Sequence[int], seed: int, params: SamplingParams, replies: int
) -> Iterator[Answered]:
    problems = [task.held_out(index) for index in indices]
    prompts = [engine.chat.opening(problem.messages) for problem in problems]
    seeds = [[_seed(seed, index, number) for number in range(replies)] for index in indices]
    for problem, row in zip(problems, engine.sample(prompts, replies, params, seeds), strict=True):
        for reply in row:
            text = engine.chat.decode(reply.tokens)
            grade = task.grade(problem, [text], End.ANSWERED if reply.stopped else End.OUT_OF_TOKENS)
            yield Answered(problem=problem, reply=text, grade=grade)


def _seed(seed: int, index: int, number: int) -> int:
    """The first reply is the one that would be asked for alone."""
    return seed_for(seed, "evaluation", index, number) if number else seed_for(seed, "evaluation", index)


def accuracy_of(answered: Sequence[Answered]) -> dict[str, float]:
    """The numbers of a measurement, under their names in metrics.jsonl."""
    right, asked = sum(one.is_right for one in answered), len(answered)
    low, high = share_interval(right, asked)
    return {
        "accuracy": right / asked,
        "accuracy_low": low,
        "accuracy_high": high,
        "format_compliance": sum(one.grade.well_formed for one in answered) / asked,
    }
