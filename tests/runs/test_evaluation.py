"""The folder of an evaluation, made by somebody else: its replies are read, and nothing outside it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.test_files import link, pipe

from straw.errors import RunError
from straw.runs.evaluation import EvaluationFolder
from straw.runs.files.lock import is_held

REPLY = {"index": 0, "sample": 0, "reply": "7"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with EvaluationFolder.open(tmp_path / "eval", {"seed": 1}) as made:
        made.add([REPLY])
    return tmp_path / "eval"


def test_replies_are_found_again(folder: Path) -> None:
    with EvaluationFolder.open(folder, {"seed": 1}) as opened:
        assert opened.replies == {(0, 0): REPLY}


@pytest.mark.parametrize("name", ["replies.jsonl", ".lock", "settings.json"])
@pytest.mark.parametrize("make", [link, pipe])
def test_no_file_of_it_leads_elsewhere_or_waits(name: str, make: Any, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("half a line")
    (folder / name).unlink()
    make(*((folder / name, tmp_path / "mine") if make is link else (folder / name,)))
    with pytest.raises(RunError):
        EvaluationFolder.open(folder, {"seed": 1})
    assert (tmp_path / "mine").read_text() == "half a line"
    assert name == ".lock" or not is_held(folder)


@pytest.mark.parametrize("line", [{}, {"index": "0", "sample": 0}, {"index": 0}, {"index": [0], "sample": 0}])
def test_a_line_that_is_no_reply_is_one_line(line: dict[str, Any], folder: Path) -> None:
    (folder / "replies.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(RunError, match="has an index and a sample"):
        EvaluationFolder.open(folder, {"seed": 1})
    assert not is_held(folder)
