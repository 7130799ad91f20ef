"""A file of somebody else is numbers and texts of known sizes, or it is refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.benchmark.small_games import quick
from tests.benchmark.test_check import made_up, run

from straw.benchmark.entry import read_entry
from straw.errors import DataError

EDITS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no kind": lambda found: found.pop("kind"),
    "another version": lambda found: found.update(version=99),
    "no form": lambda found: found.update(form="none"),
    "a form that is none": lambda found: found.update(form=["short"]),
    "no runs": lambda found: found["cells"][0].pop("runs"),
    "runs that are none": lambda found: found["cells"][0].update(runs=[1]),
    "a count below 0": lambda found: found["cells"][0]["runs"][0].update(episodes=-4),
    "a count that is none": lambda found: found["cells"][0]["runs"][0].update(updates=1.5),
    "a text that is none": lambda found: found["submission"].update(learner=7),
    "a long text": lambda found: found["submission"].update(knows="x" * 10_000),
    "options that are lists": lambda found: found["submission"].update(options={"a": []}),
    "code that is no text": lambda found: found["submission"].update(code={"a.py": 1}),
    "a curve that is none": lambda found: found["cells"][0]["runs"][0].update(bits=[[1, 2, 3]]),
    "a curve without its start": lambda found: found["cells"][0]["runs"][0]["bits"].pop(0),
    "a curve without a point": lambda found: found["cells"][0]["runs"][0].update(bits=[], failed="it left"),
    "a curve that goes back": lambda found: found["cells"][0]["runs"][0]["bits"].reverse(),
    "bits that are no number": lambda found: found["cells"][0]["runs"][0]["bits"][0].__setitem__(1, float("nan")),
    "a time that is no number": lambda found: found["cells"][0]["runs"][0].update(cpu_s=float("inf")),
    "a time in words": lambda found: found["cells"][0]["runs"][0].update(cpu_s="1.5"),
    "a count that is true": lambda found: found["cells"][0]["runs"][0].update(updates=True),
    "known in words": lambda found: found["cells"][0]["runs"][0].update(known="no"),
    "knowledge of the formula in words": lambda found: found["submission"].update(knows_formula="false"),
    "an option that is no number": lambda found: found["submission"].update(options={"lr": float("nan")}),
    "a total that is none": lambda found: found.update(total=5),
    "no machine": lambda found: found.update(machine=None),
}


@pytest.fixture
def file(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made_up(monkeypatch, run(0), run(1), submission=quick()).write(tmp_path / "e.json")
    return tmp_path / "e.json"


@pytest.mark.parametrize("edit", EDITS)
def test_a_file_that_is_no_entry_is_refused_in_one_line(file: Path, edit: str) -> None:
    found = json.loads(file.read_text())
    EDITS[edit](found)
    file.write_text(json.dumps(found))
    with pytest.raises(DataError) as caught:
        read_entry(file)
    assert "\n" not in str(caught.value) and str(file) in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '"straw bench"', "[" * 100_000, "\ud800"])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "e.json").write_text(text, errors="surrogatepass")
    with pytest.raises(DataError):
        read_entry(tmp_path / "e.json")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_entry(tmp_path / "none.json")


def test_a_mark_is_worked_out_anew(file: Path) -> None:
    found = json.loads(file.read_text())
    found["submission"]["mark"] = "0" * 64
    file.write_text(json.dumps(found))
    assert read_entry(file).submission.mark == quick().mark
