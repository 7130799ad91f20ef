"""Another user of the machine calls every socket of a running job: behind the wall nobody answers."""

from __future__ import annotations

import errno
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.monarch_here import needs_monarch, why_open
from tests.small_runs import small_plan

from straw.engines.local.build import load_engine
from straw.engines.monarch.engine import MonarchEngine
from straw.engines.monarch.processes import namespace as wall
from straw.errors import ConfigError, EngineFailed

NOBODY, OTHER = 65534, 65533
HERE = Path(__file__).parents[1]
ROOT = HERE.parents[2]
PACKAGES = [path for path in sys.path if path.endswith("site-packages")]

needs_wall = pytest.mark.skipif(bool(why_open()), reason=f"no wall is to be had here: {why_open()}")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may act as another user")


@cache
def python_of_others() -> str:
    """An interpreter that any user may run, and that has Monarch; none is one in a home of root's."""
    ask = "import sys, importlib.util as u; print(sys.version_info.minor, u.find_spec('monarch') is not None)"
    for python in dict.fromkeys((sys.executable, f"/usr/bin/python3.{sys.version_info.minor}", "/usr/bin/python3")):
        try:
            done = as_user(NOBODY, [python, "-c", ask])
        except OSError:
            continue
        if done.stdout.strip() == f"{sys.version_info.minor} True":
            return python
    return ""


def as_user(user: int, command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT), *PACKAGES])
    environment = {"PYTHONPATH": path, "HOME": "/nonexistent", **more}
    return subprocess.run(
        command, user=user, group=user, extra_groups=[], env=environment, cwd="/", text=True,
        capture_output=True, timeout=60,
    )  # fmt: skip


@contextmanager
def job(kind: str, user: int | None = None) -> Iterator[dict[str, Any]]:
    """A running job; what it says of itself."""
    python = sys.executable if user is None else python_of_others()
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT), *PACKAGES])
    identity: dict[str, Any] = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    running = subprocess.Popen(
        [python, "-m", "tests.engines.monarch.job", kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": path}, cwd="/", **identity,
    )  # fmt: skip
    assert running.stdin is not None and running.stdout is not None
    try:
        yield json.loads(running.stdout.readline())
    finally:
        running.stdin.close()
        running.wait(30)
        running.stdout.close()


def attacked(how: str, names: list[str], seconds: int = 20) -> str:
    """What an attack brings; the attacker's own Monarch leaves things about, which are removed."""
    theirs = tempfile.mkdtemp()
    os.chmod(theirs, 0o777)
    there = set(Path("/tmp").iterdir())
    try:
        command = [python_of_others(), str(HERE / "attack.py"), how, str(seconds), *names]
        return as_user(OTHER, command, TMPDIR=theirs).stdout.strip()
    finally:
        for made in (Path(theirs), *(set(Path("/tmp").iterdir()) - there)):
            with suppress(FileNotFoundError):  # of somebody else, who has removed it
                if made == Path(theirs) or made.lstat().st_uid == OTHER:
                    shutil.rmtree(made)


def need_an_attacker() -> None:
    if not python_of_others():
        pytest.skip("no other user can run an interpreter with Monarch here")


@needs_monarch
@needs_root
@needs_wall
def test_behind_the_wall_no_other_user_reaches_a_socket_of_a_running_job() -> None:
    need_an_attacker()
    with job("walled") as running:
        main, thread, worker = running["namespaces"]
        assert thread == worker != main  # the main thread keeps the network that it had
        assert len(running["sockets"]) >= 2 and len(running["files"]) == 2 and running["in_the_open"] == []
        assert attacked("call", [*running["sockets"], *running["files"]]) == ""
        assert attacked("spawn", running["sockets"][:1], seconds=5) == ""


@needs_monarch
@needs_root
def test_without_it_another_user_runs_code_in_the_job_and_reads_its_secrets() -> None:
    """That the attack would succeed: what the test above shows is the wall's doing."""
    need_an_attacker()
    with job("open") as running:
        assert set(running["in_the_open"]) <= set(running["sockets"]) and running["in_the_open"]
        assert set(attacked("call", running["in_the_open"]).split()) == set(running["in_the_open"])
        assert attacked("spawn", running["in_the_open"][:1]) == f"{os.getuid()} of the job"


@needs_monarch
@needs_root
def test_a_user_without_privileges_has_a_wall_too() -> None:
    need_an_attacker()
    tried = as_user(NOBODY, ["unshare", "--map-current-user", "-n", "true"])
    if tried.returncode != 0:
        pytest.skip(f"users have no namespaces here: {tried.stderr.strip()}")
    theirs = Path("/tmp", pwd.getpwuid(NOBODY).pw_name)
    was_there = theirs.exists()
    with job("walled", NOBODY) as running:
        main, thread, worker = running["namespaces"]
        assert running["uid"] == NOBODY and thread == worker != main
        assert main == os.readlink("/proc/self/ns/net")
        assert attacked("call", running["sockets"]) == ""
    assert theirs.exists() == was_there  # Monarch's log is not there, nor its folder


@needs_monarch
@needs_wall
@pytest.mark.slow
def test_an_engine_whose_sockets_stand_outside_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a later Monarch does: it is looked at before a run trusts it."""
    page = small_plan("engine=monarch").page
    monkeypatch.setattr(wall, "in_the_open", lambda: ["@outside"])
    with pytest.raises(EngineFailed, match="stand outside of their wall: @outside"):
        MonarchEngine(page, load_engine(page), 1)


# --- where there is none


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """As in a process that has no wall yet, on a system that allows none."""
    monkeypatch.setattr(wall, "wall", None)
    monkeypatch.setattr(wall, "raised", wall.raised.__wrapped__)  # type: ignore[attr-defined]
    monkeypatch.setattr(wall, "unshare", lambda kinds: errno.EPERM)
    monkeypatch.delitem(sys.modules, "monarch._rust_bindings", raising=False)
    return monkeypatch


def test_without_a_wall_it_refuses_and_names_the_option(bare: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"operation not permitted.*write shared_machine=false\.$"):
        wall.raised(shared_machine=True)


def test_a_page_that_says_nobody_else_is_here_goes_on(bare: pytest.MonkeyPatch) -> None:
    assert wall.raised(shared_machine=False).missing
    with pytest.raises(ConfigError, match="began Monarch without it"):  # its threads stand in the open by now
        wall.raised(shared_machine=True)


def test_monarch_that_was_imported_before_stands_in_the_open(bare: pytest.MonkeyPatch) -> None:
    bare.setitem(sys.modules, "monarch._rust_bindings", object())
    with pytest.raises(ConfigError, match="monarch was imported before"):
        wall.raised(shared_machine=True)


def test_a_user_whose_threads_have_begun_is_told_what_begins_without(bare: pytest.MonkeyPatch) -> None:
    bare.setattr(wall.os, "geteuid", lambda: 1000)
    with pytest.raises(ConfigError, match="`straw train` asks before it has threads"):
        wall.raised(shared_machine=True)


@needs_wall
def test_a_thread_that_begins_behind_the_wall_has_other_networks_and_other_files(tmp_path: Path) -> None:
    place, found = wall.raised(shared_machine=True), []

    def look() -> None:
        found.append(os.readlink("/proc/thread-self/ns/net"))
        (tmp_path / "file").touch()

    place.begin(look, "look").join()
    assert found != [os.readlink("/proc/self/ns/net")]
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    (tmp_path / "other").touch()
    assert (tmp_path / "other").stat().st_mode & 0o777 != 0o600  # the others keep theirs
