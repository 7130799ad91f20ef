"""Warm-up for environments: a model from nothing learns how calls are written, and nothing of which are good.

    somebody calls tools at random  ->  cross entropy on the calls alone  ->  until sampled calls are well formed

Most numbers that this somebody says are ones that were read just before, whichever, so the model learns to repeat what
it reads as well; which of them is good, it does not. So the policy that RL begins with plays blindly, but in form.
Worlds are others than those that the run trains in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import cos, pi
from random import Random
from typing import Any

from straw.engines.base import AdamParams, Engine, Loss, Reply, SamplingParams
from straw.errors import RunError
from straw.rollouts.collect import SeedKey, plain
from straw.rollouts.datums import datum_of
from straw.rollouts.worlds import Seat, Table, play, table_for
from straw.seeds import seed_for
from straw.tasks.base import Task, World
from straw.tasks.environments.moves import MOST, STOPS, numbers_in, random_call
from straw.text.chat.chat import Chat
from straw.training.warmup.heartbeat import Patience
from straw.types import Datum, Rollout

RECIPE = 4  # counts changes to what is done here, so that the cache forgets old ones
FEW = 0.2  # of the calls: where less is repeated, nobody has to learn it
PLENTY = 0.9  # of the repeating that is imitated: it goes on until then
ENOUGH = 0.4  # of it, where no steps are left
CHECK_EVERY, CHECKED, RISE = 20, 32, 20  # steps; episodes; steps until the learning rate is full
ASKED = 4  # worlds whose openings a kept warm-up is known by
SCRIPTED = 6  # turns of an episode that is imitated
STEP = -1  # of the run: worlds that no step of it has


@dataclass(frozen=True, slots=True, kw_only=True)
class InForm:
    """What the last measurement said."""

    steps: int
    well_formed: float
    repeats: float  # of what is imitated, how much of its repeating: 1 is as often

    def line(self) -> str:
        told = f", {self.repeats:.0%} of the numbers to repeat are" if self.repeats < ENOUGH else ""
        return f"warm-up {self.steps} steps: {self.well_formed:.0%} of the turns are calls in form{told}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomCalls:
    """How far, and at what pace."""

    well_formed: float
    max_steps: int
    learning_rate: float
    rows: int
    sampling: SamplingParams

    def teach(self, engine: Engine, task: Task, say: Callable[[str], None]) -> InForm:
        assert isinstance(task, World)
        found, patience = InForm(steps=0, well_formed=0.0, repeats=0.0), Patience(say)
        for step in range(1, self.max_steps + 1):
            episodes = [scripted(engine, task, self.sampling, step * self.rows + row) for row in range(self.rows)]
            data = [datum_of(replace(one, advantages=(0.0,) * len(one.turns)), 1.0, replayed=True) for one in episodes]
            weight = 1 / sum(sum(datum.weights) for datum in data)
            scaled = [with_weight(datum, weight) for datum in data]
            engine.forward_backward(scaled, Loss(name="cross_entropy"))
            engine.optim_step(AdamParams(learning_rate=self.rate(step)))
            patience.tell(lambda: f"warming up, step {step}; so far {found.line()}")  # noqa: B023
            if step % CHECK_EVERY == 0 or step == self.max_steps:
                engine.publish()
                found = measured(engine, task, self.sampling, episodes, step)
                if self.is_met(found) and found.repeats >= PLENTY:
                    patience.say(found.line())
                    break
        return found

    def rate(self, step: int) -> float:
        """It falls to a tenth: what is read is repeated in the end alone, digit by digit."""
        return self.learning_rate * min(1.0, step / RISE) * (0.55 + 0.45 * cos(pi * step / self.max_steps))

    def is_met(self, found: InForm) -> bool:
        return found.well_formed >= self.well_formed and found.repeats >= self.repeats_enough

    @property
    def repeats_enough(self) -> float:
        """Who asks for less form, as for a model too small to repeat what it reads, asks for less of this too."""
        return min(ENOUGH, self.well_formed)

    def recalled(self, record: Mapping[str, Any]) -> InForm:
        return InForm(**record)

    def complaint(self, found: InForm) -> str:
        return (
            f"a warm-up has to bring {self.well_formed:.0%} of the turns into form, with "
            f"{self.repeats_enough:.0%} of the numbers that are read repeated; got {found.line()}. Ask for less with "
            "warmup_accuracy, allow more with warmup_steps, or write warmup=none."
        )

    def made_of(self, chat: Chat, task: Task) -> tuple[object, ...]:
        assert isinstance(task, World)
        problem = task.problem(0)
        settings = {**asdict(self), "sampling": {**asdict(self.sampling), "stop": sorted(self.sampling.stop)}}
        asked = [begun(task, number).open() for number in range(ASKED)]
        return "random calls", RECIPE, task.name, repr(task.schemas(problem)), repr(task.limits), asked, settings


def begun(task: World, number: int) -> Any:
    """The episode that is imitated as the `number`th."""
    return task.episode(task.problem(number), seed_for("random calls", "world", number))


def scripted(engine: Engine, task: World, params: SamplingParams, number: int) -> Rollout:
    """An episode of somebody who calls at random."""
    table, random = table_for(engine, task, params), Random(seed_for("random calls", number))
    seat = Seat(task.problem(number), begun(task, number), None)
    table.open(seat)
    while seat.is_talking and len(seat.turns) < SCRIPTED:
        text = random_reply(table, task, seat, random)
        tokens = engine.chat.encode_reply(text)
        table.hear(seat, Reply(tokens, (0.0,) * len(tokens), True))
    done = plain(table.leave(seat))
    if not done.turns:
        raise RunError(f"an environment cannot be begun: {done.play.reason if done.play else 'no reason'}")
    return done


def random_reply(table: Table, task: World, seat: Seat, random: Random) -> str:
    schemas = task.schemas(seat.problem)
    if not schemas:  # a world of texts: a number is the shortest that says something
        return str(random.randrange(MOST))
    if seat.turns and not task.limits.stops_when_done and random.random() < STOPS:
        return "done"
    read = seat.episode.heard[-1] if seat.episode.heard else seat.problem.messages[-1].content
    return str(table.form.write(random_call(schemas, random, read)))


def with_weight(datum: Datum, weight: float) -> Datum:
    return Datum(prompt=datum.prompt, tokens=datum.tokens, weights=tuple(one * weight for one in datum.weights))


def measured(engine: Engine, task: World, params: SamplingParams, imitated: Sequence[Rollout], step: int) -> InForm:
    """Of all turns those that made a call which was understood; and of the repeating that is imitated, how much."""
    keys = [(SeedKey(0, STEP, group), 0) for group in range(CHECKED)]
    rollouts = [plain(one) for row in play(engine, task, [task.problem(0)], [keys], params) for one in row]
    turns = sum(len(one.turns) for one in rollouts)
    in_form = sum(len(turns_in_form(one)) for one in rollouts if one.play is not None)
    wanted = repeating(imitated)
    return InForm(
        steps=step, well_formed=in_form / turns if turns else 0.0,
        repeats=repeating(rollouts) / wanted if wanted > FEW else 1.0,
    )  # fmt: skip


def turns_in_form(rollout: Rollout) -> set[int]:
    """Where there is no tool, a turn is in form that was ended."""
    assert rollout.play is not None
    if not rollout.play.tools:
        return set() if rollout.end.was_cut_short else set(range(len(rollout.turns)))
    return {call.turn for call in rollout.play.calls if call.status in ("answered", "failed")}


def repeating(rollouts: Sequence[Rollout]) -> float:
    """The share of calls with a number that stands in what was read just before."""
    found = [
        any(value in numbers_in(read_before(one, call.turn)) for value in call.arguments.values())
        for one in rollouts
        if one.play is not None
        for call in one.play.calls
    ]
    return sum(found) / len(found) if found else 0.0


def read_before(rollout: Rollout, turn: int) -> str:
    assert rollout.play is not None
    return rollout.play.heard[turn - 1] if turn else rollout.problem.messages[-1].content
