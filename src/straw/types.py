"""The records that flow through the house, each complete and checked at birth.

    Problem  ->  Rollout (turns, end, grade, rewards)  ->  Datum  ->  Metric

A task makes problems and grades, a reward channel pays, `rollouts` packs data for the engine.
Tokens are never decoded and encoded again on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, NamedTuple


class Message(NamedTuple):
    """One line of a conversation; role is "system", "user" or "assistant".

    >>> straw.Message("user", "Name the secret.").role
    'user'
    """

    role: str
    content: str


class End(StrEnum):
    """How a rollout ended.

    >>> straw.End.OUT_OF_TOKENS.was_cut_short
    True
    """

    ANSWERED = "answered"
    OUT_OF_TOKENS = "out_of_tokens"
    OUT_OF_TURNS = "out_of_turns"
    FAILED = "failed"

    @property
    def was_cut_short(self) -> bool:
        return self in (End.OUT_OF_TOKENS, End.OUT_OF_TURNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One question with the reply that earns full reward.

    `reference` has one text per turn. `facts` is what the task needs for grading, plain JSON values; `columns` is what
    else its row of the data says, for reward functions. `is_conversation`: the data has messages and no text, so
    completions are messages too.

    >>> asked = straw.Message("user", "Name the secret.")
    >>> straw.Problem(key="secret-0", messages=(asked,), reference=("37",)).reference
    ('37',)
    """

    key: str
    messages: tuple[Message, ...]
    reference: tuple[str, ...]
    facts: Mapping[str, object] = field(default_factory=dict)
    columns: Mapping[str, object] = field(default_factory=dict)
    is_conversation: bool = False

    def __post_init__(self) -> None:
        if not self.messages or not self.reference:
            raise ValueError(f"a Problem has messages and a reference reply; {self.key!r} lacks one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One prompt and one reply, as tokens.

    Three tokens read, two written by the weights of version 4:

    >>> straw.Turn(prompt=(1, 7, 3), reply=(19, 2), logprobs=(-0.1, -0.9), policy_version=4).reply
    (19, 2)
    """

    prompt: tuple[int, ...]  # everything the model read, earlier turns included
    reply: tuple[int, ...]  # everything it wrote, end token included
    logprobs: tuple[float, ...]  # nats, one per reply token, under the weights that wrote it
    policy_version: int

    def __post_init__(self) -> None:
        if len(self.logprobs) != len(self.reply):
            raise ValueError(f"a Turn has one logprob per reply token; got {len(self.logprobs)} for {len(self.reply)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """Facts about a rollout; what they are worth is for a reward channel to say.

    `hits` has one entry per turn (or per secret of a sequence); `offsets` the signed distances
    guess - target where the task has a notion of near, None where the reply could not be read.
    `answer` is the number that was read, where a task looks for one in a free text, and `text` the answer as it
    stands there; `form` tells by name, from 0 to 1, how the reply is written. Tasks know texts only, so `num_tokens`,
    of all replies with their end tokens, is filled in where the tokens are known.

    >>> all(straw.Grade(hits=(True, False), well_formed=True).hits)
    False
    """

    hits: tuple[bool, ...]
    well_formed: bool
    offsets: tuple[int | None, ...] = ()
    answer: int | None = None
    text: str | None = None
    form: Mapping[str, float] = field(default_factory=dict)
    num_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What a channel pays: one number for the rollout, or one per turn when `per_turn` is given.

    `words` is what it says beside the number, to a learner that can read.
    A channel of several parts names them: `parts` with their weights, which add up to the total, `raw` without. One
    that could not be computed is in neither. `extra` is kept with the rollout, `metrics` go to the step's.

    >>> straw.Payment(total=1.5, parts={"correctness": 1.0, "format": 0.5}).total
    1.5
    """

    total: float
    per_turn: tuple[float, ...] | None = None
    words: str = ""
    parts: Mapping[str, float] | None = None
    raw: Mapping[str, float] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call of a tool, and what came of it. `status` is "answered", "failed", "unknown" or "malformed".

    >>> straw.ToolCall(turn=0, name="guess", arguments={"number": 50}, result="higher").status
    'answered'
    """

    turn: int  # from 0
    name: str  # empty where a malformed call names none
    arguments: Mapping[str, object] = field(default_factory=dict)
    result: str = ""  # as the model read it
    status: str = "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What happened in an environment: its calls, what it paid, and why it failed, if it did.

    `heard` has what the environment said behind each turn, as a text. `reward` is None where it pays nothing by
    itself, `turn_rewards` where it does not pay by turn, `solved` where it knows no success.

    >>> straw.Play(environment="Guess", reward=1.0, solved=True).reason
    ''
    """

    environment: str
    calls: tuple[ToolCall, ...] = ()
    heard: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()  # that could be called
    reward: float | None = None
    turn_rewards: tuple[float, ...] | None = None
    solved: bool | None = None
    reason: str = ""  # of a failure
    seconds: float = 0.0  # that the environment itself took


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One rollout at one problem: all its turns, how it ended and what it was paid.

    `rewards` holds each channel's part under its own name, weight included; one that could not be computed is absent.
    `raw_rewards` has those that a weight was applied to, as they were before it.
    `bonuses` are added to the advantage behind the credit, so that no other rollout pays for them.
    `scores` has the intrinsic rewards as they were measured, from 0 to 1, whether they pay or not; `unscored` says why
    they could not be. `words` is what the channel said of it. `extra` and `metrics` are what a reward function logged.
    `advantages` has one entry per turn and is filled in by the algorithm's credit. `play` is what happened in an
    environment, where there is one; a rollout that failed in it may have no turn at all.

    >>> problem = straw.Problem(key="a", messages=(straw.Message("user", "after a?"),), reference=("b",))
    >>> turn = straw.Turn(prompt=(1, 7), reply=(19, 2), logprobs=(-0.1, -0.9), policy_version=0)
    >>> grade = straw.Grade(hits=(True,), well_formed=True)
    >>> straw.Rollout(problem=problem, turns=(turn,), replies=("b",), end=straw.End.ANSWERED, grade=grade,
    ...               rewards={"binary": 1.0, "length": -0.25}).reward
    0.75
    """

    problem: Problem
    turns: tuple[Turn, ...]
    replies: tuple[str, ...]  # the texts of the turns
    end: End
    grade: Grade
    rewards: Mapping[str, float] = field(default_factory=dict)
    raw_rewards: Mapping[str, float] = field(default_factory=dict)
    turn_rewards: tuple[float, ...] | None = None  # when each turn is credited by itself
    bonuses: Mapping[str, float] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    unscored: str = ""
    words: str = ""
    extra: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    advantages: tuple[float, ...] = ()
    play: Play | None = None

    @property
    def reward(self) -> float:
        return sum(self.rewards.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Played(Rollout):
    """A rollout whose environment is still there, for whoever pays; `plain` is what is kept of it."""

    environment: Any = None
    leave: Callable[[], None] = lambda: None  # gives the environment back, to be reset and used again

    @property
    def plain(self) -> Rollout:
        return Rollout(**{one.name: getattr(self, one.name) for one in fields(Rollout)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Datum:
    """Aligned token arrays that an engine trains on: a prompt and what follows it.

    `weights` is 0 for tokens that are read but not trained (a later user message) and carries the
    normalisation of the loss; `logprobs` are the sampler's. Data with equal prompts share its reading.

    Two trained tokens behind a prompt of three:

    >>> datum = straw.Datum(prompt=(1, 7, 3), tokens=(19, 2), weights=(0.5, 0.5), advantages=(1.0, 1.0),
    ...                     logprobs=(-0.1, -0.9))
    >>> straw.Datum(prompt=(1,), tokens=(19, 2), weights=(1.0,))
    Traceback (most recent call last):
        ...
    ValueError: a Datum has one of weights per token; got 1 for 2
    """

    prompt: tuple[int, ...]
    tokens: tuple[int, ...]
    weights: tuple[float, ...]
    advantages: tuple[float, ...] = ()
    logprobs: tuple[float, ...] = ()
    soft_targets: tuple[Mapping[int, float], ...] | None = None  # supervised: a distribution per token

    def __post_init__(self) -> None:
        if not self.prompt or not self.tokens:
            raise ValueError("a Datum has at least one prompt token and one token behind it")
        for name in ("weights", "advantages", "logprobs"):
            values = getattr(self, name)
            if len(values) != len(self.tokens) and (values or name == "weights"):
                raise ValueError(f"a Datum has one of {name} per token; got {len(values)} for {len(self.tokens)}")


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that knows how it adds up: a mean travels with its count.

    Example: Metric(0.5, 4) + Metric(1.0, 4) == Metric(0.75, 8)
    """

    mean: float
    count: int = 1

    def __add__(self, other: Metric) -> Metric:
        count = self.count + other.count
        return Metric((self.mean * self.count + other.mean * other.count) / count if count else 0.0, count)
