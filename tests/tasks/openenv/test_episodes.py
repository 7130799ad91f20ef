"""Episodes at a server that is pretended: tokens, rewards, capacity, and every way in which a server fails."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from tests.made_environments import Say, Scripted
from tests.pretend.openenv_server import Visit, echo, observed, serving, stopped

from straw import outside
from straw.engines.base import SamplingParams
from straw.errors import ConfigError
from straw.rollouts.collect import SeedKey
from straw.rollouts.worlds import play
from straw.tasks.openenv.options import OpenEnvOptions
from straw.tasks.openenv.task import OpenEnv
from straw.types import End, Message, Played

PARAMS = SamplingParams(max_tokens=200)
MOVE = {"properties": {"row": {"type": "integer"}}, "required": ["row"]}


def task_at(place: str, **options: Any) -> OpenEnv:
    return OpenEnv.from_options(
        OpenEnvOptions(kind=f"openenv:{place}", **{"max_turns": 4, "env_seconds": 5.0} | options)
    )


def played(task: OpenEnv, say: Say, size: int = 1, groups: int = 1, **sampler: Any) -> list[Played]:
    keys = [[(SeedKey(seed=0, step=1, group=group), sample) for sample in range(size)] for group in range(groups)]
    rows = play(Scripted(say, **sampler), task, [task.problem(0)] * groups, keys, PARAMS)
    return [one for row in rows for one in row]


def test_an_episode_of_texts_is_the_tokens_of_its_conversation() -> None:
    said = ["a", "bb(1)", "ccc"]
    with serving() as server:
        (done,) = played(task_at(server.url), lambda row, turn: said[turn])
    chat = Scripted(lambda row, turn: "").chat
    messages = [("user", "go on"), ("assistant", "a"), ("user", "you said a"), ("assistant", "bb(1)"),
                ("user", "you said bb(1)"), ("assistant", "ccc")]  # fmt: skip
    whole = chat.written([Message(*one) for one in messages], speak=False)
    tokens = done.turns[-1].prompt + done.turns[-1].reply
    assert tokens == tuple(chat.tokenizer.encode(whole, add_special_tokens=False))
    assert done.end is End.ANSWERED and done.play is not None
    assert done.play.turn_rewards == (0.1, 0.5, 0.3)
    assert done.play.reward == pytest.approx(0.9)
    assert done.play.heard[-1] == "you said ccc"
    assert done.environment.state == {"step_count": 3} and done.environment.done


def test_a_group_plays_with_one_seed_and_another_group_with_another() -> None:
    with serving() as server:
        played(task_at(server.url), lambda row, turn: "a", size=3, groups=2)
    assert [len(visit.seeds) for visit in server.visits] == [1] * 6
    assert len({seed for visit in server.visits for seed in visit.seeds}) == 2


def test_where_a_server_has_two_sessions_two_episodes_are_played_at_a_time() -> None:
    with serving(capacity=2) as server:
        done = played(task_at(server.url), lambda row, turn: "a" * (turn + 1), size=5)
    assert [one.play.reward for one in done if one.play is not None] == [pytest.approx(0.6)] * 5
    assert server.most_at_once == 2
    assert sum(len(visit.seeds) for visit in server.visits) == 5


def test_many_episodes_wait_together() -> None:
    async def slowly(visit: Visit, message: Any) -> Any:
        await asyncio.sleep(0.05)
        return echo(visit, message)

    with serving(slowly) as server:
        task = task_at(server.url)
        task.room_for(32)
        began = time.monotonic()
        done = played(task, lambda row, turn: "a", size=32)
        took = time.monotonic() - began
    assert all(one.end is End.ANSWERED for one in done)
    assert took < 32 * 5 * 0.05 / 2  # one after the other it were 8 s


def test_calls_are_steps_and_what_is_behind_the_end_is_not_made() -> None:
    def board(visit: Visit, message: Any) -> Any:
        if message["type"] != "step":
            return observed("a board") if message["type"] == "reset" else {"type": "state", "data": {}}
        if message["data"].get("row") == 7:
            why = [{"loc": ["row"], "msg": "is too large"}]
            return {"type": "error", "data": {"code": "VALIDATION_ERROR", "message": "Invalid message", "errors": why}}
        return observed(f"row {message['data']['row']}", 1.0, message["data"]["row"] == 9)

    said = ["step(1)\nstep(7)\nfly(1)\nstep(", "step(2)\nstep(9)\nstep(3)"]
    with serving(board, action=MOVE) as server:
        (done,) = played(task_at(server.url), lambda row, turn: said[turn])
    assert done.play is not None
    assert [(one.turn, one.status, one.result) for one in done.play.calls[:3]] == [
        (0, "answered", "row 1"), (0, "failed", "{'error': 'row: is too large'}"),
        (0, "unknown", "{'error': 'Tool fly not found.'}"),
    ]  # fmt: skip
    assert done.play.calls[3].status == "malformed"
    assert [one.result for one in done.play.calls[4:]] == ["row 2", "row 9"]
    assert done.play.turn_rewards == (1.0, 2.0)
    assert done.end is End.ANSWERED and not done.grade.well_formed


def test_the_last_reward_can_be_the_episodes_and_say_what_is_solved() -> None:
    with serving() as server:
        (done,) = played(task_at(server.url, episode_reward="last", solved_at=0.3), lambda row, turn: "a" * (turn + 1))
    assert done.play is not None and done.play.reward == pytest.approx(0.3)
    assert done.play.turn_rewards is None and done.play.solved is True


def test_a_conversation_that_makes_no_call_is_over_and_paid_what_was_paid() -> None:
    with serving(action=MOVE) as server:
        (done,) = played(task_at(server.url), lambda row, turn: "I give up")
    assert done.end is End.ANSWERED and done.play is not None and done.play.reward == 0.0


# --- failures


def dies_at_step_two(visit: Visit, message: Any) -> Any:
    return None if visit.steps == 2 else echo(visit, message)


def never_answers(visit: Visit, message: Any) -> Any:
    return asyncio.sleep(60) if message["type"] == "step" else echo(visit, message)


def raises_in_reset(visit: Visit, message: Any) -> Any:
    if message["type"] != "reset":
        return echo(visit, message)
    return {"type": "error", "data": {"code": "EXECUTION_ERROR", "message": "no board"}}


def pays_nan(visit: Visit, message: Any) -> Any:
    return observed("a", float("nan"), True) if message["type"] == "step" else echo(visit, message)


def pays_a_word(visit: Visit, message: Any) -> Any:
    return observed("a", "much", True) if message["type"] == "step" else echo(visit, message)  # type: ignore[arg-type]


def speaks_otherwise(visit: Visit, message: Any) -> Any:
    return "hello" if message["type"] == "step" else echo(visit, message)


def confuses(visit: Visit, message: Any) -> Any:
    return {"type": "state", "data": {}} if message["type"] == "step" else echo(visit, message)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (dies_at_step_two, "closed the connection"),
        (never_answers, "did not answer within"),
        (raises_in_reset, "cannot be reset: no board"),
        (pays_nan, "finite number"),
        (pays_a_word, "finite number"),
        (speaks_otherwise, "does not speak OpenEnv's protocol: it said 'hello'"),
        (confuses, "answered step with 'state'"),
    ],
)
def test_what_fails_is_an_episode_with_its_reason(answer: Any, why: str) -> None:
    with serving(answer) as server:
        done = played(task_at(server.url, env_seconds=0.5), lambda row, turn: "a", size=2)
    for one in done:
        assert one.end is End.FAILED and one.play is not None
        assert why in one.play.reason and one.play.reward is None


def test_a_server_that_is_gone_fails_episodes_at_once_and_one_that_comes_back_is_used_again() -> None:
    with serving() as server:
        task = task_at(server.url)
        assert played(task, lambda row, turn: "a")[0].end is End.ANSWERED
        stopped(server)
        time.sleep(0.2)
        done = played(task, lambda row, turn: "a", size=50)
    assert {one.end for one in done} == {End.FAILED}
    (reason,) = {one.play.reason for one in done if one.play is not None}
    assert f"127.0.0.1:{server.port} cannot be reached" in reason
    with serving() as another:
        task.pool.place = type(task.pool.place)(another.url)  # type: ignore[call-arg]
        assert played(task, lambda row, turn: "a")[0].end is End.ANSWERED


def test_a_session_that_was_late_is_not_used_again() -> None:
    late = [True]

    def first_late(visit: Visit, message: Any) -> Any:
        if message["type"] == "step" and late:
            late.clear()
            return asyncio.sleep(60)
        return echo(visit, message)

    with serving(first_late) as server:
        task = task_at(server.url, env_seconds=0.3)
        assert played(task, lambda row, turn: "a")[0].end is End.FAILED
        assert played(task, lambda row, turn: "a")[0].play.heard[0] == "you said a"  # type: ignore[union-attr]
        assert len(server.visits) == 2


# --- before a run


def test_nobody_at_the_address_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    with pytest.raises(ConfigError, match=f"127.0.0.1:{port} cannot be reached"):
        _ = task_at(f"http://127.0.0.1:{port}").actions


def test_a_server_of_something_else_is_one_line() -> None:
    with serving(action={"a": 1}) as server:
        server.action = []  # type: ignore[assignment]
        with pytest.raises(ConfigError, match="no OpenEnv server: its /schema names no action"):
            _ = task_at(server.url).actions


@pytest.mark.parametrize(
    ("place", "why"),
    [("", "wants a place"), ("http://", "HOST:PORT"), ("http://a:1/?x=1", "HOST:PORT"), ("nowhere", "openenv.yaml")],
)
def test_bad_places(place: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "check_server", lambda place: None)
    with pytest.raises(ConfigError, match=why):
        task_at(place)


def test_a_folder_names_its_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "check_server", lambda place: None)
    (tmp_path / "openenv.yaml").write_text("name: a\n")
    with pytest.raises(ConfigError, match="app: server"):
        task_at(str(tmp_path))
    (tmp_path / "openenv.yaml").write_text("name: a\napp: server.app:app  # here\n")
    assert task_at(str(tmp_path)).pool.place.app == "server.app:app"  # type: ignore[union-attr]


def test_a_place_that_a_page_names_has_to_be_trusted(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(outside, "said", set())
    (folder := tmp_path / "game").mkdir()
    (folder / "openenv.yaml").write_text("app: server.app:app\n")
    (folder / "app.py").write_text("app = 1\n")
    with pytest.raises(ConfigError, match="trust_code="):
        task_at(str(folder))
    with pytest.raises(ConfigError, match=r"trust_code=example\.org"):
        task_at("https://example.org:8000")
    outside.trust(f"openenv:{folder}")
    assert task_at(str(folder)).name == "game"
    (folder / "app.py").write_text("app = 2\n")
    with pytest.raises(ConfigError, match="trust_code="):
        task_at(str(folder))


def test_success_is_known_where_the_page_says_from_which_reward_on() -> None:
    for options, knows in (({}, False), ({"solved_at": 0.0}, True), ({"solved_at": 1.0}, True)):
        task = task_at("http://127.0.0.1:9", **options)
        assert task.knows_success is knows and task.pays and task.name == "127.0.0.1:9"


def test_at_the_reward_that_is_named_an_episode_is_solved_and_below_it_is_not() -> None:
    for at, solved in ((0.3, True), (0.31, False)):
        with serving() as server:
            (done,) = played(
                task_at(server.url, episode_reward="last", solved_at=at), lambda row, turn: "a" * (turn + 1)
            )
        assert done.play is not None and done.play.reward == pytest.approx(0.3) and done.play.solved is solved
