"""What is read of a run folder, as it grows, and whatever stands in it."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path

import pytest
from tests.made_runs import curve_rows, write_run
from tests.ui.made_sweep import append_row, make_sweep, rows

from straw.runs.store import RunFolder
from straw.ui.reading import tail as tail_module
from straw.ui.reading.columns import MOST_NAMES, MOST_POINTS, Column, Columns
from straw.ui.reading.find import Finder, id_of
from straw.ui.reading.held import Held
from straw.ui.reading.run import Run
from straw.ui.reading.runs import QUIET, Runs
from straw.ui.reading.tail import Tail

# --- a file that grows


def write(path: Path, *values: object, end: str = "\n") -> None:
    with path.open("a") as file:
        file.write("".join(json.dumps(value) + "\n" for value in values[:-1]) + json.dumps(values[-1]) + end)


def test_only_what_was_appended_is_read_and_a_line_waits_for_its_end(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "a.jsonl")
    write(tail.path, {"step": 1}, {"step": 2})
    assert tail.look() == [{"step": 1}, {"step": 2}]
    assert tail.look() == []
    before = tail.offset
    write(tail.path, {"step": 3}, {"step": 4}, end="")
    assert tail.look() == [{"step": 3}] and tail.offset == before + len('{"step": 3}\n')
    with tail.path.open("a") as file:
        file.write("\n")
    assert tail.look() == [{"step": 4}]


def test_a_file_that_did_not_change_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tail = Tail(tmp_path / "a.jsonl")
    write(tail.path, {"step": 1})
    tail.look()
    monkeypatch.setattr(tail_module, "open_file", lambda *_: pytest.fail("it was opened"))
    assert tail.look() == []


def test_a_file_that_was_cut_or_replaced_begins_again(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "a.jsonl")
    write(tail.path, {"step": 1}, {"step": 2})
    tail.look()
    os.truncate(tail.path, len('{"step": 1}\n'))
    assert tail.look() == [{"step": 1}] and tail.generation == 1
    other = tmp_path / "b.jsonl"
    write(other, {"step": 7}, {"step": 8}, {"step": 9})
    other.rename(tail.path)
    assert [row["step"] for row in tail.look()] == [7, 8, 9] and tail.generation == 2


def test_lines_that_are_no_objects_are_counted_and_passed_over(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "a.jsonl")
    tail.path.write_text('{"step": 1}\n[2]\nnull\n{"a": \n' + "[" * 5000 + "\n" + '{"step": 2}\n')
    assert tail.look() == [{"step": 1}, {"step": 2}] and tail.unreadable == 4


def test_an_endless_line_is_left_behind_in_bites(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "a.jsonl")
    tail.path.write_bytes(b'{"step":1}\n' + b"x" * (5 * tail_module.BITE) + b'\n{"step":2}\n')
    found = [row for _ in range(8) for row in tail.look()]
    assert found == [{"step": 1}, {"step": 2}] and tail.unreadable == 1 and not tail.more


def test_a_sparse_file_of_a_terabyte_costs_a_bite_a_look(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "a.jsonl")
    with tail.path.open("wb") as file:
        file.truncate(1 << 40)
    began = time.monotonic()
    assert tail.look() == [] and tail.more and tail.offset == tail_module.BITE
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_regular_file_is_not_read(tmp_path: Path, kind: str) -> None:
    tail, other = Tail(tmp_path / "a.jsonl"), tmp_path / "secret"
    write(other, {"step": 1})
    {"link": lambda: tail.path.symlink_to(other), "pipe": lambda: os.mkfifo(tail.path), "folder": tail.path.mkdir}[
        kind
    ]()
    assert tail.look() == [] and tail.problem


# --- numbers


def test_a_long_curve_is_thinned_to_means_and_keeps_its_newest() -> None:
    column = Column()
    for step in range(1, 100_001):
        column.take(step, float(step))
    steps, values = column.since(0)
    assert len(steps) <= MOST_POINTS + 1 and column.stride == 256
    assert steps[0] == 256 and values[0] == sum(range(1, 257)) / 256
    assert steps[-1] == 100_000 and column.last == 100_000


def test_rows_with_endless_names_keep_a_bound() -> None:
    columns = Columns()
    for number in range(50):
        columns.take({"step": number, **{f"{number} {name}": 1.0 for name in range(MOST_NAMES)}})
    assert len(columns.newest) <= 2 * MOST_NAMES and columns.left_out > 0


# --- runs


def runs_of(folder: Path) -> Runs:
    found = Runs(folder)
    look(found)
    return found


def look(runs: Runs) -> None:
    for _ in range(20):
        runs._due_at = 0.0
        runs.refresh()
        if not runs.rows()["reading"]:
            return


def one_run(folder: Path) -> Run:
    (run,) = runs_of(folder).by_id.values()
    return run


def test_states_come_from_the_lock_and_the_files(tmp_path: Path) -> None:
    write_run(tmp_path / "a", curve_rows(0.0, 1.0))
    write_run(tmp_path / "b", curve_rows(0.0, 1.0), done=False)
    failed = write_run(tmp_path / "c", curve_rows(0.0, 1.0), done=False)
    write(failed / "events.jsonl", {"event": "failed", "step": 1})
    runs = runs_of(tmp_path)
    with RunFolder.open(tmp_path / "b"):
        look(runs)
        assert {run.name: run.state for run in runs.by_id.values()} == {"a": "done", "b": "running", "c": "failed"}
    look(runs)
    assert {run.name: run.state for run in runs.by_id.values()}["b"] == "stopped"


def test_no_lock_is_taken_of_a_run_that_the_system_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".lock").touch()
    tried: list[Path] = []
    monkeypatch.setattr("straw.ui.reading.held.is_held", lambda path: bool(tried.append(path)))
    held = Held()
    with (tmp_path / ".lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        held.look()
        if not held.is_running(tmp_path, has_changed=True):
            pytest.skip("this system lists no locks, or another inode")
    held.look()
    assert not held.is_running(tmp_path, has_changed=True) and tried == []


def test_a_lock_that_nobody_lists_is_tried_once_in_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Path] = []
    monkeypatch.setattr("straw.ui.reading.held.is_held", lambda path: tried.append(path) is None)
    monkeypatch.setattr("straw.ui.reading.held.HELD", tmp_path / "no such list")
    held = Held()
    for _ in range(50):
        held.look()
        assert held.is_running(tmp_path, has_changed=True)
    assert len(tried) == 1


def test_a_run_that_went_back_to_a_checkpoint_and_beyond_is_read_anew(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a", curve_rows(0.0, 1.0, 2.0), done=False) / "metrics.jsonl"
    runs = runs_of(tmp_path)
    (run,) = runs.by_id.values()
    others = [{**row, "bits_known": row["bits_known"] / 3} for row in curve_rows(0.0, 1.0, 2.0, 3.0, 4.0)]
    with path.open("r+") as file:  # the same file, cut and longer than before when it is looked at again
        file.truncate(0)
        file.write("".join(json.dumps(row) + "\n" for row in others))
    look(runs)
    assert run.columns.by_name["bits_known"].since(0)[1] == [row["bits_known"] for row in others]


def test_damaged_folders_are_named_and_the_others_shown(tmp_path: Path) -> None:
    write_run(tmp_path / "good", curve_rows(0.0, 1.0))
    for name, spoil in {
        "toml": lambda path: (path / "config.toml").write_text("["),
        "huge": lambda path: os.truncate(path / "config.toml", 1 << 40),
        "about": lambda path: (path / "about.json").write_text("[1]"),
        "deep": lambda path: (path / "config.toml").write_text("a = " + "[" * 3000),
    }.items():
        spoil(write_run(tmp_path / name, curve_rows(0.0, 1.0)))
    rows = {row["name"]: row for row in runs_of(tmp_path).rows()["runs"]}
    assert {name for name, row in rows.items() if row["state"] == "damaged"} == {"toml", "huge", "about", "deep"}
    assert rows["good"]["state"] == "done" and rows["good"]["problem"] == ""


def test_links_dots_and_depth_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write_run(outside / "a", curve_rows(0.0))
    root = tmp_path / "root"
    write_run(root / "mine", curve_rows(0.0))
    (root / "link").symlink_to(outside)
    (root / "round").symlink_to(root)
    write_run(root / ".hidden" / "b", curve_rows(0.0))
    write_run(root.joinpath(*"123456789") / "deep", curve_rows(0.0))
    assert [path.name for path in Finder(root).runs()] == ["mine"]


def test_a_run_that_begins_or_goes_is_found_without_a_walk_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "sweep" / "a", curve_rows(0.0))
    runs = runs_of(tmp_path)
    monkeypatch.setattr(Finder, "_walk", lambda *_: pytest.fail("nothing has changed, and it walked"))
    look(runs)
    monkeypatch.undo()
    write_run(tmp_path / "sweep" / "b", curve_rows(0.0))
    look(runs)
    assert [run.name for run in runs.by_id.values()] == ["sweep/a", "sweep/b"]
    (tmp_path / "sweep" / "a").rename(tmp_path / "elsewhere-a")
    before = runs.version
    look(runs)
    assert {run.name for run in runs.by_id.values()} == {"elsewhere-a", "sweep/b"} and runs.rows(before)["removed"]


def test_a_curve_that_nobody_asked_for_is_kept_when_somebody_does(tmp_path: Path) -> None:
    (path,) = make_sweep(tmp_path / "s", 1, 30, ahead=0.0)
    run = one_run(tmp_path)
    assert "loss" in run.columns.names and "loss" not in run.columns.by_name
    run.keep(["loss", "nobody has this"])
    first = run.columns.by_name["loss"].since(0)
    assert len(first[0]) == run.columns.rows > 1 and "nobody has this" not in run.columns.by_name
    append_row(path, list(rows("binary", 0, 30))[-1])
    run.look(Held())
    assert run.columns.by_name["loss"].last == list(rows("binary", 0, 30))[-1]["loss"]


def test_asking_while_old_rows_are_still_read_loses_none(tmp_path: Path) -> None:
    row = '{{"step":{0},"episodes":{0},"reward":0.5,"loss":0.25,"padding":"' + "x" * 900 + '"}}\n'
    path = write_run(tmp_path / "a", done=False)
    (path / "metrics.jsonl").write_text("".join(row.format(step) for step in range(6000)))
    run, held = Run(path, "a"), Held()
    run.look(held)
    assert run.more and 0 < run.columns.rows < 6000
    run.keep(["reward", "episodes"])
    assert 0 < run.columns.rows < 6000
    while run.more:
        run.look(held)
    assert run.columns.rows == run.columns.by_name["reward"].rows == 6000
    run.keep(["loss"])
    assert run.columns.rows == run.columns.by_name["loss"].rows == 6000


def test_what_has_long_been_quiet_is_looked_at_seldom_and_still_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_run(tmp_path / "a", curve_rows(0.0), done=False)
    runs = runs_of(tmp_path)
    looked: list[str] = []
    real = Run.look
    monkeypatch.setattr(Run, "look", lambda run, held: bool(looked.append(run.name)) or real(run, held))

    def looks(times: int) -> None:
        for _ in range(times):
            runs._due_at = 0.0
            runs.refresh()

    looks(QUIET + 1)
    looked.clear()
    looks(20)
    assert len(looked) == 4
    append_row(path, {"step": 1, "episodes": 10, "bits_known": 3.5})
    looks(5)
    assert runs.by_id[id_of("a")].columns.last("bits_known") == 3.5


def test_looks_that_took_long_are_followed_by_a_longer_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "a", curve_rows(0.0), done=False)
    runs = runs_of(tmp_path)
    clock = iter([0.0, 0.006, 0.012])
    monkeypatch.setattr("straw.ui.reading.runs.time.process_time", lambda: next(clock))
    runs._due_at = 0.0
    runs.refresh()
    assert 1.5 < runs._due_at - time.monotonic() <= 2.0
    runs.rest()  # and telling of it took as long again
    assert 3.5 < runs._due_at - time.monotonic() <= 4.0
