from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from straw.cli.main import main


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "home"))


def test_a_table_and_a_picture(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["observe", "N=16", "reward_type=binned_log_distance", "reward_bins=8"]) == 0
    shown = capsys.readouterr().out
    assert "binned log distance, N = 16" in shown
    assert "2.4563 bits from a uniform guess, 2.6022 from the best, 7 levels" in shown
    assert "thompson / 4" in shown
    assert "to the secret" in shown
    assert "observer, greedy: 4.00 bits" in shown


def test_curves_for_other_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["observe", "N=4", "-o", str(tmp_path / "x.csv")]) == 0
    lines = (tmp_path / "x.csv").read_text().splitlines()
    assert lines[:2] == ["strategy,episodes,bits,error", "greedy,0,0.0,0.0"]
    assert lines[2].startswith("greedy,1,0.811")
    assert main(["observe", "N=4", "-o", str(tmp_path / "x.json")]) == 0
    capsys.readouterr()
    assert main(["observe", "N=4", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "x.json").read_text())
    assert printed["paces"]["greedy"]["to_know"] == pytest.approx(2.25)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["N=5000"], "at most 4096"),
        (["N=8", "reward_type=random"], "flips a coin"),
        (["N=8", "-o", "x.png"], "JSON or CSV"),
        (["kind=sum_digits"], "cannot be listed"),
        (["M=8"], "M"),
    ],
)
def test_what_cannot_be_observed_is_said_in_a_line(
    words: Any, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["observe", *words]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["observe", "--help"]) == 0
    assert "reward_type=binned_log_distance" in capsys.readouterr().out
