"""OpenEnv as a task: which place a name means, what its options become, and who plays when the server is full."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from straw import outside
from straw.errors import ConfigError
from straw.tasks.environments.episode import Limits
from straw.tasks.environments.rows import Rows
from straw.tasks.openenv.actions import Actions
from straw.tasks.openenv.local_server import LocalServer
from straw.tasks.openenv.options import OpenEnvOptions
from straw.tasks.openenv.pool import Pool
from straw.tasks.openenv.sessions import Refused, Server
from straw.tasks.openenv.task import OpenEnv, place_of
from straw.tasks.openenv.web_socket import SocketGone


@pytest.fixture(autouse=True)
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which places a person would be asked about."""
    asked: list[str] = []
    monkeypatch.setattr(outside, "check_server", asked.append)
    return asked


@pytest.mark.parametrize(
    ("place", "url"),
    [
        ("http://a:1", "http://a:1"), ("https://a", "https://a"), ("ws://a:1/", "http://a:1"),
        ("wss://a/b/c//", "https://a/b/c"), ("http://a/b/", "http://a/b"),
    ],
)  # fmt: skip
def test_a_server_is_written_with_any_of_four_schemes(place: str, url: str, checked: list[str]) -> None:
    assert place_of(place) == Server(url) and checked == [place]


@pytest.mark.parametrize("place", ["http://", "http://a?x=1", "http://a#b", "http://me@a:1", "http://me:word@a"])
def test_a_server_s_address_is_a_host_and_a_path_and_no_more(place: str, checked: list[str]) -> None:
    with pytest.raises(ConfigError, match="a server is written openenv:http://HOST:PORT; got openenv:"):
        place_of(place)
    assert checked == []


@pytest.mark.parametrize("place", ["", "NAME"])
def test_a_place_has_to_be_named(place: str) -> None:
    with pytest.raises(ConfigError, match="openenv wants a place"):
        place_of(place)


