"""A reward that is a plain function, in the form that TRL's users know.

    def short(completions, **columns):            reward_type=mine.py:short
        return [-len(text) / 100 for text in completions]

It is called with all completions of a step together (of one piece of work, where generators run free) and gives one
number for each, or None where it has nothing to say. By name it may ask for `prompts`, `completions`, `completion_ids`,
any column of the data or fact of the problem, `trainer_state` (with `global_step` and `max_steps`),
`log_extra(column, values)`, `log_metric(name, value)`, and in an environment `environments`, one for each. Prompts and
completions are texts, or lists of messages where the data is a conversation. It may be async.

What it pays is undeclared, unless the function has the attributes `lowest`, `highest`, `levels` and `deterministic`.
"""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, ClassVar

from straw.errors import RewardError
from straw.rewards.channel import Channel
from straw.types import Grade, Payment, Played, Rollout

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class TrainerState:
    """What TRL's functions look at."""

    global_step: int
    max_steps: int | None = None


@dataclass(slots=True)
class Told:
    """What a function said of its call, beside the numbers."""

    extra: dict[str, list[Any]] = field(default_factory=dict)
    logged: dict[str, list[float]] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """The mean of what was logged under a name, as in TRL."""
        return {name: sum(values) / len(values) for name, values in self.logged.items()}

    def log_extra(self, column: str, values: Sequence[Any]) -> None:
        self.extra[column] = [one if isinstance(one, str | int | float | None) else str(one) for one in values]

    def log_metric(self, name: str, value: float) -> None:
        self.logged.setdefault(name, []).append(float(value))

    def extra_of(self, place: int) -> dict[str, Any]:
        return {column: values[place] for column, values in self.extra.items()}


@dataclass(frozen=True, slots=True)
class FunctionReward(Channel):
    """Pays what the function says of the replies."""

    function: Function
    num_steps: int | None = None  # of the run
    reads_replies: ClassVar[bool] = True

    @property
    def name(self) -> str:  # type: ignore[override]
        return name_of(self.function)

    @property
    def deterministic(self) -> bool:  # type: ignore[override]
        return bool(getattr(self.function, "deterministic", False))

    @property
    def levels(self) -> int | None:
        return getattr(self.function, "levels", None)

    @property
    def lowest(self) -> float:
        return float(getattr(self.function, "lowest", -math.inf))

    @property
    def highest(self) -> float:
        return float(getattr(self.function, "highest", math.inf))

    @property
    def plateau(self) -> None:
        return None

    def __call__(self, grade: Grade, draw: float) -> Payment:
        raise TypeError(f"{self.name} reads replies, and cannot pay for a grade alone")

    def pay(self, rollouts: Sequence[Rollout], draws: Sequence[float], step: int) -> list[Payment]:
        found, told = called(self.function, rollouts, TrainerState(step, self.num_steps))
        metrics = told.metrics
        return [
            Payment(
                total=reward or 0.0,
                parts={} if reward is None else {self.name: reward},
                extra=told.extra_of(place),
                metrics=metrics,
            )
            for place, reward in enumerate(found)
        ]


def name_of(function: Function) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def called(function: Function, rollouts: Sequence[Rollout], state: TrainerState) -> tuple[list[float | None], Told]:
    """One number for each rollout, and what was logged on the way."""
    told = Told()
    try:
        answer = function(**wanted(function, arguments(rollouts, state, told)))
        if inspect.isawaitable(answer):
            answer = finished(answer)
    except SystemExit as error:  # else straw would end with its status, as if all were done
        raise RewardError(
            f"a reward function returns; {name_of(function)} ended the program (SystemExit: {error})"
        ) from error
    if not isinstance(answer, Iterable):
        raise RewardError(
            f"a reward function gives one number for each completion; {name_of(function)} gave {answer!r:.80} for "
            f"{len(rollouts)}"
        )
    found = list(answer)
    if len(found) != len(rollouts):
        raise RewardError(
            f"a reward function gives one number for each completion; {name_of(function)} gave {len(found)} for "
            f"{len(rollouts)}"
        )
    for column, values in told.extra.items():
        if len(values) != len(rollouts):
            raise RewardError(
                f"log_extra takes one value for each completion; {name_of(function)} gave {len(values)} of {column} "
                f"for {len(rollouts)}"
            )
    return [checked(function, one) for one in found], told


def finished(answer: Awaitable[Any]) -> Any:
    """In a thread of its own: a notebook has a loop that runs already."""

    async def awaited() -> Any:
        return await answer

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(awaited())).result()


def checked(function: Function, reward: Any) -> float | None:
    if reward is None:
        return None
    try:
        number = float(reward)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if math.isfinite(number):
        return number
    raise RewardError(
        f"a reward is a finite number, or None where there is nothing to say; {name_of(function)} gave {reward!r:.80}"
    )


def arguments(rollouts: Sequence[Rollout], state: TrainerState, told: Told) -> dict[str, Any]:
    """Everything that a function may ask for, by name; a column that some problem lacks is None there.

    Each is a copy: a function may write into a list of it, by which the task grades and which the next step asks about.
    """
    rows = [deepcopy({**one.problem.facts, **one.problem.columns}) for one in rollouts]
    names = dict.fromkeys(name for row in rows for name in row if name not in ("prompt", "completion"))
    environments = [one.environment for one in rollouts if isinstance(one, Played)]
    return {
        **{name: [row.get(name) for row in rows] for name in names},
        **({"environments": environments} if environments else {}),
        "prompts": [prompt_of(one) for one in rollouts],
        "completions": [completion_of(one) for one in rollouts],
        "completion_ids": [[token for turn in one.turns for token in turn.reply] for one in rollouts],
        "trainer_state": state,
        "log_extra": told.log_extra,
        "log_metric": told.log_metric,
    }


def prompt_of(rollout: Rollout) -> str | list[dict[str, str]]:
    if rollout.problem.is_conversation:
        return [{"role": role, "content": content} for role, content in rollout.problem.messages]
    return rollout.problem.messages[-1].content


def completion_of(rollout: Rollout) -> str | list[dict[str, Any]]:
    """Of several turns the whole text; of an episode all messages behind the prompt, as TRL has them."""
    if rollout.play is not None:
        return [
            message for turn, reply in enumerate(rollout.replies) for message in turn_messages(rollout, turn, reply)
        ]
    text = "\n".join(rollout.replies)
    return [{"role": "assistant", "content": text}] if rollout.problem.is_conversation else text


def turn_messages(rollout: Rollout, turn: int, reply: str) -> list[dict[str, Any]]:
    """What the assistant said, with its calls, and what each gave."""
    assert rollout.play is not None
    calls = [one for one in rollout.play.calls if one.turn == turn]
    said: dict[str, Any] = {"role": "assistant", "content": reply}
    if calls:
        functions = [{"name": one.name, "arguments": dict(one.arguments)} for one in calls]
        said["tool_calls"] = [{"type": "function", "function": one} for one in functions]
    return [said, *({"role": "tool", "name": one.name, "content": one.result} for one in calls)]


def wanted(function: Function, there: dict[str, Any]) -> dict[str, Any]:
    """All of it for a function that takes **anything, else what it names."""
    parameters = inspect.signature(function).parameters
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
        return there
    missing = [name for name, one in parameters.items() if name not in there and one.default is inspect.Parameter.empty]
    if missing:
        raise RewardError(
            f"{name_of(function)} asks for {', '.join(missing)}, and there is {', '.join(sorted(there))}: rename it, "
            "or give it a default"
        )
    return {name: there[name] for name in parameters if name in there}
