"""Which interpreter has a library that cannot live beside straw, and how one is made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from straw.errors import ConfigError, StrawError
from straw.tasks.environments import own_python
from straw.tasks.environments.own_python import folder_of, make, needed_python, python_in, python_of


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRAW_HOME", str(tmp_path))
    for library in ("OPENENV", "VERIFIERS"):
        monkeypatch.delenv(f"STRAW_{library}_PYTHON", raising=False)


def made(library: str) -> Path:
    python = python_in(folder_of(library))
    python.parent.mkdir(parents=True)
    python.touch()
    return python


def test_the_one_that_is_named_comes_first_then_the_one_that_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_python, "find_spec", lambda name: None)
    assert python_of("openenv") is None
    with pytest.raises(ConfigError, match="there is none yet: straw worlds add openenv"):
        needed_python("openenv")
    ours = made("openenv")
    assert python_of("openenv") == needed_python("openenv") == ours and python_of("verifiers") is None
    assert ours == tmp_path.joinpath(*ours.relative_to(tmp_path).parts) and ours.parts[-4:-1] == (
        "worlds", "openenv", "bin"
    )  # fmt: skip
    monkeypatch.setenv("STRAW_OPENENV_PYTHON", sys.executable)
    assert python_of("openenv") == Path(sys.executable)
    monkeypatch.setenv("STRAW_OPENENV_PYTHON", "/nowhere/python")
    with pytest.raises(
        ConfigError, match="STRAW_OPENENV_PYTHON names the python that has openenv; there is no /nowhere"
    ):
        python_of("openenv")


def test_this_interpreter_will_do_where_it_has_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_python, "find_spec", lambda name: object() if name == "verifiers" else None)
    assert python_of("verifiers") == Path(sys.executable) and python_of("openenv") is None


def test_an_environment_is_made_once_and_gets_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Any] = []
    said: list[str] = []

    def run(command: list[str], **options: Any) -> Any:
        assert options == {"capture_output": True, "text": True, "timeout": 1800.0, "check": False}
        ran.append(command)
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(subprocess, "run", run)
    folder = folder_of("openenv")
    assert make("openenv", ["more"], said.append) == python_in(folder)
    install = [str(python_in(folder)), "-m", "pip", "install", "--quiet", "openenv>=0.10,<0.11", "more"]
    assert ran == [[sys.executable, "-m", "venv", str(folder)], install]
    assert said == [f"making {folder}", "installing openenv>=0.10,<0.11 more"]
    made("openenv")
    ran.clear()
    make("openenv", ["more"], said.append)
    assert ran == [install]


def test_what_goes_wrong_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = "first\nsecond\n\nthird\nWARNING: old\n"
    for error, why in ((noise, "second third"), ("", "no reason"), ("x" * 900, "x" * 400)):
        monkeypatch.setattr(subprocess, "run", lambda *a, **b: SimpleNamespace(returncode=1, stderr=error))  # noqa: B023
        with pytest.raises(StrawError) as caught:
            make("verifiers", [], lambda line: None)
        assert str(caught.value) == f"the environment of verifiers cannot be made: {why}"

    def late(*a: Any, **b: Any) -> None:
        raise subprocess.TimeoutExpired("pip", 1800)

    monkeypatch.setattr(subprocess, "run", late)
    with pytest.raises(StrawError, match="cannot be made: Command 'pip' timed out"):
        make("verifiers", [], lambda line: None)
