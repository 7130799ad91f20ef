"""straw clean: it tells what is held, and frees what was named and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.made_runs import curve_rows, write_run

from straw.cli import main
from straw.cli.clean.holdings import held_by_caches, size_of
from straw.runs.files.atomic_write import open_folder
from straw.runs.files.lock import Lock
from straw.runs.reading import read_checkpoints
from straw.runs.store import RunFolder

WARMUP = "367e1d1d5a4da089e14c03ec"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of one warm-up and one model, and a run of three checkpoints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "home"))
    for folder in (f"warmups/{WARMUP}", "models/smollm2", "models/mine"):
        (tmp_path / "home" / folder).mkdir(parents=True)
        (tmp_path / "home" / folder / "weights").write_bytes(b"w" * 1000)
    made(tmp_path / "runs/a")
    return tmp_path


def made(path: Path, *, done: bool = False) -> Path:
    write_run(path, curve_rows(0.0, 3.0, 1.0), done=False)
    with RunFolder.open(path) as folder:
        (path / "start").mkdir()
        (path / "start/weights").write_bytes(b"s" * 50)
        for step, bits in ((1, 3.0), (2, 1.0), (3, 2.0)):
            with folder.checkpoint(step, metrics={"bits_known": bits}) as empty:
                (empty / "weights").write_bytes(b"w" * 100)
        if done:
            folder.write_done({"steps": 3, "episodes": 3, "known": {}, "wall_s": 1.0, "cpu_s": 1.0})
    return path


def steps(path: Path) -> list[int]:
    return [row["step"] for row in read_checkpoints(path)]


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["clean", *words]) == 2
    return capsys.readouterr().err


# --- what is held


def test_it_tells_what_is_held_and_takes_nothing_away(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(str(path) for path in place.rglob("*"))
    assert main(["clean"]) == 0
    shown = capsys.readouterr().out
    assert "warmups" in shown and "models/smollm2" in shown and "3 checkpoints" in shown
    assert main(["clean", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["name"]: one["bytes"] for one in found["caches"]} == {
        "warmups": 1000, "models": 2000, "models/mine": 1000, "models/smollm2": 1000,
    }  # fmt: skip
    assert found["cache_bytes"] == 3000
    assert found["runs"][0]["weights_bytes"] == 350 and found["runs"][0]["checkpoints"] == [1, 2, 3]
    assert main(["clean", "caches", "--dry-run"]) == 0 and main(["clean", "a", "--keep", "last", "--dry-run"]) == 0
    assert sorted(str(path) for path in place.rglob("*")) == before


def test_links_count_nothing(place: Path) -> None:
    (place / "home/warmups" / WARMUP / "link").symlink_to(place / "home/models/smollm2/weights")
    (place / "home/warmups" / WARMUP / "folder").symlink_to(place / "home/models")
    assert size_of(place / "home/warmups" / WARMUP) == 1000
    (place / "home/warmups" / ("0" * 24)).symlink_to(place / "home/models/smollm2")
    (warmups,) = [part for part in held_by_caches(place / "runs") if part.name == "warmups"]
    assert warmups.paths == (place / "home/warmups" / WARMUP,)


# --- caches


def test_without_a_yes_nothing_goes(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "write --yes to do it" in refused(capsys, "caches")
    assert (place / "home/warmups" / WARMUP).is_dir()


@pytest.mark.parametrize(("answer", "is_there"), [("y", False), ("yes", False), ("", True), ("n", True)])
def test_a_person_is_asked(answer: str, is_there: bool, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    assert main(["clean", "warmups"]) == 0
    assert (place / "home/warmups" / WARMUP).is_dir() == is_there


def test_caches_are_what_is_made_again_by_itself(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "home/trusted").write_text("abc\n")
    (place / "home/warmups/notes.txt").write_text("of a person")
    assert main(["clean", "--yes", "caches"]) == 0
    assert "freed 1.0 kB" in capsys.readouterr().out
    assert os.listdir(place / "home/warmups") == ["notes.txt"] and (place / "home/trusted").is_file()
    assert sorted(os.listdir(place / "home/models")) == ["mine", "smollm2"]


def test_one_model_goes_by_its_name(place: Path) -> None:
    assert main(["clean", "models/smollm2", "--yes"]) == 0
    assert os.listdir(place / "home/models") == ["mine"]


def test_what_a_killed_process_left_goes_and_what_another_is_writing_stays(place: Path) -> None:
    left, written = place / "runs/.b.0123456789ab.tmp", place / "home/models/.c.0123456789ab.tmp"
    for path in (left, written):
        path.mkdir()
    lock = open_folder(written)
    import fcntl

    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        assert main(["clean", "--yes", "abandoned"]) == 0
        assert not left.exists() and written.exists()
    finally:
        os.close(lock)


def test_a_link_in_the_cache_leads_nowhere(place: Path) -> None:
    outside = place / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    (place / "home/warmups" / ("0" * 24)).symlink_to(outside)
    assert main(["clean", "--yes", "caches"]) == 0
    assert (outside / "precious").is_file() and (place / "home/warmups" / ("0" * 24)).is_symlink()
    (place / "home/models").rename(place / "elsewhere")
    (place / "home/models").symlink_to(place / "elsewhere")
    assert main(["clean", "--yes", "models"]) == 0
    assert sorted(os.listdir(place / "elsewhere")) == ["mine", "smollm2"]


@pytest.mark.parametrize("name", ["everything", "models/../..", "trusted", "/", "models/nothing"])
def test_what_is_no_part_of_the_cache_is_refused(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "straw clean knows" in refused(capsys, name, "--yes")


# --- runs


def test_of_a_run_the_newest_checkpoint_stays_and_what_is_lost_is_told(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["clean", "a", "--keep", "last", "--yes"]) == 0
    shown = capsys.readouterr().out
    assert "lost: checkpoints of steps 1, 2; kept: 3" in shown and "freed 200 B" in shown
    assert steps(place / "runs/a") == [3] and (place / "runs/a/start").is_dir()
    assert main(["clean", "a", "--keep", "last", "--yes"]) == 0
    assert "nothing is left" in capsys.readouterr().out


def test_the_best_may_stay_too(place: Path) -> None:
    assert main(["clean", "a", "--keep", "best:bits_known", "--yes"]) == 0
    assert steps(place / "runs/a") == [1, 3]


def test_a_damaged_checkpoint_is_not_the_one_that_stays(place: Path) -> None:
    (place / "runs/a/checkpoints/step-000003/weights").write_bytes(b"x" * 100)
    assert main(["clean", "a", "--keep", "last", "--yes"]) == 0
    assert os.listdir(place / "runs/a/checkpoints") == ["step-000002"]


def test_weights_of_a_run_that_is_not_done_stay(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "goes on from its weights" in refused(capsys, "a", "--keep", "none", "--yes")
    made(place / "runs/b", done=True)
    assert main(["clean", "b", "--keep", "none", "--yes"]) == 0
    assert not (place / "runs/b/start").exists() and (place / "runs/b/metrics.jsonl").stat().st_size
    assert steps(place / "runs/a") == [1, 2, 3]


def test_a_run_that_is_being_written_is_left_alone(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(place / "runs/b")
    lock = Lock(place / "runs/a")
    try:
        assert "another process is writing" in refused(capsys, "a", "--keep", "last", "--yes")
        assert main(["clean", "runs", "--keep", "last", "--yes"]) == 0
        assert "left alone" in capsys.readouterr().err
    finally:
        lock.release()
    assert steps(place / "runs/a") == [1, 2, 3] and steps(place / "runs/b") == [3]


def test_checkpoints_that_are_links_or_lie_behind_one_stay(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(place / "other/c")
    (place / "runs/link").symlink_to(place / "other/c")
    assert "is a link" in refused(capsys, "link", "--keep", "last", "--yes")
    checkpoints = place / "runs/a/checkpoints"
    checkpoints.rename(place / "moved")
    checkpoints.symlink_to(place / "moved")
    assert "no sound checkpoint" in refused(capsys, "a", "--keep", "last", "--yes")
    assert len(os.listdir(place / "moved")) == 3 and steps(place / "other/c") == [1, 2, 3]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--keep", "last"], "name one"),
        (["a", "--keep", "newest"], "--keep is last, best:METRIC or none"),
        (["nowhere", "--keep", "last"], "there is no run at nowhere"),
        (["a", "--keep", "best:klx"], "klx"),
        (["a"], "straw clean knows"),
        (["--all"], "no option --all"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    words: list[str], said: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(capsys, *words)
    assert steps(place / "runs/a") == [1, 2, 3]
