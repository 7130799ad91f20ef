"""Episodes in environments: token-exact conversations whose other side is a program.

    opening | reply, end | what the tools gave | reply, end | ...
    weight     w  w  w     0  0  0  0  0  0      w  w  w

What was sampled is what is trained: a reply is decoded to read calls in it, and its tokens stay as they are. What the
environment says is tokenised once, behind them, and never trained. All members of a group play in the same world, by
the seed of their group. Those whose openings begin with the same tokens take their turns together, whatever their group
is; what is the same is read once for all, and where it ends is a rule for each opening alone: neighbours do not show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from straw.engines.base import Conversation, Reply, Sampler, SamplingParams, Tokens
from straw.seeds import seed_for
from straw.tasks.base import World
from straw.text.chat.chat import Chat
from straw.text.tools.calls import Form, Read
from straw.text.tools.forms import form_for, opening, read_reply
from straw.types import End, Message, Played, Problem, Turn

PROBE = "\u00a7"  # another last message, begun as none is
SHORT = 32  # tokens of an opening's own, at the most: what is longer is read once for all that have it
TOGETHER = 64  # rows, at the most


@dataclass(slots=True)
class Seat:
    """One rollout on its way."""

    problem: Problem
    episode: Any
    seeds: Any  # turn -> the seed of its reply
    prompt: Tokens = ()  # everything that the next reply reads
    num_shared: int = 0  # tokens of the first prompt that are read once for all who have them
    turns: list[Turn] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    was_cut: bool = False  # some reply
    end: End | None = None

    @property
    def is_talking(self) -> bool:
        return self.end is None


@dataclass(frozen=True, slots=True)
class Table:
    """Where episodes are played: a task, a way to speak, and how much may be said."""

    task: World
    chat: Chat
    form: Form
    params: SamplingParams
    room: int | None  # tokens of an episode
    version: int
    probed: dict[tuple[Message, ...], Tokens] = field(default_factory=dict)

    def is_full(self, tokens: Tokens) -> bool:
        return self.room is not None and len(tokens) + self.params.max_tokens > self.room

    def open(self, seat: Seat) -> None:
        """The first prompt. An environment that failed has none."""
        messages = seat.episode.open()
        if messages is None:
            seat.end = End.FAILED
            return
        seat.problem = replace(seat.problem, messages=messages)
        schemas = self.task.schemas(seat.problem)
        seat.prompt = opening(self.chat, self.form, messages, schemas)
        seat.num_shared = self.shared(seat.prompt, messages, schemas)
        if self.is_full(seat.prompt):
            seat.end = End.FAILED
            seat.episode.reason = (
                f"what is asked first has {len(seat.prompt)} tokens, and with max_tokens={self.params.max_tokens} an "
                f"episode has room for {self.room}"
            )

    def shared(self, prompt: Tokens, messages: Sequence[Message], schemas: Sequence[Any]) -> int:
        """Tokens in front of what the last message says, where that is short; else all."""
        *before, last = messages
        probe = (*before, Message(last.role, PROBE))
        if probe not in self.probed:
            self.probed[probe] = opening(self.chat, self.form, probe, schemas)
        common = next((at for at, two in enumerate(zip(prompt, self.probed[probe])) if two[0] != two[1]), 0)  # noqa: B905
        return common if common and len(prompt) - common <= SHORT else len(prompt)

    def hear(self, seat: Seat, reply: Reply) -> Tokens:
        """Write a reply down; returns what is read behind it, nothing where the episode is over."""
        return self.answered(seat, reply, self.said(seat, reply))

    def said(self, seat: Seat, reply: Reply) -> Read:
        """The reply as its environment reads it, which may begin to work on it."""
        turn = Turn(prompt=seat.prompt, reply=reply.tokens, logprobs=reply.logprobs, policy_version=self.version)
        seat.turns.append(turn)
        seat.replies.append(self.chat.decode(reply.tokens))
        seat.was_cut |= not reply.stopped
        text = seat.replies[-1]
        read = read_reply(self.form, text, self.task.schemas(seat.problem))
        seat.episode.submit(read)
        return read

    def answered(self, seat: Seat, reply: Reply, read: Read) -> Tokens:
        results = seat.episode.answer(read)
        if results is None:
            seat.end = End.FAILED if seat.episode.reason else End.ANSWERED
        elif len(seat.turns) == self.task.max_turns:
            seat.end = End.OUT_OF_TURNS
        else:
            heard = (() if reply.stopped else (self.chat.end,)) + self.heard(results)
            if not self.is_full(seat.prompt + reply.tokens + heard):
                seat.prompt += reply.tokens + heard
                return heard
            seat.end = End.OUT_OF_TOKENS
        return ()

    def heard(self, results: Sequence[Mapping[str, str]]) -> Tokens:
        """What tools gave, or what a world without tools said: a user's message."""
        if results[0]["role"] == "user":
            return self.chat.continuation(Message("user", "\n".join(one["content"] for one in results)))
        return self.chat.results(results)

    def leave(self, seat: Seat) -> Played:
        """Closed and graded; whoever pays gives the environment back."""
        play = seat.episode.close()
        end = End.FAILED if play.reason else seat.end or End.OUT_OF_TURNS
        if end is End.ANSWERED and seat.was_cut:
            end = End.OUT_OF_TOKENS
        num_tokens = sum(len(turn.reply) for turn in seat.turns)
        return Played(
            problem=seat.problem, turns=tuple(seat.turns), replies=tuple(seat.replies), end=end,
            grade=replace(self.task.grade_of(play, end), num_tokens=num_tokens), play=play,
            environment=seat.episode.instance, leave=lambda: self.task.give_back(seat.problem, seat.episode),
        )  # fmt: skip


