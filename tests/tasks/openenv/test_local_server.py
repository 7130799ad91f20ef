"""Servers that a run begins and ends: processes with an app of uvicorn's kind, which need nothing of OpenEnv."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from straw.errors import ConfigError
from straw.tasks.openenv import local_server
from straw.tasks.openenv.local_server import LocalServer
from straw.tasks.openenv.web_socket import SocketGone

pytest.importorskip("uvicorn", reason="uvicorn belongs to the extra dev")

APP = """
import json, sys

print("a word on the way")
sys.stderr.write("made by %s\\n" % sys.argv[1])


async def app(scope, receive, send):
    assert scope["type"] == "http"
    body = json.dumps({"action": {"path": scope["path"], "from": WHERE}}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})
"""


@pytest.fixture(autouse=True)
def python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRAW_OPENENV_PYTHON", sys.executable)


def folder_with(path: Path, app: str, named: str = "server.app:app") -> Path:
    (path / "server").mkdir(parents=True)
    (path / "server" / "app.py").write_text(app)
    (path / "openenv.yaml").write_text(f"name: it\napp: {named}\n")
    return path


def is_gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_server_is_begun_once_and_ended_and_begun_again_where_it_died(tmp_path: Path) -> None:
    own = LocalServer.of(folder_with(tmp_path / "game", APP.replace("WHERE", "'alone'")))
    server = own.running()
    assert server.schema(20.0) == {"action": {"path": "/schema", "from": "alone"}}
    assert own.running() is server and own.starts == 1
    assert "a word on the way" in own.said() and "made by server.app:app" in own.said()
    assert own.process is not None
    first = own.process
    first.kill()
    first.wait()
    again = own.running()
    assert again is not server and own.starts == 2 and again.schema(20.0)["action"]
    assert own.process is not None and own.process is not first
    pid = own.process.pid
    own.close()
    assert is_gone(pid) and (own.process, own.server, own.starts) == (None, None, 0)
    own.close()  # twice is no harm


def test_files_that_refer_to_each_other_are_a_package_of_the_folder_s_name(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "game", f"from ..words import WHERE\n{APP}")
    (folder / "words.py").write_text("WHERE = 'a package'\n")
    own = LocalServer.of(folder)
    assert own.running().schema(20.0)["action"]["from"] == "a package"
    own.close()


def test_one_that_does_not_begin_says_why_and_after_four_times_it_is_left(tmp_path: Path) -> None:
    own = LocalServer.of(folder_with(tmp_path / "game", "raise ValueError('no board' + '!' * 400)"))
    for _ in range(4):
        with pytest.raises(SocketGone, match=r"does not begin: .*!{200}$") as caught:
            own.running()
        assert len(str(caught.value).partition("begin: ")[2]) == 300  # the end of its log
        assert own.process is not None and is_gone(own.process.pid)
    with pytest.raises(SocketGone, match="died 4 times: "):
        own.running()
    own.close()
    assert own.starts == 0


def test_one_that_says_nothing_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_server, "START_S", 1.0)
    monkeypatch.setattr(local_server, "END_S", 0.2)
    own, began = LocalServer.of(folder_with(tmp_path / "game", "import time\ntime.sleep(60)")), time.monotonic()
    with pytest.raises(SocketGone, match="does not begin: it said nothing"):
        own.running()
    assert 1.0 <= time.monotonic() - began < 30
    assert own.process is not None and is_gone(own.process.pid)


def test_the_folder_s_own_interpreter_is_the_one_that_runs_it(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "game", APP)
    own = folder / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text("#!/bin/sh\necho it was asked for $2 >&2\n")
    own.chmod(0o700)
    with pytest.raises(SocketGone, match=r"does not begin: it was asked for server\.app:app"):
        LocalServer.of(folder).running()


@pytest.mark.parametrize(
    ("page", "app"),
    [
        ("app: server.app:app\n", "server.app:app"), ("name: a\napp: 'a:b'  # here\n", "a:b"), ('app: "a:b"\n', "a:b"),
        ("app: server.app\n", None), ("", None), ("app: a:b\napp: c:d\n", None), ("  app: a:b\n", None),
    ],
)  # fmt: skip
def test_a_page_names_one_app(tmp_path: Path, page: str, app: str | None) -> None:
    (tmp_path / "openenv.yaml").write_text(page)
    if app is None:
        with pytest.raises(ConfigError, match="names the app of its server in one line"):
            LocalServer.of(tmp_path)
    else:
        assert LocalServer.of(tmp_path).app == app


class Speaks:
    """A process that says this, and then ends or is silent."""

    def __init__(self, said: bytes, *, ends: bool) -> None:
        reading, self.writing = os.pipe()
        self.stdout = os.fdopen(reading, "rb", buffering=0)
        os.write(self.writing, said)
        if ends:
            os.close(self.writing)


@pytest.mark.parametrize(
    ("said", "ends", "port"),
    [
        (b'{"port": 8100}\n', False, 8100), (b'{"port": 8100}\n', True, 8100), (b'{"port": 8100}', True, None),
        (b'{"port": 8100}', False, None), (b"", True, None), (b"", False, None),
    ],
)  # fmt: skip
def test_a_port_is_a_whole_first_line_in_however_many_pieces(
    said: bytes, ends: bool, port: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = os.read
    monkeypatch.setattr(local_server, "START_S", 0.05)
    monkeypatch.setattr(local_server.os, "read", lambda file, most: read(file, min(most, 5)))
    process: Any = Speaks(said, ends=ends)
    assert local_server.port_said(process) == port


def test_a_process_that_has_ended_is_not_ended_again() -> None:
    begun: Any = SimpleNamespace(stdin=io.BytesIO(), stdout=io.BytesIO(), waits=[], kills=0)

    def wait(seconds: float | None = None) -> None:
        begun.waits.append(seconds)
        if seconds is not None:
            raise subprocess.TimeoutExpired("python", seconds)

    def kill() -> None:
        begun.kills += 1

    begun.wait, begun.kill = wait, kill
    local_server.end(begun)
    assert (begun.waits, begun.kills, begun.stdin.closed, begun.stdout.closed) == ([5.0, None], 1, True, True)
    local_server.end(begun)
    assert (len(begun.waits), begun.kills) == (2, 1)


def test_a_folder_without_a_page_says_how_one_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has none that can be read \(No such file or directory\): check the path"):
        LocalServer.of(tmp_path)


def test_the_last_words_are_three_hundred_characters_on_one_line() -> None:
    own = LocalServer(Path("game"), "a:b")
    assert own.said() == "it said nothing"
    own.log.write(b"a \n b\xff " + b"c" * 298)
    assert own.said() == "\ufffd " + "c" * 298
