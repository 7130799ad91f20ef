"""One episode at a server, with a session that says what it is told: what is sent, what is paid, and what fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from straw.tasks.environments.episode import Limits
from straw.tasks.openenv import episode as module
from straw.tasks.openenv.actions import Actions
from straw.tasks.openenv.episode import Manner, OpenEnvEpisode, float_of
from straw.tasks.openenv.sessions import Refused
from straw.tasks.openenv.web_socket import SocketGone
from straw.text.tools.calls import Call, Malformed, Read
from straw.types import Message

STEP = {"type": "function", "function": {"name": "step", "description": "", "parameters": {}}}
TEXT, TOOLS = Actions(field="message"), Actions(tools=(STEP,))


class Session:
    """Says one answer after the other; an exception is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.is_open = list(answers), True
        self.asked: list[tuple[str, Any, float]] = []

    async def ask(self, kind: str, data: Mapping[str, Any] | None, seconds: float) -> Any:
        self.asked.append((kind, data, seconds))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def observed(observation: Any = None, reward: Any = None, done: Any = False) -> dict[str, Any]:
    return {"observation": {"text": "ok"} if observation is None else observation, "reward": reward, "done": done}


def begun(
    *answers: Any, actions: Actions = TEXT, seed: int = 7, row: Mapping[str, Any] | None = None, result: int = 60,
    **manner: Any,
) -> tuple[OpenEnvEpisode, Session, list[Any]]:  # fmt: skip
    session, released = Session(*answers), []  # type: ignore[var-annotated]
    made = OpenEnvEpisode(
        name="game", session=session, manner=Manner(actions=actions, **manner),  # type: ignore[arg-type]
        asked=(Message("system", "Be brief."), Message("user", "Now: ")), row=row or {},
        limits=Limits(turns=4, seconds=10.0, result=result), seed=seed, release=released.append,
    )  # fmt: skip
    return made, session, released


def paid(rewards: Sequence[Any], **manner: Any) -> Any:
    """The play of an episode of texts whose turns pay these."""
    made, _, _ = begun(observed(), *(observed(reward=one) for one in rewards), {"n": 1}, **manner)
    made.open()
    for _ in rewards:
        made.answer(Read("", (), "a"))
    return made.close()


# --- its beginning


def test_a_reset_is_told_a_seed_of_31_bits_and_the_row_without_its_prompt() -> None:
    for seed, told in ((7, 7), (2**31 - 1, 2**31 - 1), (2**31, 0), (2**31 + 3, 3), (2**40 + 5, 5)):
        made, session, _ = begun(observed(), seed=seed, row={"prompt": "go", "level": 3})
        made.open()
        ((kind, data, seconds),) = session.asked
        assert (kind, data, seconds) == ("reset", {"seed": told, "level": 3}, 10.0)
    made, session, _ = begun(observed(), row={"seed": 11})
    made.open()
    assert session.asked[0][1] == {"seed": 11}


def test_the_first_observation_stands_behind_the_last_message() -> None:
    made, _, _ = begun(observed({"text": "a board"}))
    assert made.open() == (Message("system", "Be brief."), Message("user", "Now: a board"))
    assert made.instance.observation == {"text": "a board"} and not made.instance.done and made.reason == ""


def test_what_was_sent_ahead_is_not_sent_again() -> None:
    made, session, _ = begun(observed(), observed(reward=1.0), {"n": 1})
    made.begin()
    made.open()
    made.submit(Read("", (), "a"))
    made.answer(Read("", (), "a"))
    made.finish()
    play = made.close()
    assert [kind for kind, _, _ in session.asked] == ["reset", "step", "state"] and made.pending is None
    assert play.reward == 1.0 and made.instance.state == {"n": 1}


def test_an_episode_without_a_session_has_failed_before_it_begins() -> None:
    made, _, released = begun()
    made.session, made.reason = None, "there was none"
    made.begin()
    assert made.pending is None and made.open() is None
    play = made.close()
    assert (play.reason, play.reward, play.turn_rewards, released) == ("there was none", None, None, [])


def test_a_reset_that_is_refused_or_not_answered_is_the_reason() -> None:
    for answer, reason in ((Refused("X", "no board"), "game cannot be reset: no board"), (SocketGone("gone"), "gone")):
        made, session, released = begun(answer)
        assert made.open() is None and made.reason == reason
        play = made.close()
        assert (play.reason, play.reward) == (reason, None) and released == [session]
        assert [kind for kind, _, _ in session.asked] == ["reset"]  # its state is of no use


# --- its turns


def test_a_reply_is_the_whole_action_and_the_observation_a_user_s_message() -> None:
    made, session, _ = begun(observed(), observed({"text": "you said it"}, 0.5))
    made.open()
    found = made.answer(Read("around", (), "step(1) whole"))
    assert found == [{"role": "user", "name": "", "content": "you said it"}]
    assert session.asked[1][:2] == ("step", {"message": "step(1) whole"}) and made.heard == ["you said it"]
    assert made.calls == [] and made.turn_rewards == [0.5]


