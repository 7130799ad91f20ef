"""Warm-up: before RL the model learns the format and answers that are near uniform.

Two kinds of rows are mixed:

    plain    the task's own prompt; at every token the exact distribution of a uniform answer given
             what was said so far (soft targets over the trie of all answers)
    case     the same prompt with a case number, whose answer is a fixed fact to be learned

The cases look like a detour and are not: with equal targets everywhere the model never has to know
where it stands, one gradient step on the first digit moves all of them, and RL collapses onto
repeated digits. A fact needs positions. `cross_talk` measures that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import cos, exp, log, pi
from random import Random
from typing import Any

from straw.engines.base import AdamParams, Engine, Loss
from straw.measure.bits_known import answers_at_large
from straw.seeds import seed_for
from straw.tasks.base import Enumerable, Task
from straw.tasks.teacher_forcing import forced
from straw.text.chat.chat import Chat
from straw.training.warmup.heartbeat import Patience
from straw.types import Datum, Message, Problem

Answer = tuple[str, ...]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """When a warm-up may stop, and when it must."""

    mass: float
    distance: float
    cross_talk: float = 0.9
    max_steps: int = 1000
    learning_rate: float = 3e-3
    rows: int = 16

    def teach(self, engine: Engine, task: Task, say: Say) -> Found:
        assert isinstance(task, Enumerable)
        return warm_up(engine, task, self, say)

    def is_met(self, found: Found) -> bool:
        return found.passes(self)

    def recalled(self, record: Mapping[str, Any]) -> Found:
        known = {one.name for one in fields(Found)}  # an older one said more
        return Found(**{name: value for name, value in dict(**record).items() if name in known})

    def complaint(self, found: Found) -> str:
        return (
            f"a warm-up has to reach valid mass {self.mass}, distance {self.distance} and cross-talk "
            f"{self.cross_talk}; got {found.line()}. Allow more with warmup_distance or warmup_steps, or write "
            "warmup=none."
        )

    def made_of(self, chat: Chat, task: Task) -> tuple[object, ...]:
        """What decides where it ends; not how good it has to be, nor the secret."""
        assert isinstance(task, Enumerable)
        prompts = [chat.opening(task.problem(index).messages) for index in range(task.num_problems or 1)]
        answers = [[chat.encode_reply(text) for text in written_at(task, index)] for index in (0, task.space - 1)]
        recipe = RECIPE if task.space <= ASKED else SAMPLED_RECIPE
        return recipe, prompts, answers, task.space, replace(self, mass=0.0, distance=0.0, cross_talk=0.0)


@dataclass(frozen=True, slots=True)
class Found:
    """What the last measurement said: nothing that depends on the secret, which would then say when to stop."""

    steps: int
    mass: float
    distance: float
    cross_talk: float

    def passes(self, goal: Goal) -> bool:
        return self.mass >= goal.mass and self.distance <= goal.distance and self.cross_talk <= goal.cross_talk

    def line(self) -> str:
        return (
            f"warm-up {self.steps} steps: valid mass {self.mass:.4f}, distance from uniform {self.distance:.4f}, "
            f"cross-talk {self.cross_talk:.2f}"
        )


ASKED = 1024  # answers in a measurement, at the most
RECIPE = 1  # counts changes to what a warm-up does, so that the cache forgets old ones
SAMPLED_RECIPE = 2  # the same, where not all answers are asked for
NUM_CASES = 4
LISTED = 16_384  # answers that a trie is made of, at the most


def written_at(task: Enumerable, index: int) -> Answer:
    """Answers in an order that says nothing of what they are worth: a warm-up must not tell a permutation."""
    found: Answer = getattr(task, "writing_at", task.answer_at)(index)
    return found


def as_case(problem: Problem, case: int) -> Problem:
    """The problem with a case number behind its question."""
    *before, last = problem.messages
    return replace(problem, messages=(*before, Message(last.role, f"{last.content} Case {case}.")))


class Trie:
    """How a uniform answer goes on after what has been said, token by token."""

    def __init__(self, data: Sequence[Datum], complete: bool = True) -> None:
        self.complete = complete
        self.counts: dict[tuple[int, ...], dict[int, int]] = {}
        for datum in data:
            for place, token in enumerate(datum.tokens):
                if datum.weights[place]:
                    children = self.counts.setdefault(datum.tokens[:place], {})
                    children[token] = children.get(token, 0) + 1

    def soften(self, datum: Datum) -> Datum:
        targets = []
        for place in range(len(datum.tokens)):
            children = self.counts.get(datum.tokens[:place], {datum.tokens[place]: 1})
            total = sum(children.values())
            if not self.complete and total < 50:  # too few to tell a distribution by
                children, total = {datum.tokens[place]: 1}, 1
            targets.append({token: count / total for token, count in children.items()})
        return replace(datum, soft_targets=tuple(targets))


class Lessons:
    """The rows of every warm-up step; a function of the task and the step."""

    def __init__(self, engine: Engine, task: Enumerable, goal: Goal) -> None:
        self.engine, self.task, self.goal = engine, task, goal
        self.problems = [task.problem(index) for index in range(task.num_problems or 1)]
        self.answers = [written_at(task, index) for index in spread(task.space)]
        self.prompts = [engine.chat.opening(problem.messages) for problem in self.problems]
        # What follows behind the prompt is the same for every problem.
        self.plain = [forced(engine.chat, task, self.problems[0], answer) for answer in self.answers]
        self.trie = Trie(self.plain, complete=len(self.answers) == task.space)
        self.facts = self._facts()

    def batch(self, step: int) -> list[Datum]:
        random = Random(seed_for("warmup", step))
        rows = self._plain_rows(random, step, max(1, self.goal.rows - len(self.facts))) + self.facts
        return [scaled(row, 1 / len(rows)) for row in rows]

    def _plain_rows(self, random: Random, step: int, count: int) -> list[Datum]:
        """Answers in even strides with a random start, so that rare ones come as often as the others."""
        prompt, offset = self.prompts[step % len(self.prompts)], random.random()
        chosen = [self.plain[int((row + offset) * len(self.plain) / count)] for row in range(count)]
        return [replace(self.trie.soften(datum), prompt=prompt) for datum in chosen]

    def _facts(self) -> list[Datum]:
        """Cases take turns with the prompts."""
        facts = []
        for case, answer in enumerate(telling_answers(self.answers)):
            problem = self.problems[case % len(self.problems)]
            facts.append(forced(self.engine.chat, self.task, as_case(problem, case), answer))
        return facts


def telling_answers(answers: Sequence[Answer], tries: int = 200) -> list[Answer]:
    """A few answers that tell positions apart: read down the list, no two places say the same.

    Example: 0011, 0101 and 0110 do; with 0011 and 0101 alone the first place and no other says 00.
    """
    draws = [Random(seed_for("cases", trial)).choices(answers, k=NUM_CASES) for trial in range(tries)]
    return max(draws, key=lambda chosen: len(set(zip(*map("".join, chosen), strict=False))))


def spread(space: int) -> list[int]:
    """All answers, or a random one from each of LISTED equal stretches."""
    if space <= LISTED:
        return list(range(space))
    random = Random(seed_for("spread", space))
    return [random.randrange(place * space // LISTED, (place + 1) * space // LISTED) for place in range(LISTED)]


def scaled(datum: Datum, factor: float) -> Datum:
    return replace(datum, weights=tuple(weight * factor for weight in datum.weights))


def warm_up(
    engine: Engine, task: Enumerable, goal: Goal, say: Say, *, period: int = 300, check_every: int = 50
) -> Found:
    """Train until the measurements pass. The rate falls to zero within a period, and starts again lower."""
    lessons, patience = Lessons(engine, task, goal), Patience(say)
    found = Found(0, 0.0, 1.0, 1.0)
    for step in range(goal.max_steps):
        turn, place = divmod(step, period)
        rate = goal.learning_rate * 0.6**turn * 0.5 * (1 + cos(pi * place / period))
        loss = engine.forward_backward(lessons.batch(step), Loss(name="cross_entropy")).metrics["loss"]
        engine.optim_step(AdamParams(learning_rate=max(rate, goal.learning_rate * 0.01)))
        patience.tell(lambda: going(step, loss, check_every))  # noqa: B023
        if (step + 1) % check_every == 0 or step + 1 == goal.max_steps:
            engine.publish()
            found = examine(engine, task, lessons, step + 1)
            patience.say(found.line())
            if found.passes(goal):
                break
    return found


def going(step: int, loss: float, check_every: int) -> str:
    return f"warming up, step {step + 1}, loss {loss:.3g}; measured after every {check_every} steps"


def examine(engine: Engine, task: Enumerable, lessons: Lessons, steps: int) -> Found:
    """The worst of all prompts."""
    known = [answers_at_large(engine, task, problem, max_answers=ASKED) for problem in lessons.problems[:4]]
    return Found(
        steps,
        mass=min(mass for mass, _ in known),
        distance=max(distance for _, distance in known),
        cross_talk=cross_talk(engine, task, lessons.problems[0], lessons.answers),
    )


def cross_talk(engine: Engine, task: Task, problem: Problem, answers: Sequence[Answer], rate: float = 1e-4) -> float:
    """How much pushing one token of an answer moves equal tokens elsewhere in it, as a share of the push.

    1: blind to position. What moves is the log-odds, so that a token that was likely before counts as much as a
    rare one. The answer is the one that repeats itself most; the push is undone bit for bit.
    """
    answer = max(answers, key=lambda one: repeats("".join(one)))
    datum = forced(engine.chat, task, problem, answer)
    positions = [position for position, weight in enumerate(datum.weights) if weight]
    first, *others = [position for position in positions if datum.tokens[position] == datum.tokens[positions[0]]]
    if not others:
        return 0.0
    push = replace(datum, weights=tuple(float(place == first) for place in range(len(datum.tokens))))
    with engine.undone():
        (before,) = engine.logprobs([datum])
        engine.forward_backward([push], Loss(name="cross_entropy"))
        engine.optim_step(AdamParams(learning_rate=rate, grad_clip=0.0))
        (after,) = engine.logprobs([datum])
    moved = [log_odds(after[place]) - log_odds(before[place]) for place in (first, *others)]
    return sum(map(abs, moved[1:])) / len(others) / max(abs(moved[0]), 1e-12)


def log_odds(logprob: float) -> float:
    """log p / (1 - p); where p rounds to 1, as far as float32 can tell."""
    return logprob - log(max(1 - exp(logprob), 1e-7))


def repeats(text: str) -> int:
    return sum(character == text[0] for character in text[1:])
