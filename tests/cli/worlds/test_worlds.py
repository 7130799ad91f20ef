"""straw worlds: what is there, and what pip is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from straw.cli.main import main
from straw.tasks.environments import own_python


def test_what_is_not_there_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRAW_HOME", str(tmp_path))
    for library in own_python.LIBRARIES:
        monkeypatch.delenv(own_python.variable_of(library), raising=False)
    monkeypatch.setattr(own_python, "find_spec", lambda name: None)
    assert main(["worlds"]) == 0
    assert "straw worlds add verifiers" in capsys.readouterr().out


def test_adding_makes_an_environment_once_and_installs_into_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def pretended(command: list[str], library: str) -> None:
        asked.append(command[1:])
        if command[2] == "venv":
            python = own_python.python_in(Path(command[3]))
            python.parent.mkdir(parents=True)
            python.touch()

    monkeypatch.setenv("STRAW_HOME", str(tmp_path))
    monkeypatch.delenv("STRAW_VERIFIERS_PYTHON", raising=False)
    monkeypatch.setattr(own_python, "run", pretended)
    assert main(["worlds", "add", "verifiers", "./mine"]) == 0
    assert main(["worlds", "add", "verifiers"]) == 0
    assert [command[1] for command in asked] == ["venv", "pip", "pip"]
    assert asked[1][2:] == ["install", "--quiet", "verifiers>=0.4,<0.5", "./mine"]
    assert own_python.python_of("verifiers") == own_python.python_in(tmp_path / "worlds" / "verifiers")


@pytest.mark.parametrize(
    ("words", "why"), [(["add"], "one command"), (["add", "verifier"], "verifiers"), (["add", "openenv", "-i"], "-i")]
)
def test_bad_words_are_one_line(words: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worlds", *words]) == 2
    said = capsys.readouterr().err
    assert why in said and len(said.splitlines()) == 1
