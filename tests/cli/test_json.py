"""--json: one document on stdout and nothing else, with numbers as numbers, for every command that prints a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.made_data import gsm8k_folder
from tests.made_runs import curve_rows, rollout, write_run

from straw.cli import main
from straw.cli.arguments import say_json

ROOT = Path(__file__).parents[2]
SWEEP = (
    'name = "few"\nseeds = [0]\n[base]\nN = 8\nn_batches = 2\nmodel_name = "tiny-0.2M"\n[grid]\ngroup_size = [2, 4]\n'
)
EVAL = "eval gsm8k path=data model=tiny-0.2M grader=exact num_problems=2 max_tokens=4 system_prompt=none --quiet"
COMMANDS = {  # and a number that each of them tells, by the way to it
    "runs": (0, "summary", "reward"),
    "show a": ("summary", "step"),
    "compare a b": (),
    "report runs": (),
    "models": (0, "parameters"),
    "list": (),
    "list rewards": (),
    f"check --list {ROOT}/recipes": (12, "golden_runs"),
    "sweep few.toml --dry-run": ("runs", 0, "episodes_left"),
    "observe N=4": ("N",),
    "plan secret token_s=0.01 train_s=0.01 reply_tokens=4 generators=2": ("plans", 0, "rollouts_per_s"),
    EVAL: (0, "scores", "exact", "accuracy", "value"),
    "doctor": ("checks", 1, "facts", "threads"),
    "clean --dry-run": ("runs", 0, "bytes"),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        write_run(tmp_path / "runs" / name, curve_rows(0.0, 1.0, 4.0), [(1, rollout("12", 0.0))], N=16, n_batches=2)
    (tmp_path / "few.toml").write_text(SWEEP)
    gsm8k_folder(tmp_path / "data", trained=4)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_table_is_a_document_for_a_program_too(
    command: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command.split(), "--json"]) == 0
    printed = capsys.readouterr().out
    found: Any = json.loads(printed, parse_constant=refuse)
    for step in COMMANDS[command]:
        found = found[step]
    if COMMANDS[command]:
        assert isinstance(found, int | float) and not isinstance(found, bool)


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def test_what_is_no_number_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"nan": float("nan"), "list": [float("inf"), 1.5], 3: "three"})
    assert json.loads(capsys.readouterr().out, parse_constant=refuse) == {
        "nan": None, "list": [None, 1.5], "3": "three",
    }  # fmt: skip


def test_a_sweep_that_runs_prints_no_document(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "few.toml", "--json"]) == 2
    assert "--json is for --dry-run" in capsys.readouterr().err
