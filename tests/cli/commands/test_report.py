from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.made_studies import make_study

from straw.cli import main
from straw.report.page import page as page_module


@pytest.fixture(autouse=True)
def small_plotly(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "plotly_script", lambda: "const Plotly = {};")


def test_a_report_is_a_page_and_figures_for_paper(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_study(tmp_path / "runs", {16: [30, 40, 50]}, cap=100)
    words = ["report", str(tmp_path / "runs"), "-o", str(tmp_path / "r.html"), "--figures", str(tmp_path / "paper")]
    assert main(words) == 0
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert (tmp_path / "paper" / "bits.svg").is_file()
    told = capsys.readouterr().out
    assert "Binary: " in told
    assert f"report: {tmp_path / 'r.html'}" in told


def test_a_paper_is_markdown_and_a_pdf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_study(tmp_path / "runs", {16: [30, 40, 50]}, cap=100)
    monkeypatch.chdir(tmp_path)
    assert main(["report", "runs", "--paper"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["paper-figures", "paper.md", "paper.pdf", "runs"]
    assert (tmp_path / "paper.pdf").read_bytes().startswith(b"%PDF-")
    assert "paper: paper.md" in capsys.readouterr().out


def test_the_sentences_alone_are_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_study(tmp_path / "runs", {16: [30]}, cap=100)
    assert main(["report", str(tmp_path / "runs"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert any("bits known after 100 episodes" in one["text"] for one in found)
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "takes runs"),
        (["nowhere"], "no run at nowhere"),
        (["runs", "-o", "report.pdf"], "a page of HTML"),
        (["runs", "-o", "nowhere/report.html"], "make it first"),
        (["runs", "colour=red"], "takes runs"),
        (["runs", "-o", "paper.md"], "Add --paper"),
        (["runs", "--paper", "-o", "paper.html"], "Markdown or PDF"),
        (["runs", "--paper", "-o", "nowhere/paper.pdf"], "make it first"),
        (["nowhere", "--paper"], "no run at nowhere"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: Any, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", *words]) == 2
    found = capsys.readouterr().err
    assert told in found
    assert found.count("\n") == 1


def test_help_teaches_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--help"]) == 0
    assert "straw report runs/sweeps/space" in capsys.readouterr().out


def test_a_report_needs_no_torch(tmp_path: Path) -> None:
    make_study(tmp_path / "runs", {16: [30]}, cap=100)
    code = (
        "import sys; from straw.cli import main; "
        f"main(['report', {str(tmp_path / 'runs')!r}, '--json']); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_what_is_not_installed_is_answered_with_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("straw.cli.commands.report.find_spec", lambda name: None)
    assert main(["report", str(tmp_path)]) == 2
    assert "needs plotly and scipy" in (told := capsys.readouterr().err)
    assert "straw[report]" in told
