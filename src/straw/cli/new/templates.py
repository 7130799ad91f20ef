"""What `straw new` writes: for each kind the code, its test, and the page last. Their like is in examples/.

@name@  @Name@  @NAME@      riddles, Riddles, RIDDLES
@file@  @page@  @data@      riddles.py, riddles.toml, riddles.jsonl, with the folder in front
"""

from __future__ import annotations

HEAD = '''
"""What @name@.py promises: python -m pytest test_@name@.py"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

'''

TASK = '''
"""A task of your own: which letter comes next?

A problem is a question and its reference reply; a reply is right when it is that, blanks aside. Say `grade` for
anything else. The model is asked in the order that `problem` gives, and measured on what `held_out` gives.
"""

from dataclasses import dataclass

from straw.config import TaskSection
from straw.config.option import option
from straw.tasks.simple import SimpleTask
from straw.types import Message, Problem


@dataclass(frozen=True, kw_only=True)
class @Name@Options(TaskSection):
    """Options that a page may set: straw train @file@:@Name@ size=5"""

    size: int = option(3, "how many letters are asked about", at_least=1, at_most=25)


@dataclass(frozen=True, kw_only=True)
class @Name@(SimpleTask):
    Options = @Name@Options
    size: int = 3  # an option reaches the field of its name

    @property
    def num_problems(self) -> int:
        return self.size

    def problem(self, index: int) -> Problem:
        letter = chr(ord("a") + index % self.size)
        question = Message("user", f"after {letter}?")
        return Problem(key=letter, messages=(question,), reference=(chr(ord(letter) + 1),))

    @property
    def num_held_out(self) -> int:
        return self.size

    def held_out(self, index: int) -> Problem:
        return self.problem(index)  # so few that all of them are trained on: yours had better differ
'''
TASK_TEST = """from @name@ import @Name@


def test_every_problem_has_its_right_answer():
    task = @Name@(size=3)
    problems = [task.problem(index) for index in range(task.num_problems)]
    assert [one.reference for one in problems] == [("b",), ("c",), ("d",)]


def test_the_reference_is_paid_in_full_and_another_reply_is_not():
    from straw.types import End

    task = @Name@(size=3)
    problem = task.problem(0)
    assert all(task.grade(problem, ("b",), End.ANSWERED).hits)
    assert not any(task.grade(problem, ("q",), End.ANSWERED).hits)
"""
TASK_PAGE = """
# straw train @page@
# after an edit of the code:  straw train @page@ task=@file@:@Name@

[task]
kind = "@file@:@Name@"
size = 3

[reward]
reward_type = "binary"

[sampling]
max_tokens = 4

[run]
n_batches = 40
"""

REWARD = '''
"""A reward of your own: an even number pays 1.

A function in the form that TRL's users know. It gets all completions of a step together, and by name whatever else it
asks for: prompts, any column of the data, trainer_state, log_metric. None: it has nothing to say about this one.
"""


def @name@(completions, **columns):
    """One number for each completion."""
    return [float(text.strip()[-1:] in set("02468")) for text in completions]


# What it can pay: with this the ledger knows how many bits a reward can carry.
@name@.lowest, @name@.highest, @name@.levels = 0.0, 1.0, 2
@name@.deterministic = True
'''
REWARD_TEST = """from @name@ import @name@


def test_even_numbers_are_paid_and_nothing_else():
    assert @name@(["12", "7", " 4 ", "", "no"]) == [1.0, 0.0, 1.0, 0.0, 0.0]


def test_it_pays_what_it_declares():
    assert all(@name@.lowest <= paid <= @name@.highest for paid in @name@(["1", "2", "a"]))
"""
REWARD_PAGE = """
# straw train @page@
# after an edit of the code:  straw train @page@ reward_type=@file@:@name@

[task]
kind = "secret"
N = 16

[reward]
reward_type = "@file@:@name@"

[run]
n_batches = 40
"""

ALGORITHM = '''
"""An algorithm of your own: a baseline, a loss, and the row that puts them together.

The baseline turns the rewards of a group into advantages. The loss turns log-probabilities and advantages into one
number to make smaller. Either may be a name of straw's instead (straw list baselines, straw list losses).
"""

from statistics import median

import torch

from straw.algorithms.registry import Algorithm


def above_median(rewards):
    """What each reward of a group is above the group's median."""
    return [reward - median(rewards) for reward in rewards]


def squared_ratio(batch, settings):
    """A policy gradient whose ratio of trainer to sampler is drawn to 1."""
    ratio = torch.exp(batch.logprobs - batch.sampler_logprobs)
    return (batch.weights * (-ratio * batch.advantages + 0.1 * (ratio - 1) ** 2)).sum()


# weigh: rollout (the policy gradient), reply (GRPO: every reply counts the same), token (DAPO)
@NAME@ = Algorithm(baseline=above_median, loss_fn=squared_ratio, weigh="reply")
'''
ALGORITHM_TEST = """from types import SimpleNamespace

import torch
from @name@ import @NAME@, above_median, squared_ratio


def test_a_reward_is_compared_with_the_median_of_its_group():
    assert above_median([0.0, 1.0, 3.0]) == [-1.0, 0.0, 2.0]


def test_what_was_better_becomes_likelier():
    logprobs = torch.zeros(2, requires_grad=True)
    batch = SimpleNamespace(
        logprobs=logprobs, sampler_logprobs=torch.zeros(2), weights=torch.ones(2), advantages=torch.tensor([1.0, -1.0])
    )
    squared_ratio(batch, {}).backward()
    assert logprobs.grad.tolist() == [-1.0, 1.0]


def test_the_row_names_both():
    assert (@NAME@.baseline, @NAME@.loss_fn) == (above_median, squared_ratio)
"""
ALGORITHM_PAGE = """
# straw train @page@
# after an edit of the code:  straw train @page@ algorithm=@file@:@NAME@

[task]
kind = "secret"
N = 16

[reward]
reward_type = "log_distance"

[algorithm]
algorithm = "@file@:@NAME@"

[run]
n_batches = 40
"""

