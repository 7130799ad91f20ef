"""A user namespace can be entered while a process has a single thread, so commands do it before torch is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.small_runs import Listener, small_page, small_plan

from straw.config import dump
from straw.engines.monarch.processes import namespace as wall
from straw.training import session

SCRIPT = """
import os, sys
from straw.engines.monarch.processes import namespace as wall

def prepare():
    print(len(os.listdir("/proc/self/task")), "torch" in sys.modules, flush=True)
    os._exit(0)

wall.prepare = prepare
from straw.cli import main
main(sys.argv[1:])
"""


def prepared(*words: str) -> str:
    return subprocess.run([sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True, timeout=60).stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")
def test_train_and_resume_prepare_while_they_have_one_thread_and_no_torch(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(dump(small_page("engine=monarch").page))
    assert prepared("train", "secret", "engine=monarch") == "1 False\n"
    assert prepared("resume", str(tmp_path)) == "1 False\n"


@pytest.mark.parametrize(
    ("words", "calls"), [("engine=monarch", 1), ("engine=monarch shared_machine=false", 0), ("engine=local", 0)]
)
def test_only_a_page_that_needs_a_wall_enters_a_namespace(
    monkeypatch: pytest.MonkeyPatch, words: str, calls: int
) -> None:
    called: list[int] = []
    monkeypatch.setattr(wall, "prepare", lambda: called.append(1))
    wall.prepare_for(small_page(words).page.engine)
    assert len(called) == calls


@pytest.mark.parametrize("begin", ["run_page", "resume_run"])
def test_runs_of_a_sweep_prepare_too_where_they_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: str
) -> None:
    def stop(page: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(session, "prepare_for", stop)
    (tmp_path / "config.toml").write_text(dump(small_plan("engine=monarch").page))
    with pytest.raises(ZeroDivisionError):
        if begin == "run_page":
            session.run_page(small_page("engine=monarch"), Listener())
        else:
            session.resume_run(tmp_path, Listener())