def play(
    engine: Sampler, task: World, problems: Sequence[Problem], keys: Sequence[Sequence[tuple[Any, int]]],
    params: SamplingParams,
) -> list[list[Played]]:  # fmt: skip
    """For each problem a row of rollouts; a key is where in the run a group stands, and a number in it."""
    table = table_for(engine, task, params)
    wanted = [(row, problem, key, sample) for row, problem in enumerate(problems) for key, sample in keys[row]]
    rows: list[list[Played]] = [[] for _ in problems]
    while wanted:
        room = task.room_for(len(wanted))
        now, wanted = wanted[:room], wanted[room:]
        played = together(engine, table, [seat_of(task, problem, key, sample) for _, problem, key, sample in now])
        for (row, *_), one in zip(now, played, strict=True):
            rows[row].append(one)
    return rows


def together(engine: Sampler, table: Table, seats: Sequence[Seat]) -> list[Played]:
    """As many as the world has room for, from their opening to their end."""
    for seat in seats:
        seat.episode.begin()
    for seat in seats:
        table.open(seat)
    for group in by_opening(seats):
        converse(engine, table, group)
    for seat in seats:
        seat.episode.finish()
    return [table.leave(seat) for seat in seats]


def table_for(engine: Sampler, task: World, params: SamplingParams) -> Table:
    rooms = [one for one in (getattr(engine, "room", None), task.limits.tokens) if one is not None]
    form = form_for(engine.chat, task.tool_form)
    return Table(task, engine.chat, form, params, min(rooms, default=None), engine.policy_version)


def seat_of(task: World, problem: Problem, key: Any, sample: int) -> Seat:
    return Seat(problem, task.episode(problem, world_seed(key)), lambda turn: key.sample_seed(sample, turn))


def world_seed(key: Any) -> int:
    """Of a group: the same for all its members."""
    return seed_for(key.seed, "world", key.step, key.group)


def by_opening(seats: Sequence[Seat]) -> Iterator[list[Seat]]:
    """Those that begin with the same."""
    alike: dict[Tokens, list[Seat]] = {}
    for seat in seats:
        if seat.is_talking:
            alike.setdefault(seat.prompt[: seat.num_shared], []).append(seat)
    for some in alike.values():
        yield from (some[at : at + TOGETHER] for at in range(0, len(some), TOGETHER))


def converse(engine: Sampler, table: Table, seats: Sequence[Seat]) -> None:
    """All take their turns together; an engine that can drops those whose episode is over."""
    shared = seats[0].num_shared
    talk, rows = engine.converse(seats[0].prompt[:shared], len(seats)), list(seats)
    if any(own := [seat.prompt[shared:] for seat in rows]):
        talk.append(own)
    for turn in range(table.task.max_turns):
        replies = talk.generate(table.params, [seat.seeds(turn) for seat in rows])
        read = [table.said(seat, reply) if seat.is_talking else None for seat, reply in zip(rows, replies, strict=True)]
        heard = [
            () if one is None else table.answered(seat, reply, one)
            for seat, reply, one in zip(rows, replies, read, strict=True)
        ]
        if not any(seat.is_talking for seat in rows):
            return
        rows, heard = kept(talk, rows, heard)
        talk.append([more or max(heard, key=len) for more in heard])


def kept(talk: Conversation, rows: list[Seat], heard: list[Tokens]) -> tuple[list[Seat], list[Tokens]]:
    places = [place for place, seat in enumerate(rows) if seat.is_talking]
    if not talk.keep(places):
        return rows, heard
    return [rows[place] for place in places], [heard[place] for place in places]
