"""Warm-up by imitation: reference replies of training problems, until enough held-out ones are answered right.

    cross entropy on some references  ->  AdamW  ->  every few steps: the accuracy of sampled replies

For tasks with held-out problems. It stops early on purpose: RL has something to reinforce, and the rest is for it to
find. The problems that are learned and asked here lie far behind those that the run trains on and measures with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from straw.engines.base import AdamParams, Engine, Loss, SamplingParams
from straw.measure.accuracy import accuracy_of, ask
from straw.tasks.base import HeldOut, Task
from straw.tasks.teacher_forcing import forced
from straw.text.chat.chat import Chat
from straw.training.warmup.heartbeat import Patience

RECIPE = 1  # counts changes to what is done here, so that the cache forgets old ones
FAR = 1 << 40  # the first index of its problems
CHECK_EVERY, CHECKED = 10, 100  # steps; problems
RISE = 20  # steps until the learning rate is full
LOOKED_AT = 4  # problems that tell one task from another


@dataclass(frozen=True, slots=True, kw_only=True)
class Imitated:
    """What the last measurement said."""

    steps: int
    accuracy: float
    format_compliance: float

    def line(self) -> str:
        return f"warm-up {self.steps} steps: accuracy {self.accuracy:.2f}, format {self.format_compliance:.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imitation:
    """How far, and at what pace."""

    accuracy: float
    max_steps: int
    learning_rate: float
    rows: int
    sampling: SamplingParams

    def teach(self, engine: Engine, task: Task, say: Callable[[str], None]) -> Imitated:
        assert isinstance(task, HeldOut)
        found, patience = Imitated(steps=0, accuracy=0.0, format_compliance=0.0), Patience(say)
        for step in range(1, self.max_steps + 1):
            self._learn(engine, task, step)
            patience.tell(lambda: f"warming up, step {step}; so far {found.line()}")  # noqa: B023
            if step % CHECK_EVERY == 0 or step == self.max_steps:
                engine.publish()
                numbers = accuracy_of(ask(engine, task, CHECKED, 0, self.sampling, first=FAR))
                found = Imitated(
                    steps=step, accuracy=numbers["accuracy"], format_compliance=numbers["format_compliance"]
                )
                if self.is_met(found) or step % (10 * CHECK_EVERY) == 0:
                    patience.say(found.line())
                if self.is_met(found):
                    break
        return found

    def _learn(self, engine: Engine, task: HeldOut, step: int) -> None:
        problems = [task.problem(FAR + (step - 1) * self.rows + row) for row in range(self.rows)]
        data = [forced(engine.chat, task, one, one.reference, 1 / self.rows) for one in problems]
        engine.forward_backward(data, Loss(name="cross_entropy"))
        engine.optim_step(AdamParams(learning_rate=self.learning_rate * min(1.0, step / RISE)))

    def is_met(self, found: Imitated) -> bool:
        return found.accuracy >= self.accuracy

    def recalled(self, record: Mapping[str, Any]) -> Imitated:
        return Imitated(**record)

    def complaint(self, found: Imitated) -> str:
        return (
            f"a warm-up has to reach accuracy {self.accuracy}; got {found.line()}. Ask for less with warmup_accuracy, "
            "allow more with warmup_steps, or write warmup=none."
        )

    def made_of(self, chat: Chat, task: Task) -> tuple[object, ...]:
        """What decides where it ends; how far it goes is part of it."""
        problems = [task.problem(FAR + index) for index in range(LOOKED_AT)]
        shown = [(chat.opening(one.messages), [chat.encode_reply(text) for text in one.reference]) for one in problems]
        settings = {**asdict(self), "sampling": {**asdict(self.sampling), "stop": sorted(self.sampling.stop)}}
        return "imitation", RECIPE, shown, settings
