"""Where an episode ends, what is read together and who sits where: on prompts of a few tokens."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from straw.engines.base import Reply, SamplingParams
from straw.rollouts import worlds
from straw.rollouts.collect import SeedKey
from straw.rollouts.worlds import SHORT, TOGETHER, Seat, Table, by_opening, converse, kept, play, world_seed
from straw.seeds import seed_for
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat
from straw.text.tools.calls import PLAIN
from straw.types import End, Grade, Message, Play, Problem

CHAT = Chat(character_tokenizer())
GO = (Message("user", "Go."),)
PROBLEM = Problem(key="a", messages=(Message("user", "?"),), reference=("1",))


class Episode:
    """Opens with these messages, answers with these results, one after the other, and ends by itself behind them."""

    instance = "it"

    def __init__(self, *results: Any, opens: Any = GO, reason: str = "") -> None:
        self.results, self.opens, self.reason, self.heard = [*results], opens, reason, list[str]()

    def begin(self) -> None: ...
    def finish(self) -> None: ...

    def open(self) -> Any:
        return self.opens

    def submit(self, read: Any) -> None:
        self.heard.append(read.text)

    def answer(self, read: Any) -> Any:
        return self.results.pop(0) if self.results else None

    def close(self) -> Play:
        return Play(environment="it", reason=self.reason)


def says(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def task_of(max_turns: int = 3) -> Any:
    return SimpleNamespace(
        max_turns=max_turns, schemas=lambda problem: [], tool_form="plain", limits=SimpleNamespace(tokens=None),
        grade_of=lambda play, end: Grade(hits=(end is End.ANSWERED,), well_formed=True), give_back=lambda *_: None,
    )  # fmt: skip


def table_of(room: int | None = None, max_turns: int = 3, max_tokens: int = 10) -> Table:
    return Table(task_of(max_turns), CHAT, PLAIN, SamplingParams(max_tokens=max_tokens), room, 5)


def seat_of(*results: Any, prompt: tuple[int, ...] = (7,), **options: Any) -> Seat:
    return Seat(PROBLEM, Episode(*results, **options), lambda turn: turn, prompt)


def reply(text: str, stopped: bool = True) -> Reply:
    tokens = CHAT.encode_reply(text)[: None if stopped else -1]
    return Reply(tokens, (-1.0,) * len(tokens), stopped)


# --- how much room there is


def test_a_prompt_is_too_long_where_the_longest_reply_would_not_fit_behind_it() -> None:
    assert [table_of(room=30).is_full((1,) * size) for size in (19, 20, 21)] == [False, False, True]
    assert not table_of().is_full((1,) * 10_000)


def test_the_room_of_an_episode_is_the_engine_s_or_the_page_s_whichever_is_less() -> None:
    rooms = []
    for engine_room, page_room in ((None, None), (30, None), (None, 20), (30, 20), (10, 20)):
        task = task_of()
        task.limits.tokens = page_room
        engine: Any = SimpleNamespace(chat=CHAT, policy_version=4)
        if engine_room is not None:
            engine.room = engine_room
        table = worlds.table_for(engine, task, SamplingParams(max_tokens=9))
        rooms.append(table.room)
        assert (table.version, table.params.max_tokens, table.form) == (4, 9, PLAIN)
    assert rooms == [None, 30, 20, 20, 10]


def test_an_opening_is_read_once_for_all_but_a_short_end_of_its_own() -> None:
    """A message's own characters, and two tokens behind them: its end, and whose turn it is."""
    table, behind = table_of(), 2
    assert SHORT == 32
    for own, is_shared in ((SHORT - behind, True), (SHORT - behind + 1, False)):
        messages = [Message("system", "Play."), Message("user", "x" * own)]
        prompt = CHAT.opening(messages)
        first = len(prompt) - own - behind
        assert table.shared(prompt, messages, []) == (first if is_shared else len(prompt))
    assert len(table.probed) == 1  # both differ in their last message alone


def test_an_opening_that_begins_like_no_other_is_read_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "opening", lambda *_: (9, 9))
    assert table_of().shared((1, 2, 3), [Message("user", "x")], []) == 3
    assert table_of().shared((9, 2, 3), [Message("user", "x")], []) == 1


def test_an_opening_without_room_for_a_reply_fails_with_its_numbers() -> None:
    prompt = CHAT.opening([Message("user", "Go.")])
    for room, is_talking in ((len(prompt) + 10, True), (len(prompt) + 9, False)):
        seat = seat_of()
        table_of(room=room).open(seat)
        assert seat.is_talking is is_talking and seat.prompt == prompt
    assert seat.end is End.FAILED
    assert seat.episode.reason == (
        f"what is asked first has {len(prompt)} tokens, and with max_tokens=10 an episode has room for {room}"
    )


def test_an_environment_that_does_not_open_fails_and_asks_nothing() -> None:
    seat = seat_of(prompt=(), opens=None)
    table_of().open(seat)
    assert (seat.end, seat.prompt, seat.problem) == (End.FAILED, (), PROBLEM)