def test_a_text_that_is_refused_is_told_and_paid_nothing() -> None:
    made, _, _ = begun(observed(), Refused("X", "too long"), {"n": 1})
    made.open()
    found = made.answer(Read("", (), "a"))
    assert found == [{"role": "user", "name": "", "content": "{'error': 'too long'}"}]
    assert made.turn_rewards == [0.0] and made.instance.rewards == []
    assert made.close().reward == 0.0


CALLS = (
    Call("step", {"row": 1}), Call("fly", {"far": 2}), Malformed("step(", "it is not closed", "step"),
    Malformed("?", "odd"), Call("step", {"row": 3}), Call("step", {"row": 4}), Call("step", {"row": 5}),
)  # fmt: skip


def test_only_known_calls_are_steps_and_those_behind_the_end_are_not_made() -> None:
    made, session, _ = begun(
        observed(), observed({"text": "one"}, 1.0), Refused("X", "row: is taken"), observed({"text": "won"}, 2.0, True),
        {}, actions=TOOLS,
    )  # fmt: skip
    made.open()
    made.heard.append("")  # as if this were its second turn
    assert made.answer(Read("", CALLS)) is None  # it is done
    assert [data for kind, data, _ in session.asked if kind == "step"] == [{"row": 1}, {"row": 3}, {"row": 4}]
    assert [(one.turn, one.name, dict(one.arguments), one.status, one.result) for one in made.calls] == [
        (1, "step", {"row": 1}, "answered", "one"),
        (1, "fly", {"far": 2}, "unknown", "{'error': 'Tool fly not found.'}"),
        (1, "step", {}, "malformed", "{'error': 'this is no call, it is not closed'}"),
        (1, "", {}, "malformed", "{'error': 'this is no call, odd'}"),
        (1, "step", {"row": 3}, "failed", "{'error': 'row: is taken'}"),
        (1, "step", {"row": 4}, "answered", "won"),
    ]
    assert made.heard[1] == "\n".join(one.result for one in made.calls)
    assert made.turn_rewards == [3.0] and made.instance.rewards == [1.0, 2.0]
    assert made.instance.observation == {"text": "won"} and made.instance.done
    assert made.close().tools == ("step",)


def test_the_answers_to_calls_are_tools_messages_and_one_without_a_name_is_unknown() -> None:
    made, _, _ = begun(observed(), observed({"text": "one"}), actions=TOOLS)
    made.open()
    found = made.answer(Read("", (Call("step", {"row": 1}), Malformed("?", "odd"))))
    assert found == [
        {"role": "tool", "name": "step", "content": "one"},
        {"role": "tool", "name": "unknown", "content": "{'error': 'this is no call, odd'}"},
    ]


def test_calls_that_are_none_ask_nothing_and_a_turn_without_any_ends_the_episode() -> None:
    made, session, _ = begun(observed(), {}, actions=TOOLS)
    made.open()
    assert made.answer(Read("", (Malformed("?", "odd"),))) is not None
    assert made.answer(Read("I give up")) is None
    assert [kind for kind, _, _ in session.asked] == ["reset"]
    assert (made.heard[1], made.turn_rewards, made.instance.rewards) == ("", [0.0, 0.0], [])
    assert made.close().turn_rewards == (0.0, 0.0)


def test_what_a_model_reads_is_shortened_to_the_limit() -> None:
    long = "a" * 30 + "b" * 30
    made, _, _ = begun(observed(), observed({"text": long}), Refused("X", long), actions=TOOLS, result=20)
    made.open()
    made.answer(Read("", (Call("step", {}), Call("step", {}))))
    assert made.calls[0].result == "a" * 15 + "\n[40 characters left out]\n" + "b" * 5
    assert made.calls[1].result == "{'error': 'aaaa\n[53 characters left out]\nbbb'}"
    first, _, _ = begun(observed({"text": long}), result=20)
    assert first.open()[-1].content == "Now: " + "a" * 15 + "\n[40 characters left out]\n" + "b" * 5  # type: ignore[index]


def test_the_named_fields_alone_are_read_and_what_is_no_observation_is_written_out() -> None:
    made, _, _ = begun(observed({"board": "x o", "secret": 3}), observed("a text"), fields=("board",))
    assert made.open()[-1].content == "Now: x o"  # type: ignore[index]
    assert made.answer(Read("", (), "a")) == [{"role": "user", "name": "", "content": "a text"}]
    assert made.instance.observation == {}


def test_done_is_true_and_nothing_else() -> None:
    for done, ends in ((True, True), (False, False), (1, False), ("yes", False), (None, False)):
        made, _, _ = begun(observed(), observed(done=done))
        made.open()
        assert (made.answer(Read("", (), "a")) is None) is ends and made.instance.done is ends


