"""A run folder that somebody else made: nothing outside it is written, removed or moved, whatever stands in it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.test_files import link, pipe

from straw.errors import RunError
from straw.runs.branch import make_branch
from straw.runs.checkpoints.integrity import newest_sound
from straw.runs.files.atomic_write import write_whole
from straw.runs.files.lock import is_held
from straw.runs.reading import read_checkpoints, read_metrics
from straw.runs.store import RunFolder

FILES = ("metrics.jsonl", "rollouts.jsonl", "evaluations.jsonl", "checkpoints.jsonl", "events.jsonl")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """What belongs to the person who opens the run."""
    home = tmp_path / "home"
    (home / "photos").mkdir(parents=True)
    (home / ".bashrc").write_text("alias ll='ls -l'\nno newline at the end")
    (home / "photos" / "step-000009").mkdir()
    (home / "photos" / "step-000009" / "cat.png").write_text("meow")
    (home / "photos" / ".old.tmp").write_text("a file of theirs")
    return home


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


# --- links


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", [link, os.link])
def test_no_file_of_a_run_leads_a_writer_elsewhere(name: Any, kind: Any, run: Path, home: Path) -> None:
    before = contents(home)
    (run / name).unlink()
    kind(*((run / name, home / ".bashrc") if kind is link else (home / ".bashrc", run / name)))
    with pytest.raises(RunError, match=f"{name} is none: it (is a link|has another name).*remove it"):
        RunFolder.open(run)
    assert contents(home) == before
    (run / name).unlink()
    (run / name).touch()
    RunFolder.open(run).close()  # and the refusal has let the lock go


def test_the_lock_of_a_run_leads_nowhere(run: Path, home: Path) -> None:
    before = contents(home)
    (run / ".lock").unlink()
    link(run / ".lock", home / "new")
    with pytest.raises(RunError, match=r"\.lock is none: it is a link"):
        RunFolder.open(run)
    assert contents(home) == before and not is_held(run)


@pytest.mark.parametrize("done", ["{}", "a link"])
@pytest.mark.parametrize("name", FILES)
def test_of_a_run_that_is_done_nothing_is_opened_for_writing(name: Any, done: str, run: Path, home: Path) -> None:
    """A half line at the end of a file is cut off by whoever goes on; a link to .bashrc lost its last line so."""
    before = contents(home)
    (run / "done.json").write_text(done) if done == "{}" else link(run / "done.json", home / ".bashrc")
    (run / name).write_text("half a line")
    with RunFolder.open(run):
        assert (run / name).read_text() == "half a line"
    (run / name).unlink()
    link(run / name, home / ".bashrc")
    RunFolder.open(run).close()
    assert contents(home) == before


@pytest.mark.parametrize("name", ["checkpoints", "start"])
def test_no_folder_of_a_run_leads_elsewhere(name: str, run: Path, home: Path) -> None:
    before = contents(home)
    with RunFolder.open(run) as folder:
        (run / name).rename(run / "aside")
        link(run / name, home / "photos")
        with pytest.raises(RunError, match=f"{name} is none: remove it"), folder.checkpoint(9) as empty:
            (empty / "weights.safetensors").write_bytes(b"weights")
        assert read_checkpoints(run) == [] or name == "start"
        folder.rewind(None)
        folder.keep_checkpoints(newest=1)
        folder.drop_weights()
    assert contents(home) == before
    with pytest.raises(RunError, match=f"{name} is none: remove it"):
        RunFolder.open(run)
    assert contents(home) == before


def test_what_a_killed_process_left_is_removed_and_a_link_beside_it_is_not_followed(run: Path, home: Path) -> None:
    before = contents(home)
    (run / ".done.json.1.tmp").touch()
    (run / "checkpoints" / ".step-000004.1.tmp").mkdir()
    link(run / ".photos.1.tmp", home / "photos")
    RunFolder.open(run).close()
    assert contents(home) == before
    assert not list(run.rglob("*.tmp"))


def test_a_file_that_waits_to_be_whole_cannot_have_been_put_there_before(
    run: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(home)
    monkeypatch.setattr("straw.runs.files.atomic_write.token_hex", lambda size: "guessed")
    link(run / ".curve.png.guessed.tmp", home / ".bashrc")
    with pytest.raises(RunError, match="is there already"):
        write_whole(run / "curve.png", b"picture")
    assert contents(home) == before


def test_a_damaged_pipe_of_a_run_is_named_and_nobody_waits_for_it(run: Path) -> None:
    (run / "metrics.jsonl").unlink()
    pipe(run / "metrics.jsonl")
    with pytest.raises(RunError, match=r"cannot read .*metrics\.jsonl: it is no regular file"):
        read_metrics(run)
    with pytest.raises(RunError, match=r"metrics\.jsonl is none: it is no regular file"):
        RunFolder.open(run)


# --- what checkpoints.jsonl says


def say_of_checkpoints(run: Path, **changes: object) -> None:
    rows = [json.loads(line) for line in (run / "checkpoints.jsonl").read_text().splitlines()]
    (run / "checkpoints.jsonl").write_text("".join(json.dumps(row | changes) + "\n" for row in rows))


@pytest.mark.parametrize("folder", ["../home/photos", "/etc", "checkpoints/../../home/photos/step-000009", "", None, 7])
def test_the_folder_of_a_checkpoint_follows_from_its_step_and_from_nothing_else(
    folder: Any, run: Path, home: Path
) -> None:
    before = contents(home)
    say_of_checkpoints(run, folder=folder)
    rows = read_checkpoints(run)
    assert [row["folder"] for row in rows] == [f"checkpoints/step-00000{step}" for step in (1, 2, 3)]
    with RunFolder.open(run) as opened:
        opened.keep_checkpoints(newest=1)
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-000003"]
    assert contents(home) == before


@pytest.mark.parametrize("step", ["../../home/photos", -1, True, 1.5, None, [1], 10**30])
def test_a_step_is_a_count(step: Any, run: Path) -> None:
    say_of_checkpoints(run, step=step)
    with pytest.raises(RunError, match="one has step"):
        read_checkpoints(run)


@pytest.mark.parametrize("lines", [{"../../home/.bashrc": 1}, {"metrics.jsonl": -5}, {"metrics.jsonl": "9"}, [], None])
def test_the_lengths_that_a_checkpoint_knows_are_those_of_the_run_s_own_files(lines: Any, run: Path) -> None:
    say_of_checkpoints(run, lines=lines)
    with pytest.raises(RunError, match="says how long the others were"):
        read_checkpoints(run)


@pytest.mark.parametrize("name", ["step-000003", "step-000003/weights.safetensors"])
def test_a_checkpoint_that_leads_elsewhere_is_none(name: str, run: Path, home: Path) -> None:
    """Neither read, nor copied to a branch, nor removed; the one before it is taken."""
    before = contents(home)
    path = run / "checkpoints" / name
    path.rename(home / "moved")
    before = contents(home)
    link(path, home / "moved")
    said: list[str] = []
    row = newest_sound(run, said.append)
    assert row is not None and row["step"] == 2
    assert name == "step-000003" or "leads elsewhere" in said[0]
    make_branch(run, row | {"folder": "../home/photos/step-000009"}, run.parent / "branch", "[task]\nN = 64\n", {})
    assert (run.parent / "branch" / "checkpoints" / "step-000002" / "weights.safetensors").read_bytes() == b"weights"
    with RunFolder.open(run) as folder:
        folder.keep_checkpoints(newest=1)
        folder.rewind(row)
        folder.drop_weights()
    assert contents(home) == before


@pytest.mark.parametrize("odd", ["start/weights.safetensors", "checkpoints/step-000002/weights.safetensors"])
def test_a_branch_copies_files_and_no_link(odd: str, run: Path, home: Path) -> None:
    (row,) = [one for one in read_checkpoints(run) if one["step"] == 2]
    (run / odd).unlink()
    link(run / odd, home / ".bashrc")
    with pytest.raises(RunError, match="a run's weights are files"):
        make_branch(run, row, run.parent / "branch", "[task]\nN = 64\n", {})
    assert not (run.parent / "branch").exists()