# --- how an episode ends


def test_a_reply_is_written_down_and_what_is_heard_stands_behind_it() -> None:
    table, seat = table_of(), seat_of(says("more"), says("and more"))
    first, second = reply("one"), reply("two", stopped=False)
    heard = CHAT.continuation(Message("user", "more"))
    assert table.hear(seat, first) == heard and seat.prompt == (7, *first.tokens, *heard)
    cut_at_first = seat.was_cut
    again = (CHAT.end, *CHAT.continuation(Message("user", "and more")))
    assert table.hear(seat, second) == again and seat.is_talking
    assert (cut_at_first, seat.was_cut) == (False, True)
    assert seat.prompt == (7, *first.tokens, *heard, *second.tokens, *again)
    assert [turn.prompt for turn in seat.turns] == [(7,), (7, *first.tokens, *heard)]
    assert {turn.policy_version for turn in seat.turns} == {5} and seat.replies == ["one", "two"]
    assert table.hear(seat, reply("three")) == () and seat.end is End.ANSWERED
    assert seat.was_cut  # some reply was, though not the last


def test_an_episode_ends_with_its_turns_and_not_before() -> None:
    table, seat = table_of(max_turns=2), seat_of(says("a"), says("b"), says("c"))
    table.hear(seat, reply("1"))
    assert seat.is_talking
    assert table.hear(seat, reply("2")) == () and seat.end is End.OUT_OF_TURNS


def test_an_episode_ends_where_what_is_heard_leaves_no_room() -> None:
    said = reply("1")
    heard = CHAT.continuation(Message("user", "more"))
    length = 1 + len(said.tokens) + len(heard)
    for room, end in ((length + 10, None), (length + 9, End.OUT_OF_TOKENS)):
        table, seat = table_of(room=room), seat_of(says("more"))
        assert table.hear(seat, said) == (heard if end is None else ())
        assert seat.end is end and len(seat.prompt) == (length if end is None else 1)


def test_an_environment_that_fails_in_the_middle_ends_as_failed() -> None:
    seat = seat_of(reason="lost")
    assert table_of().hear(seat, reply("1")) == () and seat.end is End.FAILED


def test_what_a_world_without_tools_says_is_one_message_of_the_user_s() -> None:
    table = table_of()
    assert table.heard([*says("a"), *says("b")]) == CHAT.continuation(Message("user", "a\nb"))
    results = [{"role": "tool", "name": "add", "content": "3"}]
    assert table.heard(results) == CHAT.results(results)


@pytest.mark.parametrize(
    ("end", "was_cut", "reason", "found"),
    [
        (End.ANSWERED, False, "", End.ANSWERED),
        (End.ANSWERED, True, "", End.OUT_OF_TOKENS),
        (End.OUT_OF_TURNS, True, "", End.OUT_OF_TURNS),
        (None, True, "", End.OUT_OF_TURNS),
        (End.ANSWERED, False, "lost", End.FAILED),
        (End.OUT_OF_TOKENS, False, "", End.OUT_OF_TOKENS),
    ],
)
def test_an_episode_is_left_as_it_ended(end: End | None, was_cut: bool, reason: str, found: End) -> None:
    table, seat = table_of(), seat_of(says("more"), reason=reason)
    table.said(seat, reply("12"))
    table.said(seat, reply("345"))
    seat.end, seat.was_cut = end, was_cut
    done = table.leave(seat)
    assert (done.end, done.replies, done.grade.num_tokens) == (found, ("12", "345"), 3 + 4)
    assert done.grade.hits == (found is End.ANSWERED,) and done.environment == "it"
    assert len(done.turns) == 2 and done.play is not None and done.play.reason == reason


def test_an_environment_is_given_back_with_its_problem_by_whoever_pays() -> None:
    table, seat = table_of(), seat_of()
    given: list[Any] = []
    table.task.give_back = lambda *what: given.append(what)  # type: ignore[method-assign]
    done = table.leave(seat)
    assert given == []
    done.leave()
    assert given == [(PROBLEM, seat.episode)]


# --- who sits where


def test_a_seat_begins_with_nothing_said() -> None:
    seat = seat_of(prompt=())
    assert (seat.prompt, seat.num_shared, seat.turns, seat.replies, seat.was_cut, seat.end) == (
        (),
        0,
        [],
        [],
        False,
        None,
    )


def test_those_that_begin_alike_sit_together_sixty_four_at_most() -> None:
    def seats(count: int, *prompt: int, shared: int) -> list[Seat]:
        some = [seat_of(prompt=prompt) for _ in range(count)]
        for one in some:
            one.num_shared = shared
        return some

    many, others, over = seats(65, 1, 2, 3, shared=2), seats(2, 1, 2, 9, shared=2), seats(1, 1, 2, shared=2)
    over[0].end = End.FAILED
    alone = seats(1, 1, 2, 3, shared=1)
    groups = list(by_opening([*many, *others, *over, *alone]))
    assert [len(group) for group in groups] == [64, 3, 1] and TOGETHER == 64
    assert groups[1] == [many[64], *others] and groups[2] == alone


