"""Against OpenEnv itself: the template of `openenv init`, an environment with tools of its own, and its own client.

Needs an interpreter that has openenv (straw worlds add openenv, or STRAW_OPENENV_PYTHON), in a virtual environment of
its own.
"""

from __future__ import annotations

import gc
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.made_environments import Say, Scripted
from tests.server.play.test_play import secret, served

from straw import outside
from straw.engines.base import SamplingParams
from straw.rollouts.collect import SeedKey
from straw.rollouts.worlds import play
from straw.tasks.environments.own_python import python_of
from straw.tasks.openenv.local_server import LocalServer
from straw.tasks.openenv.options import OpenEnvOptions
from straw.tasks.openenv.task import OpenEnv
from straw.types import End, Message, Played

pytestmark = pytest.mark.slow
WITH_TOOLS = '''
from fastmcp import FastMCP
from openenv.core.env_server.http_server import create_app
from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation
from openenv.core.env_server.types import Observation, State


class Sums(MCPEnvironment):
    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self):
        server = FastMCP("sums")

        @server.tool
        def add(a: int, b: int) -> int:
            """Adds."""
            return a + b

        super().__init__(server)
        self._state = State(episode_id="", step_count=0)

    def reset(self, seed=None, episode_id=None, **kwargs):
        return Observation(done=False, reward=0.0, metadata={})

    def _step_impl(self, action, timeout_s=None, **kwargs):
        return Observation(done=False, reward=0.0, metadata={})

    @property
    def state(self):
        return self._state


app = create_app(Sums, CallToolAction, CallToolObservation, env_name="sums", max_concurrent_envs=4)
'''
CLIENT = """
import sys
from openenv.core.generic_client import GenericEnvClient

with GenericEnvClient(base_url=sys.argv[1]).sync() as env:
    right = []
    for guess in range(8):
        assert not env.reset(seed=guess).done
        found = env.step({"message": str(guess)})
        assert found.done and found.reward in (0.0, 1.0)
        right += [guess] * int(found.reward)
    print(right, env.state()["step_count"])
"""


@pytest.fixture(scope="module")
def python() -> Path:
    found = python_of("openenv")
    if found is None:
        pytest.skip("no interpreter has openenv: straw worlds add openenv")
    return found


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "check_server", lambda place: None)


def task_in(folder: Path, **options: Any) -> OpenEnv:
    return OpenEnv.from_options(OpenEnvOptions(kind=f"openenv:{folder}", max_turns=3, **options))


def played(task: OpenEnv, say: Say, size: int) -> list[Played]:
    keys = [[(SeedKey(seed=0, step=1, group=0), sample) for sample in range(size)]]
    (row,) = play(Scripted(say), task, [task.problem(0)], keys, SamplingParams(max_tokens=200))
    return row


def test_the_template_of_openenv_init_runs_as_it_is(python: Path, tmp_path: Path, trusted: None) -> None:
    command = [str(python), "-m", "openenv.cli", "init", "echo_game", "--output-dir", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    task = task_in(tmp_path / "echo_game")
    assert task.actions.field == "message"
    assert task.room_for(4) == 1  # as its template says
    done = played(task, lambda row, turn: "a" * (turn + 1), size=3)
    chat = Scripted(lambda row, turn: "").chat
    heard = "echoed_message: {}\nmessage_length: {}"
    ready = heard.format("Echo Game environment ready!", 0)
    messages = [("user", ready), ("assistant", "a"), ("user", heard.format("a", 1)), ("assistant", "aa"),
                ("user", heard.format("aa", 2)), ("assistant", "aaa")]  # fmt: skip
    text = chat.written([Message(*one) for one in messages], speak=False)
    for one in done:
        assert one.end is End.OUT_OF_TURNS and one.play is not None and not one.play.reason
        assert one.turns[-1].prompt + one.turns[-1].reply == tuple(
            chat.tokenizer.encode(text, add_special_tokens=False)
        )
        assert one.play.turn_rewards == pytest.approx((0.1, 0.2, 0.3))
    server = task.pool.place
    assert isinstance(server, LocalServer) and server.process is not None
    server.process.kill()
    server.process.wait()
    (after,) = played(task, lambda row, turn: "a", size=1)
    assert after.end is End.OUT_OF_TURNS and server.starts == 2  # it was begun again
    process = server.process
    del task, server, done, after, one  # whoever drops the task ends the server
    gc.collect()
    assert process.wait(30) == 0


def test_an_environment_with_tools_of_its_own(python: Path, tmp_path: Path, trusted: None) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "openenv.yaml").write_text("name: sums\napp: server.app:app\n")
    (tmp_path / "server" / "app.py").write_text(WITH_TOOLS)
    task = task_in(tmp_path)
    assert task.actions.is_mcp and task.actions.names == ("add",)
    (done,) = played(task, lambda row, turn: ["add(2, 3)\nadd('x', 1)", "5"][turn], size=1)
    assert done.play is not None and done.end is End.ANSWERED
    first, second = done.play.calls
    assert (first.result, first.status) == ("5", "answered")
    assert "error" in second.result.lower()


def test_openenvs_own_client_plays_what_straw_serves(python: Path) -> None:
    with served(secret()) as server:
        ran = subprocess.run(
            [str(python), "-c", CLIENT, server.url], capture_output=True, text=True, timeout=300, check=False
        )
    assert ran.returncode == 0, ran.stderr
    right, steps = ran.stdout.split()
    assert len(right) == 3 and steps == "1"
    assert threading.active_count() < 50