def test_a_step_that_is_not_answered_is_the_reason_and_an_empty_turn() -> None:
    made, session, released = begun(observed(), SocketGone("late"))
    made.open()
    assert made.answer(Read("", (), "a")) is None
    assert (made.reason, made.heard, made.turn_rewards) == ("late", [""], [])
    play = made.close()
    assert (play.reason, play.reward, released) == ("late", None, [session])
    assert [kind for kind, _, _ in session.asked] == ["reset", "step"]


# --- what it pays


@pytest.mark.parametrize(
    ("rewards", "manner", "reward", "by_turn"),
    [
        ([0.25, 0.5, 1.0], {}, 1.75, (0.25, 0.5, 1.0)),
        ([0.25, None, 1.0], {}, 1.25, (0.25, 0.0, 1.0)),
        ([None, None], {}, 0.0, (0.0, 0.0)),
        ([], {}, 0.0, None),
        ([0.25, 0.5, 1.0], {"by_turn": False}, 1.0, None),
        ([0.25, 0.5, None], {"by_turn": False}, 0.5, None),
        ([0.0, 0.5, 0.0], {"by_turn": False}, 0.0, None),
        ([None, None], {"by_turn": False}, 0.0, None),
        ([True, False, 2], {}, 3.0, (1.0, 0.0, 2.0)),
    ],
)
def test_an_episode_is_paid_the_sum_of_its_steps_or_the_last_of_them(
    rewards: list[Any], manner: dict[str, Any], reward: float, by_turn: tuple[float, ...] | None
) -> None:
    play = paid(rewards, **manner)
    assert (play.reward, play.turn_rewards, play.reason) == (reward, by_turn, "")


@pytest.mark.parametrize("reward", [float("nan"), float("inf"), "much", [1.0], 10**400], ids=lambda one: f"{one!r:.9}")
def test_a_reward_that_is_no_finite_number_fails_the_episode(reward: Any) -> None:
    made, session, _ = begun(observed(), observed(reward=reward))
    made.open()
    assert made.answer(Read("", (), "a")) is None
    play = made.close()
    assert play.reason == f"game pays a finite number or nothing, and paid {reward!r:.40}"
    assert (play.reward, play.turn_rewards) == (None, None)
    assert [kind for kind, _, _ in session.asked] == ["reset", "step"]


def test_numbers_and_truths_are_rewards_and_all_else_is_none() -> None:
    assert [float_of(one) for one in (2, 0.5, True, -3)] == [2.0, 0.5, 1.0, -3.0]
    assert all(float_of(one) != float_of(one) for one in (None, "1", [1], -(10**400)))


@pytest.mark.parametrize(
    ("rewards", "at", "solved"),
    [([0.5, 0.5], None, None), ([0.5, 0.5], 1.0, True), ([0.5, 0.5], 1.01, False), ([], 0.0, True), ([], 0.1, False)],
)
def test_an_episode_is_solved_from_the_named_reward_on(
    rewards: list[float], at: float | None, solved: bool | None
) -> None:
    assert paid(rewards, solved_at=at).solved is solved


def test_an_episode_that_failed_is_not_solved_however_low_the_reward_that_is_named() -> None:
    assert paid(["much"], solved_at=-1.0).solved is False


# --- its end


def test_the_state_at_the_end_is_kept_where_there_is_one() -> None:
    for answer, state in (({"n": 3}, {"n": 3}), (Refused("X", "none"), {})):
        made, session, released = begun(observed(), answer)
        made.open()
        assert made.close().reason == "" and made.instance.state == state
        assert session.asked[-1][:2] == ("state", None) and released == [session]
    made, session, _ = begun(observed(), SocketGone("gone"))
    made.open()
    assert made.close().reason == "gone"


def test_a_session_that_is_closed_is_not_asked_for_its_state() -> None:
    made, session, released = begun(observed())
    made.open()
    session.is_open = False
    assert made.close().reason == "" and len(session.asked) == 1 and released == [session]


def test_time_is_counted_while_an_answer_is_awaited_and_the_end_has_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    made, session, _ = begun(observed(), observed(reward=1.0), observed(reward=1.0), {"n": 1}, actions=TOOLS)
    asks = session.ask

    async def slowly(kind: str, data: Any, seconds: float) -> Any:
        now[0] += 3.00004
        return await asks(kind, data, seconds)

    monkeypatch.setattr(session, "ask", slowly)
    made.open()
    assert [made.seconds, made.left] == pytest.approx([3.00004, 6.99996])
    now[0] += 50  # a model's own time is not the environment's
    made.answer(Read("", (Call("step", {}), Call("step", {}))))
    assert [round(seconds, 3) for _, _, seconds in session.asked] == [10.0, 7.0, 4.0]
    assert made.left == pytest.approx(0.99988)
    assert made.close().seconds == 12.0002
    assert session.asked[-1][2] == 1.0  # though less was left
