"""One bad folder among good ones: it is named with its reason, and the others are listed and reported as ever."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.made_studies import make_study
from tests.test_files import link, pipe, sparse

from straw.report.runs.listing import runs_under
from straw.report.runs.summary import FACTS
from straw.report.study.load_runs import gathered
from straw.runs.reading import read_about

DEEP = "[" * 100_000
ROW = {"step": 1, "episodes": 4, "time_s": 1.0, "reward": 0.5, "bits_known": 1.0}


def instead(name: str, make: Callable[[Path], object]) -> Callable[[Path], object]:
    """One file of a run is something else."""

    def spoil(run: Path) -> object:
        (run / name).unlink(missing_ok=True)
        return make(run / name)

    return spoil


def rows(*changes: dict[str, object]) -> Callable[[Path], object]:
    return instead(
        "metrics.jsonl", lambda path: path.write_text("".join(json.dumps(ROW | one) + "\n" for one in changes))
    )


def config(**changes: str) -> Callable[[Path], object]:
    """The config and what about.json says of it, as a stranger would write both."""

    def spoil(run: Path) -> None:
        text = (run / "config.toml").read_text()
        for name, value in changes.items():
            text = "\n".join(
                f"{name} = {value}" if line.startswith(f"{name} = ") else line for line in text.splitlines()
            )
        (run / "config.toml").write_text(text)
        (run / "about.json").write_text("{}")

    return spoil


def every(names: str, kind: str, make: Callable[[Path], object]) -> dict[str, Callable[[Path], object]]:
    return {f"{name} {kind}": instead(name, make) for name in names.split()}


BAD = {
    **every("about.json done.json metrics.jsonl", "without bottom", lambda path: path.write_text(DEEP + "\n")),
    **every("config.toml about.json metrics.jsonl done.json", "is a pipe", pipe),
    **every("config.toml about.json metrics.jsonl done.json", "is sparse", sparse),
    **every("about.json metrics.jsonl", "never ends", lambda path: link(path, "/dev/zero")),
    "config without bottom": instead("config.toml", lambda path: path.write_text("a = " + DEEP)),
    "config of one key": instead("config.toml", lambda path: path.write_text("a." * 65_000 + "a = 1")),
    "metrics is a folder": instead("metrics.jsonl", Path.mkdir),
    "metrics is elsewhere": instead("metrics.jsonl", lambda path: link(path, "/etc/passwd")),
    "rows of no numbers": rows({"step": "one", "episodes": "four"}),
    "rows of other kinds": rows({"episodes": [1]}, {"episodes": None}),
    "rows past all bounds": rows({"episodes": 10**300}, {"episodes": float("inf")}),
    "rows that go back": rows({"episodes": 8}, {"step": 2, "episodes": 4}),
    "rate is no number": config(learning_rate='"fast"'),
}
ODD = {  # can be read, and is no number that anybody could print
    "values of no number": rows({"reward": "much", "bits_known": {"a": 1}, "p_secret": [1], "valid_mass": True}),
    "values past all bounds": rows({"reward": 1e300, "bits_known": 10**400, "time_s": -1e300, "num_tokens": 10**4000}),
}


@pytest.fixture
def folder(tmp_path: Path, home: Path) -> Path:
    """Two sound runs, and one to be spoiled."""
    make_study(tmp_path / "runs", {8: [40, 50, 60]}, cap=100)
    (tmp_path / "runs" / "binary-N-8-1").rename(tmp_path / "runs" / "bad")
    return tmp_path / "runs"


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_folder_is_left_out_of_a_report_with_its_reason(kind: Any, folder: Path) -> None:
    BAD[kind](folder / "bad")
    found = gathered([folder])
    assert [run.name for run in found.runs] == ["binary-N-8-0", "binary-N-8-2"]
    ((name, why),) = found.left_out
    assert name == "bad" and why


@pytest.mark.parametrize("kind", [*BAD, *ODD])
def test_a_bad_folder_is_listed_with_its_reason_beside_the_others(kind: Any, folder: Path) -> None:
    (BAD | ODD)[kind](folder / "bad")
    listed = {one.name: one for one in runs_under(folder)}
    assert listed.keys() == {"bad", "binary-N-8-0", "binary-N-8-2"}
    assert listed["binary-N-8-0"].state == listed["binary-N-8-2"].state == "done"
    bad = listed["bad"]
    assert bad.damage or bad.summary is not None
    if kind not in ODD and not kind.startswith(("rows", "rate", "done")):  # of done.json the list asks if it is there
        assert bad.state == "damaged" and bad.damage
    if bad.summary is not None:  # what is left of it can be printed
        assert all(len(fact(bad.summary)) < 100 for fact in FACTS.values())


@pytest.mark.parametrize("kind", ODD)
def test_values_that_are_no_numbers_are_as_if_they_were_not_measured(kind: Any, folder: Path) -> None:
    ODD[kind](folder / "bad")
    (bad,) = [one for one in runs_under(folder) if one.name == "bad"]
    assert bad.summary is not None
    assert (bad.summary.reward, bad.summary.bits_known, bad.summary.p_secret) == (None, None, None)
    assert [run.column("bits_known").last for run in gathered([folder / "bad"]).runs] == [None]


@pytest.mark.parametrize("problem", [RecursionError, MemoryError, OverflowError, ZeroDivisionError])
def test_whatever_else_one_folder_may_raise_the_others_are_shown(
    problem: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fall(path: Path) -> dict[str, object]:
        if path.name == "bad":
            raise problem("deep down")
        return read_about(path)

    monkeypatch.setattr("straw.report.runs.summary.read_about", fall)
    monkeypatch.setattr("straw.report.study.load_runs.read_about", fall)
    listed = {one.name: one for one in runs_under(folder)}
    assert "deep down" in listed["bad"].damage and listed["binary-N-8-2"].state == "done"
    assert [(name, "deep down" in why) for name, why in gathered([folder]).left_out] == [("bad", True)]


def limited() -> None:
    """4 GB of memory, a minute of work: what would take more is stopped and fails the test, not the machine."""
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))


def test_the_commands_survive_a_folder_of_every_kind(folder: Path, tmp_path: Path) -> None:
    (folder / "bad").rename(tmp_path / "model")
    for number, spoil in enumerate((BAD | ODD).values()):
        shutil.copytree(tmp_path / "model", folder / f"bad-{number:02d}")
        spoil(folder / f"bad-{number:02d}")
    for words in (["runs"], ["report", "-o", str(tmp_path / "report.html")]):
        command = [sys.executable, "-m", "straw", words[0], str(folder), *words[1:]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, preexec_fn=limited)
        assert done.returncode == 0, done.stderr[-2000:]
        assert "Traceback" not in done.stderr
        assert all(f"bad-{number:02d}" in done.stdout for number in range(len(BAD)))
    assert "binary-N-8-2" in (tmp_path / "report.html").read_text()