LEARNER = '''
"""A learner of your own: it observes what rollouts were paid, and says which replies are to be learned.

This one believes in the best reply that it observed for each prompt. What it knows stands in `state_dict`, as plain
JSON values, so that a run that was stopped goes on as if it had not been.
"""

from typing import ClassVar

import numpy as np

from straw.training.learners.soft_targets import TargetDistribution
from straw.training.learners.surrogate import spoken
from straw.types import Datum


class @Name@:
    facts: ClassVar = {}

    def __init__(self, plan, engine, sampling):
        self.best = {}  # by problem: reward, then prompt, reply and weights as tokens

    def observe(self, groups, step):
        for rollout in (rollout for group in groups for rollout in group):
            known = self.best.get(rollout.problem.key)
            if known is None or rollout.reward > known[0]:
                datum = spoken(rollout.turns)
                self.best[rollout.problem.key] = [rollout.reward, datum.prompt, datum.tokens, datum.weights]

    def beliefs(self):
        """For each prompt some replies, and how much each is believed in."""
        return [TargetDistribution([self.datum(kept)], np.ones(1)) for kept in self.best.values()]

    def datum(self, kept):
        _, prompt, tokens, weights = kept
        return Datum(prompt=tuple(prompt), tokens=tuple(tokens), weights=tuple(weights))

    def state_dict(self):
        return {"best": self.best}

    def load_state_dict(self, state):
        self.best = dict(state["best"])
'''
LEARNER_TEST = """from @name@ import @Name@

from straw.types import End, Grade, Message, Problem, Rollout, Turn


def rollout(reply, reward):
    turn = Turn(prompt=(1, 7), reply=reply, logprobs=(-0.5,) * len(reply), policy_version=0)
    problem = Problem(key="a", messages=(Message("user", "?"),), reference=("b",))
    return Rollout(
        problem=problem, turns=(turn,), replies=("x",), end=End.ANSWERED, grade=Grade(hits=(True,), well_formed=True),
        rewards={"binary": reward}, advantages=(0.0,),
    )


def test_it_believes_in_the_best_reply_so_far_and_keeps_it():
    learner = @Name@(None, None, None)
    learner.observe([[rollout((4, 2), 0.5), rollout((5, 2), 1.0), rollout((6, 2), 0.1)]], step=1)
    assert learner.best["a"][0] == 1.0 and len(learner.beliefs()) == 1
    again = @Name@(None, None, None)
    again.load_state_dict(learner.state_dict())
    assert again.best == learner.best
"""
LEARNER_PAGE = """
# straw train @page@
# after an edit of the code:  straw train @page@ algorithm=@file@:@Name@

[task]
kind = "secret"
N = 16

[algorithm]
algorithm = "@file@:@Name@"

[run]
n_batches = 40
"""

GRADER = '''
"""A grader of your own: whether a reply is right, given the gold answer of the problem."""

import re


def @name@(reply: str, gold: str) -> bool:
    """Right when the last whole number of the reply is the gold one, with or without commas."""
    numbers = re.findall(r"-?\\d[\\d,]*", reply)
    return bool(numbers) and numbers[-1].replace(",", "") == gold.replace(",", "").strip()
'''
GRADER_TEST = """from @name@ import @name@


def test_the_last_number_counts():
    assert @name@("2 and 3 are 5", "5") and @name@("It is 1,200.", "1200")
    assert not @name@("5, or 6", "5") and not @name@("I do not know", "5") and not @name@("", "5")
"""
GRADER_DATA = "\n".join(
    f'{{"question": "What is {a} + {b}?", "answer": "{a + b}"}}' for a, b in ((2, 3), (4, 4), (1, 6), (5, 2), (3, 3))
)
GRADER_PAGE = """
# straw train @page@
# after an edit of the code:  straw train @page@ grader=@file@:@name@
# Five sums to try it on; a real model reads them: model_name=smollm2 (straw models add smollm2).

[task]
kind = "data"
path = "@data@"
grader = "@file@:@name@"
system_prompt = "none"
eval_split = "train"
eval_share = 0.4

[sampling]
max_tokens = 16

[run]
n_batches = 10
eval_samples = 2
"""
TEMPLATES: dict[str, dict[str, str]] = {
    "task": {"NAME.py": TASK, "test_NAME.py": HEAD + TASK_TEST, "NAME.toml": TASK_PAGE},
    "reward": {"NAME.py": REWARD, "test_NAME.py": HEAD + REWARD_TEST, "NAME.toml": REWARD_PAGE},
    "algorithm": {"NAME.py": ALGORITHM, "test_NAME.py": HEAD + ALGORITHM_TEST, "NAME.toml": ALGORITHM_PAGE},
    "learner": {"NAME.py": LEARNER, "test_NAME.py": HEAD + LEARNER_TEST, "NAME.toml": LEARNER_PAGE},
    "grader": {
        "NAME.py": GRADER, "test_NAME.py": HEAD + GRADER_TEST, "NAME.jsonl": GRADER_DATA + "\n",
        "NAME.toml": GRADER_PAGE,
    },
}  # fmt: skip