def test_any_other_place_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checked: list[str]) -> None:
    (tmp_path / "openenv.yaml").write_text("app: server.app:app\n")
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    found = place_of(f"~/{tmp_path.name}")
    assert isinstance(found, LocalServer) and (found.folder, found.app) == (tmp_path, "server.app:app")
    assert checked == [f"~/{tmp_path.name}"]

    def refuse(place: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(outside, "check_server", refuse)
    with pytest.raises(ConfigError, match="openenv:FOLDER is a folder to be read; Permission denied: mine"):
        place_of("mine")


def task_at(place: str = "http://a:1", **options: Any) -> OpenEnv:
    return OpenEnv.from_options(OpenEnvOptions(kind=f"openenv:{place}", **options))


def test_what_is_not_chosen_is_a_sum_of_all_steps_read_in_full_and_never_known_to_be_right() -> None:
    task = task_at()
    assert (task.action, task.fields, task.by_turn, task.solved_at, task.tool_form) == ("auto", (), True, None, "auto")
    assert task.limits == Limits(turns=10, seconds=60.0, result=2_000) and task.rows == Rows()
    assert (task.name, task.pays, task.knows_success) == ("a:1", True, False)
    assert OpenEnv(name="a", rows=Rows(), limits=task.limits, pool=task.pool) == OpenEnv(
        name="a",
        rows=Rows(),
        limits=task.limits,
        pool=task.pool,
        action="auto",
        fields=(),
        by_turn=True,
        solved_at=None,
    )


def test_what_is_chosen_reaches_the_episodes() -> None:
    task = task_at(
        action="text", observation=("board",), episode_reward="last", solved_at=0.0, tool_form="plain", max_turns=3,
        env_seconds=2.0, max_result=50, max_episode_tokens=99, num_problems=4, task_seed=5,
    )  # fmt: skip
    assert (task.action, task.fields, task.by_turn, task.solved_at) == ("text", ("board",), False, 0.0)
    assert task.limits == Limits(turns=3, seconds=2.0, result=50, tokens=99) and task.knows_success
    assert (task.rows, task.tool_form) == (Rows(limit=4, seed=5), "plain")


def test_a_folder_names_its_task(tmp_path: Path) -> None:
    (tmp_path / "game").mkdir()
    (tmp_path / "game" / "openenv.yaml").write_text("app: a:b\n")
    assert task_at(f"{tmp_path}/game/../game").name == "game"


class Session:
    is_open = True

    def __init__(self, answer: Any = None) -> None:
        self.answer, self.asked = answer, []  # type: ignore[var-annotated]

    async def ask(self, kind: str, data: Any, seconds: float) -> Any:
        self.asked.append((kind, data, seconds))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def with_pool(schema: dict[str, Any], *idle: Session, place: Any = None, **options: Any) -> OpenEnv:
    task = task_at(**options)
    pool = Pool(place or Server("http://a:1"), idle=list(idle), known={"action": schema}, reason="it is full")  # type: ignore[arg-type]
    return OpenEnv(
        name="game", rows=task.rows, limits=task.limits, pool=pool, action=task.action, fields=task.fields,
        by_turn=task.by_turn, solved_at=task.solved_at,
    )  # fmt: skip


BOTH: dict[str, Any] = {
    "properties": {"message": {"type": "string"}, "row": {"type": "number"}},
    "required": ["message"],
}


def test_the_form_of_an_action_is_the_server_s_or_the_one_that_is_chosen() -> None:
    assert with_pool(BOTH).actions == Actions(field="message")
    as_tools = with_pool(BOTH, action="tools")
    assert as_tools.actions.names == ("step",) and as_tools.schemas(as_tools.problem(0)) == as_tools.actions.tools
    both = {"properties": {**BOTH["properties"]}, "required": ["row", "message"]}
    assert with_pool(both, action="text").actions == Actions(field="message")
    assert with_pool(both).actions.field is None


def test_tools_of_a_server_s_own_are_asked_for_once_by_a_session_that_goes_back() -> None:
    tool = {"name": "add", "description": "Adds.", "input_schema": {"type": "object"}}
    session: Any = Session({"observation": {"tools": [tool]}})
    task = with_pool({}, session)
    assert task.actions.is_mcp and task.actions.names == ("add",) and task.actions.field is None
    assert task.actions is task.actions and session.asked == [("step", {"type": "list_tools"}, 10.0)]
    assert task.pool.idle == [session]
    assert with_pool({}, Session({})).actions == Actions(is_mcp=True)  # it names none
    with pytest.raises(ConfigError, match="calls of its tools, and it names none: not here"):
        _ = with_pool({}, Session(Refused("X", "not here"))).actions


def test_where_nobody_answers_an_address_is_asked_about_and_a_folder_is_not() -> None:
    with pytest.raises(ConfigError) as caught:
        _ = with_pool({}).actions
    assert str(caught.value) == "openenv: it is full: is that its address?"
    with pytest.raises(ConfigError) as caught:
        _ = with_pool({}, place=LocalServer(Path("game"), "a:b")).actions
    assert str(caught.value) == "openenv: it is full"


def test_an_episode_is_begun_with_what_the_task_knows() -> None:
    session: Any = Session()
    task = with_pool(BOTH, session, observation=("board",), episode_reward="last", solved_at=2.0, env_seconds=4.0)
    problem = task.asked({"prompt": "go", "level": 3})
    episode = task.episode(problem, 77)
    assert episode.session is not None and episode.session is session
    assert (episode.name, episode.seed, episode.reason) == ("game", 77, "")
    assert (episode.asked, episode.row) == (problem.messages, {"prompt": "go", "level": 3})
    manner = episode.manner
    assert (manner.fields, manner.by_turn, manner.solved_at, episode.limits.seconds) == (("board",), False, 2.0, 4.0)
    episode.release(episode.session)
    assert task.pool.idle == [session]
    second, third = task.episode(problem, 1), task.episode(problem, 2)
    assert second.session is session and third.session is None and third.reason == "it is full"


def test_as_many_episodes_play_at_once_as_there_are_sessions_and_where_there_are_none_all_fail_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = with_pool(BOTH)
    for has, room in ((3, 3), (5, 5), (0, 5)):
        monkeypatch.setattr(Pool, "fill", lambda self, wanted: has)  # noqa: B023
        assert task.room_for(5) == room


def test_a_task_that_is_over_closes_its_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Pool] = []
    monkeypatch.setattr(Pool, "close", lambda self: closed.append(self))
    task = with_pool(BOTH)
    task.close()
    assert closed == [task.pool]


def test_a_server_that_dies_while_its_tools_are_asked_for_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"^openenv: a:1 closed the connection: is that its address\?$"):
        _ = with_pool({}, Session(SocketGone("a:1 closed the connection"))).actions