class Talk:
    """A conversation that says the next of these texts to everybody, and writes down what it hears."""

    def __init__(self, keeps: bool, *texts: str) -> None:
        self.keeps, self.texts, self.seeds = keeps, [*texts], list[Any]()
        self.heard: list[Any] = []
        self.rows = 0

    def keep(self, places: list[int]) -> bool:
        if self.keeps:
            self.rows = len(places)
        return self.keeps

    def append(self, heard: Any) -> None:
        self.heard.append(heard)

    def generate(self, params: Any, seeds: Any) -> list[Reply]:
        self.seeds.append(seeds)
        text = self.texts.pop(0)
        return [reply(text) for _ in seeds]


@pytest.mark.parametrize("keeps", [True, False])
def test_rows_whose_episode_is_over_are_dropped_by_an_engine_that_can(keeps: bool) -> None:
    seats = [seat_of(), seat_of(says("more"), says("!"))]
    seats[0].end = End.ANSWERED
    talk: Any = Talk(keeps)
    assert kept(talk, seats, [(), (5,)]) == (([seats[1]], [(5,)]) if keeps else (seats, [(), (5,)]))


@pytest.mark.parametrize("keeps", [True, False])
def test_all_talk_until_nobody_does_and_whoever_is_silent_hears_what_the_longest_hears(keeps: bool) -> None:
    seats = [seat_of(prompt=(1, 2)), seat_of(says("long"), prompt=(1, 3)), seat_of(says("x"), says("y"), prompt=(1, 4))]
    for number, seat in enumerate(seats):
        seat.num_shared, seat.seeds = 1, lambda turn, number=number: (number, turn)
    talk: Any = Talk(keeps, "a", "b", "c", "d")
    engine: Any = SimpleNamespace(converse=lambda prompt, rows: talk if (prompt, rows) == ((1,), 3) else None)
    converse(engine, table_of(max_turns=9), seats)
    long, short, last = (CHAT.continuation(Message("user", text)) for text in ("long", "x", "y"))
    assert [seat.replies for seat in seats] == [["a"], ["a", "b"], ["a", "b", "c"]]
    assert talk.heard == [
        [(2,), (3,), (4,)],
        [long, short] if keeps else [long, long, short],
        [last] if keeps else [last] * 3,
    ]
    assert talk.seeds[0] == [(0, 0), (1, 0), (2, 0)]
    assert talk.seeds[2] == ([(2, 2)] if keeps else [(0, 2), (1, 2), (2, 2)])


def test_an_opening_that_all_share_needs_no_word_of_anybody_s_own() -> None:
    seats = [seat_of(prompt=(1, 2)), seat_of(prompt=(1, 2))]
    for seat in seats:
        seat.num_shared = 2
    talk: Any = Talk(True, "a")
    engine: Any = SimpleNamespace(converse=lambda prompt, rows: talk)
    converse(engine, table_of(), seats)
    assert talk.heard == [] and [seat.end for seat in seats] == [End.ANSWERED] * 2


def test_more_than_a_world_has_room_for_are_played_one_behind_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rollouts at one problem and two at another, where the world has room for two and then one at a time."""
    rooms, played = [2, 2, 1], list[Any]()
    task: Any = SimpleNamespace(room_for=lambda count: rooms.pop(0), limits=SimpleNamespace(tokens=None))
    monkeypatch.setattr(worlds, "table_for", lambda *_: None)
    monkeypatch.setattr(worlds, "seat_of", lambda task, problem, key, sample: (problem, key, sample))

    def together(engine: Any, table: Any, seats: Any) -> Any:
        played.append(seats)
        return seats

    monkeypatch.setattr(worlds, "together", together)
    nobody: Any = None
    keys = [[("k", 0), ("k", 1), ("k", 2)], [("l", 0), ("l", 1)]]
    found: Any = play(nobody, task, ["p", "q"], keys, nobody)  # type: ignore[list-item]
    assert [len(seats) for seats in played] == [2, 2, 1]
    assert found == [[("p", "k", 0), ("p", "k", 1), ("p", "k", 2)], [("q", "l", 0), ("q", "l", 1)]]


def test_a_world_s_seed_is_that_of_its_group_and_a_reply_s_that_of_its_turn() -> None:
    key = SeedKey(3, 5, 7)
    assert world_seed(key) == seed_for(3, "world", 5, 7)
    asked: list[Any] = []
    task: Any = SimpleNamespace(episode=lambda problem, seed: asked.append(seed))
    seat = worlds.seat_of(task, PROBLEM, key, 2)
    assert asked == [world_seed(key)]
    assert [seat.seeds(turn) for turn in (0, 1)] == [key.sample_seed(2, turn) for turn in (0, 1)]
