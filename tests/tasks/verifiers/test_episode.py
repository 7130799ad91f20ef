"""One episode of verifiers with a worker that says what it is told: what is sent, what is read, what is paid."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from straw.tasks.environments.episode import Limits
from straw.tasks.verifiers import episode as module
from straw.tasks.verifiers.episode import Outcome, VerifiersEpisode, are_texts, content_of, goes_on, text_of
from straw.tasks.verifiers.process import WorkerGone
from straw.text.tools.calls import Call, Malformed, Read
from straw.types import Message

TOOL = {"type": "function", "function": {"name": "add", "parameters": {}}}
GO = {"role": "user", "content": "go"}


class Worker:
    """Says one thing after the other; an exception is raised."""

    def __init__(self, *said: Any) -> None:
        self.to_say, self.begun, self.seconds = list(said), [], []  # type: ignore[var-annotated]
        self.heard: list[dict[str, Any]] = []
        self.forgotten: list[str] = []
        self.is_gone = False

    def begin(self, id: str, index: int) -> None:
        if self.is_gone:
            raise WorkerGone("it is gone")
        self.begun.append((id, index))

    def next_of(self, id: str, seconds: float) -> Any:
        assert id == "e7"
        self.seconds.append(seconds)
        said = self.to_say.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    def say(self, **words: Any) -> None:
        self.heard.append(words)

    def forget(self, id: str) -> None:
        self.forgotten.append(id)


def asks(*messages: Any, tools: Any = ()) -> dict[str, Any]:
    return {"ask": "e7", "messages": list(messages), "tools": list(tools)}


def ends(reward: Any = 0.5, **more: Any) -> dict[str, Any]:
    return {"end": "e7", "reward": reward, **more}


def says(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def begun(*said: Any, result: int = 100, solved_at: float | None = None) -> tuple[VerifiersEpisode, Worker, list[Any]]:
    worker, learnt = Worker(*said), []  # type: ignore[var-annotated]
    made = VerifiersEpisode(
        name="game", id="e7", worker=worker, index=3, limits=Limits(turns=4, seconds=10.0, result=result),  # type: ignore[arg-type]
        solved_at=solved_at, learn_tools=learnt.append,
    )  # fmt: skip
    return made, worker, learnt


# --- its beginning


def test_an_episode_begins_once_and_reads_the_messages_and_tools_of_the_first_request() -> None:
    made, worker, learnt = begun(asks({"role": "system", "content": None}, GO, tools=[TOOL]))
    made.begin()
    assert made.open() == (Message("system", ""), Message("user", "go"))
    assert worker.begun == [("e7", 3)] and worker.seconds == [10.0] and learnt == [(TOOL,)]
    assert made.tools == (TOOL,) and not made.waits and made.reason == ""


def test_an_episode_that_was_not_sent_ahead_is_begun_when_it_is_opened() -> None:
    made, worker, _ = begun(asks(GO))
    assert made.open() == (Message("user", "go"),) and worker.begun == [("e7", 3)]


def test_a_worker_that_cannot_begin_is_the_reason() -> None:
    made, worker, _ = begun()
    worker.is_gone = True
    assert made.open() is None and made.reason == "it is gone" and worker.seconds == []
    assert made.close().reason == "it is gone"
    assert worker.heard == [{"drop": "e7"}] and worker.forgotten == ["e7"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (ends(), "game ended an episode before it asked anything"),
        ({"end": "e7", "failed": "no board"}, "game failed: no board"),
        (WorkerGone("too late"), "too late"),
        (asks(user([{"type": "image_url"}])), "game asks with more than texts (an image), and straw reads texts"),
    ],
)
def test_what_begins_otherwise_has_failed(said: Any, reason: str) -> None:
    made, _, learnt = begun(said)
    assert made.open() is None and made.reason == reason and learnt == []
    play = made.close()
    assert (play.reason, play.reward, play.calls) == (reason, None, ())


# --- its turns


def test_a_reply_without_calls_is_sent_whole_and_what_a_user_says_comes_back() -> None:
    made, worker, _ = begun(asks(GO), asks(GO, says("add( x"), user("no"), user("again")))
    made.open()
    found = made.answer(Read("x", (), "add( x"))
    assert worker.heard == [{"say": "e7", "message": says("add( x")}]
    assert found == [{"role": "user", "name": "", "content": one} for one in ("no", "again")]
    assert made.heard == ["no\nagain"] and made.calls == []


def test_calls_are_sent_with_ids_of_their_own_and_one_without_a_name_is_not() -> None:
    calls = (Call("add", {"a": 1, "b": "é"}), Malformed("?", "odd"), Malformed("fly(", "open", "fly"), Call("sub", {}))
    given = [{"role": "tool", "tool_call_id": f"call_1_{place}", "content": f"of {place}"} for place in (3, 0, 2)]
    given[0]["name"] = "sub"
    before = (GO, says("a"), user("b"))
    made, worker, _ = begun(asks(GO, tools=[TOOL]), asks(*before), asks(*before, says("around"), *given))
    made.open()
    made.answer(Read("", (), "a"))
    found = made.answer(Read("around", calls, "the whole"))
    assert worker.heard[1]["message"] == says("around") | {
        "tool_calls": [
            {"id": f"call_1_{place}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for place, name, arguments in ((0, "add", '{"a": 1, "b": "\\u00e9"}'), (2, "fly", "fly("), (3, "sub", "{}"))
        ]
    }
    assert found == [
        {"role": "tool", "name": name, "content": f"of {place}"}
        for name, place in (("sub", 3), ("unknown", 0), ("unknown", 2))
    ]
    assert [(one.turn, one.name, dict(one.arguments), one.status, one.result) for one in made.calls] == [
        (1, "add", {"a": 1, "b": "é"}, "answered", "of 0"), (1, "", {}, "malformed", ""),
        (1, "fly", {}, "malformed", "of 2"), (1, "sub", {}, "unknown", "of 3"),
    ]  # fmt: skip
    assert made.heard == ["b", "of 3\nof 0\nof 2"]


def test_where_a_user_speaks_beside_tools_all_is_the_user_s() -> None:
    tool = {"role": "tool", "tool_call_id": "call_0_0", "content": "3", "name": "add"}
    made, _, _ = begun(asks(GO, tools=[TOOL]), asks(GO, says(""), tool, user("go on")))
    made.open()
    found = made.answer(Read("", (Call("add", {}),)))
    assert found == [{"role": "user", "name": "", "content": one} for one in ("3", "go on")]
    assert made.calls[0].result == "3"


def test_what_was_sent_ahead_is_not_sent_again() -> None:
    made, worker, _ = begun(asks(GO), asks(GO, says("a"), user("b")), ends())
    made.open()
    made.submit(Read("", (), "a"))
    assert made.waits
    made.answer(Read("", (), "a"))
    made.finish()
    assert made.waits and made.close().reward == 0.5
    assert worker.heard == [{"say": "e7", "message": says("a")}, {"enough": "e7"}]


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ((GO, says("a")), "does not go on"),  # nothing new
        ((GO,), "does not go on"),
        ((GO, says("b"), user("more")), "does not go on"),  # another reply
        ((user("stop"), says("a"), user("more")), "does not go on"),
        ((GO, says("a"), user([{"type": "image_url"}])), "answers with more than texts"),
    ],
)
def test_a_request_that_does_not_go_on_ends_the_episode_with_a_reason(now: Any, reason: str) -> None:
    made, worker, _ = begun(asks(GO), asks(*now))
    made.open()
    assert made.answer(Read("", (), "a")) is None and reason in made.reason and len(made.heard) == 1
    assert made.close().reward is None and worker.heard[-1] == {"drop": "e7"}


def test_parts_of_texts_are_the_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    made, _, _ = begun(asks(GO), asks(GO, says("x") | {"content": [{"type": "text", "text": "x"}]}, user(parts)))
    made.open()
    assert made.answer(Read("", (), "x")) == [{"role": "user", "name": "", "content": "a\nb"}]


def test_what_comes_back_is_shortened_to_the_limit() -> None:
    made, _, _ = begun(asks(GO), asks(GO, says("x"), user("a" * 30 + "b" * 30)), result=20)
    made.open()
    assert made.answer(Read("", (), "x")) is not None
    assert made.heard == ["a" * 15 + "\n[40 characters left out]\n" + "b" * 5]


def test_time_is_counted_while_the_worker_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [50.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    made, worker, _ = begun(asks(GO), asks(GO, says("a"), user("b")), ends())
    ask = worker.next_of

    def slowly(id: str, seconds: float) -> Any:
        now[0] += 3.00004
        return ask(id, seconds)

    monkeypatch.setattr(worker, "next_of", slowly)
    made.open()
    now[0] += 100
    made.answer(Read("", (), "a"))
    play = made.close()
    assert worker.seconds == pytest.approx([10.0, 6.99996, 60.0]) and play.seconds == 9.0001


# --- its end


def test_an_end_pays_and_tells_its_parts() -> None:
    made, worker, _ = begun(asks(GO, tools=[TOOL]), ends(1, rewards={"a": 1.0}, metrics={"b": 2.0}, stop="done"))
    made.open()
    assert made.answer(Read("", (), "a")) is None
    assert made.heard == [""]
    play = made.close()
    assert made.instance == Outcome({"a": 1.0}, {"b": 2.0}, "done")
    assert (play.environment, play.reward, play.solved, play.reason, play.tools) == ("game", 1.0, None, "", ("add",))
    assert play.turn_rewards is None and [*worker.heard[0]] == ["say", "message"] and len(worker.heard) == 1
    assert worker.forgotten == ["e7"]


def test_an_end_that_says_nothing_of_its_parts_has_none() -> None:
    made, _, _ = begun(asks(GO), ends(0.0))
    made.open()
    assert made.close().reward == 0.0 and made.instance == Outcome({}, {}, None)


def test_where_straw_ends_it_a_request_that_was_on_its_way_is_passed_over() -> None:
    made, worker, _ = begun(asks(GO), asks(GO, says("a"), user("b")), ends(0.25))
    made.open()
    made.submit(Read("", (), "a"))
    play = made.close()
    assert play.reward == 0.25 and worker.seconds == [10.0, 60.0, 60.0] and len(worker.heard) == 1


def test_an_episode_that_was_never_begun_asks_the_worker_for_nothing() -> None:
    made, worker, _ = begun()
    made.reason = "it was not to be"
    made.finish()
    assert made.close().reason == "it was not to be"
    assert worker.heard == [] and worker.seconds == [] and not made.waits


def test_an_end_that_does_not_come_is_dropped() -> None:
    made, worker, _ = begun(asks(GO), WorkerGone("too late"))
    made.open()
    play = made.close()
    assert (play.reason, play.reward) == ("too late", None) and worker.heard == [{"enough": "e7"}, {"drop": "e7"}]


@pytest.mark.parametrize(
    "reward", [None, "much", True, float("nan"), float("inf"), -float("inf"), 10**400], ids=lambda one: f"{one!r:.9}"
)
def test_a_reward_that_is_no_finite_number_is_a_failure(reward: Any) -> None:
    made, _, _ = begun(asks(GO), ends(reward), solved_at=-1.0)
    made.open()
    play = made.close()
    assert play.reason == f"game pays a finite number, and paid {reward!r:.40}"
    assert (play.reward, play.solved) == (None, False) and made.instance == Outcome()


@pytest.mark.parametrize(
    ("reward", "at", "solved"),
    [(0.5, None, None), (0.5, 0.5, True), (0.5, 0.51, False), (0, 0.0, True), (-1, 0, False)],
)
def test_an_episode_is_solved_from_the_named_reward_on(reward: float, at: float | None, solved: bool | None) -> None:
    made, _, _ = begun(asks(GO), ends(reward), solved_at=at)
    made.open()
    assert made.close().solved is solved


# --- texts


def test_the_text_of_a_message_is_its_content_or_its_parts() -> None:
    contents: list[Any] = ["a", None, 3, []]
    assert [content_of({"content": one}) for one in contents] == ["a", "", "3", ""]
    assert content_of({}) == ""
    assert content_of({"content": [{"text": "a"}, "b", {"type": "image"}, {"text": 4}]}) == "a\n\n4"


def test_messages_are_texts_where_every_part_of_each_is_one() -> None:
    text, image = {"type": "text", "text": "a"}, {"type": "image_url"}
    assert are_texts([]) and are_texts([user("a"), user(None), user([text, text])])
    assert not are_texts([user([text]), user([text, image])]) and not are_texts([user(["a"])])


def test_a_conversation_goes_on_where_the_last_one_stands_in_front() -> None:
    before = [GO, says("a"), user("b")]
    assert goes_on(before, before) and goes_on(before, [*before, says("c")]) and goes_on([], [])
    assert not goes_on(before, before[:2]) and not goes_on(before, [GO, user("a"), user("b")])
    assert not goes_on(before, [GO, says("a"), user("c"), says("d")])
    assert goes_on([user("a")], [user([{"type": "text", "text": "a"}])])


def test_a_call_s_arguments_are_json_and_what_is_none_stands_as_it_was() -> None:
    assert text_of(Call("a", {"b": [1, "x"]})) == '{"b": [1, "x"]}'
    assert text_of(Malformed("a(", "open", "a")) == "a("
