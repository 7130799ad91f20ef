from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.benchmark.small_games import quick, small_cell, small_form
from tests.benchmark.test_check import made_up, run

from straw.cli import main
from straw.cli.main import COMMANDS, USAGE


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    return shown.err


def test_both_commands_teach(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"bench", "board"} <= set(COMMANDS) and "straw bench LEARNER" in USAGE
    assert "never the secret" in printed(capsys, "bench", "--help")
    assert "--check" in printed(capsys, "board", "--help")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "one learner"),
        (["grpo", "reinforce"], "one learner"),
        (["grpo", "--short", "-o", "x.txt"], "JSON"),
        (["grpo", "--short", "-o", "nowhere/x.json"], "folder that is there"),
        (["grpo", "--form", "shrt"], "did you mean 'short'"),
        (["grpo", "--short", "--form", "full"], "Leave one of them out"),
        (["grpo", "--short", "N=16"], "not the learner's to choose"),
        (["grpoo", "--short"], "did you mean 'grpo'"),
        (["mine.py", "--short"], "mine.py:NAME"),
        (["grpo", "--short", "--secrets", "x"], "whole number"),
    ],
)
def test_what_cannot_be_benched_is_refused_in_one_line(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str],
    why: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert why in refused(capsys, "bench", *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["-o", "x.txt"], "HTML"),
        (["nowhere.json"], "cannot be read"),
        ([], "no"),
        (["--check"], "one entry"),
        (["--check", "e.json", "salt=short"], "can be guessed"),
        (["--check", "e.json", "salted=1"], "two runs or more"),
    ],
)
def test_what_cannot_be_shown_or_checked_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert why in refused(capsys, "board", *words)


def test_a_check_that_refuses_has_exit_status_1(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = made_up(monkeypatch, run(0), run(1))
    entry.write(tmp_path / "e.json")
    found = json.loads((tmp_path / "e.json").read_text())
    found["total"]["ratio"] = 0.5
    (tmp_path / "e.json").write_text(json.dumps(found))
    assert main(["board", "--check", str(tmp_path / "e.json")]) == 1
    out = capsys.readouterr().out
    assert "REFUSED: its score over cells" in out and "is refused" in out


@pytest.mark.slow
def test_from_a_learner_to_an_entry_a_page_and_a_check(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    form = small_form(monkeypatch, small_cell("bins8", secrets=2, most=32))
    options = [f"{name}={value}" for name, value in quick().options.items()]
    out = printed(capsys, "bench", "surrogate", "--form", form, "-o", "mine.json", *options)
    assert "2 of 2" in out and "entry: mine.json" in out
    assert "board: board.html, 1 entries" in printed(capsys, "board", "mine.json")
    assert "is what it says" in printed(capsys, "board", "--check", "mine.json", "replays=1", "salted=2")
