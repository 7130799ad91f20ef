from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.made_runs import curve_rows, write_run

from straw.errors import RunError
from straw.report.runs.listing import TAIL, late_rows, run_named, runs_under
from straw.report.runs.summary import LATE
from straw.runs.store import RunFolder


def begun_at(run: Path, seconds: float) -> Path:
    about = json.loads((run / "about.json").read_text())
    (run / "about.json").write_text(json.dumps(about | {"started": seconds}))
    return run


def test_runs_are_found_however_deep_and_the_newest_is_first(tmp_path: Path) -> None:
    begun_at(write_run(tmp_path / "old", curve_rows(1.0)), 100.0)
    begun_at(write_run(tmp_path / "sweep/lr/new", curve_rows(2.0), done=False), 300.0)
    begun_at(write_run(tmp_path / "sweep/mid", curve_rows(3.0)), 200.0)
    (tmp_path / "notes").mkdir()
    found = runs_under(tmp_path)
    assert [(run.name, run.state, run.summary.bits_known) for run in found] == [
        ("sweep/lr/new", "stopped", 2.0),
        ("sweep/mid", "done", 3.0),
        ("old", "done", 1.0),
    ]


def test_a_folder_that_is_not_whole_yet_and_one_that_is_no_run_are_no_runs(tmp_path: Path) -> None:
    write_run(tmp_path / ".new.123.tmp", curve_rows(1.0))
    (tmp_path / "project").mkdir()
    (tmp_path / "project/config.toml").write_text("N = 3")
    assert runs_under(tmp_path) == []
    assert runs_under(tmp_path / "nowhere") == []


def test_the_folder_itself_may_be_a_run(tmp_path: Path) -> None:
    assert [run.name for run in runs_under(write_run(tmp_path / "one", curve_rows(1.0)))] == ["one"]


def test_a_run_that_is_being_written_says_so(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", curve_rows(1.0), done=False)
    with RunFolder.open(run):
        assert runs_under(tmp_path)[0].state == "running"
    assert runs_under(tmp_path)[0].state == "stopped"


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("config.toml", b"[task\n", "config is TOML"),
        ("config.toml", b"\xff\xfe", "config is TOML"),
        ("config.toml", b"run = 3\n", "no run's"),
        ("config.toml", None, "holds config.toml"),
        ("metrics.jsonl", None, "metrics.jsonl"),
        ("metrics.jsonl", b'{"step":1,"ep\n', "every line of"),
        ("metrics.jsonl", b"[1]\n", "every line of"),
        ("metrics.jsonl", b'{"step":1,"bits_known":3}\n', "episodes"),
        ("about.json", b"{", "about.json"),
    ],
)
def test_a_damaged_run_is_shown_with_the_reason_beside_those_that_are_not(
    tmp_path: Path, file: str, content: bytes | None, reason: str
) -> None:
    write_run(tmp_path / "good", curve_rows(1.0))
    bad = write_run(tmp_path / "bad", curve_rows(1.0))
    (bad / file).unlink()
    if content is not None:
        (bad / file).write_bytes(content)
    found = {run.name: run for run in runs_under(tmp_path)}
    assert (found["bad"].state, found["good"].state) == ("damaged", "done")
    assert reason in found["bad"].damage and found["bad"].summary is None
    assert found["good"].damage == ""


def test_a_start_that_is_no_time_is_no_start(tmp_path: Path) -> None:
    run = begun_at(write_run(tmp_path / "run", curve_rows(1.0)), "noon")
    (found,) = runs_under(tmp_path)
    assert (found.state, found.summary.started, found.started) == ("done", None, run.stat().st_mtime)


def test_what_is_doubtful_and_can_be_read_keeps_its_state(tmp_path: Path) -> None:
    edited = write_run(tmp_path / "edited", curve_rows(1.0), N=16)
    path = edited / "config.toml"
    path.write_text(path.read_text().replace("N = 16", "N = 32"))
    lost = write_run(tmp_path / "lost", curve_rows(1.0))
    (lost / "rollouts.jsonl").unlink()
    found = {run.name: (run.state, run.damage) for run in runs_under(tmp_path)}
    assert found["edited"] == ("done", "config.toml was edited since the run began")
    assert found["lost"] == ("done", "rollouts.jsonl missing")


def test_of_a_long_file_the_end_is_read_and_the_last_measurement_however_old(tmp_path: Path) -> None:
    bare = [{"step": step, "episodes": step, "time_s": 1.0, "reward": 0.5, "pad": "x" * 200} for step in range(1, 900)]
    run = write_run(tmp_path / "run", [*curve_rows(2.5), *bare], done=False)
    assert (run / "metrics.jsonl").stat().st_size > 2 * TAIL
    rows = late_rows(run)
    assert [row["step"] for row in rows] == [0, *range(900 - LATE, 900)]
    summary = runs_under(tmp_path)[0].summary
    assert (summary.step, summary.bits_known, summary.reward) == (899, 2.5, 0.5)


def test_a_row_that_is_still_being_written_is_not_there_yet(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", curve_rows(1.0, 2.0))
    with (run / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step":2,"epis')
    assert [row["step"] for row in late_rows(run)] == [0, 1]


# --- names


def test_a_run_is_named_by_its_path_or_by_its_name_below_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "runs/first", curve_rows(1.0))
    assert run_named("first") == run_named("runs/first") == Path("runs/first")
    assert run_named(str(tmp_path / "runs/first")) == tmp_path / "runs/first"
    assert os.fspath(run_named("runs/first/")) == "runs/first"


def test_a_run_that_is_not_there_is_answered_with_its_neighbour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match=r"there is no run at frist: `straw runs` lists"):
        run_named("frist")
    write_run(tmp_path / "runs/first", curve_rows(1.0))
    with pytest.raises(RunError, match=r"did you mean first\?"):
        run_named("frist")
    with pytest.raises(RunError, match=r"did you mean runs/first\?"):
        run_named("runs/frist")


def test_a_run_that_lost_its_config_is_there_but_cannot_be_read(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", curve_rows(1.0))
    (run / "config.toml").unlink()
    with pytest.raises(RunError, match=r"holds config\.toml"):
        run_named(str(run))
