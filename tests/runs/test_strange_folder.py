"""A run folder that somebody else made: nothing outside it is written, removed or moved, whatever stands in it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.test_files import link, pipe

from straw.errors import RunError
from straw.runs.branch import make_branch
from straw.runs.checkpoints.integrity import newest_sound
from straw.runs.files import atomic_write as whole
from straw.runs.files import lock
from straw.runs.files.atomic_write import remove_abandoned, whole_folder, write_whole
from straw.runs.files.lock import Lock, is_held
from straw.runs.reading import read_about, read_checkpoints, read_metrics, state_of
from straw.runs.store import RunFolder

FILES = ("metrics.jsonl", "rollouts.jsonl", "evaluations.jsonl", "checkpoints.jsonl", "events.jsonl")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that was stopped, with three checkpoints."""
    with RunFolder.create(tmp_path / "run", "[task]\nN = 64\n") as folder:
        (folder.path / "start").mkdir()
        (folder.path / "start" / "weights.safetensors").write_bytes(b"start")
        for step in (1, 2, 3):
            folder.write_metrics({"step": step, "episodes": step})
            with folder.checkpoint(step) as empty:
                (empty / "weights.safetensors").write_bytes(b"weights")
    return tmp_path / "run"


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


# --- who may write


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


def test_nobody_else_may_write_to_a_run_and_its_lock_is_its_owner_s(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with RunFolder.create(tmp_path / "runs" / "run", "[task]\nN = 64\n") as folder:
            with folder.checkpoint(1) as empty:
                (empty / "deep").mkdir()
                (empty / "deep" / "weights.safetensors").write_bytes(b"weights")
            folder.write_done({})
            write_whole(folder.picture, b"picture")
    finally:
        os.umask(before)
    found = modes(tmp_path / "runs")
    assert found.pop(".lock") == 0o600
    assert len(found) == 15 and all(not mode & stat.S_IWOTH for mode in found.values()), found


def test_what_the_umask_takes_away_stays_away(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        RunFolder.create(tmp_path / "run", "[task]\nN = 64\n").close()
    finally:
        os.umask(before)
    assert set(modes(tmp_path / "run").values()) == {0o700, 0o600}


def test_the_lock_of_an_older_version_is_closed_to_others(run: Path) -> None:
    os.chmod(run / ".lock", 0o666)
    Lock(run).release()
    assert modes(run)[".lock"] == 0o600


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_not_another_writer(
    number: Any, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert state_of(run) == "stopped"
    with pytest.warns(UserWarning, match="keeps no locks: see to it yourself"):
        RunFolder.open(run).close()


def test_another_writer_is_one_and_is_seen_without_the_right_to_ask(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RunFolder.open(run):
        assert is_held(run)
        with pytest.raises(RunError, match="another process is writing"):
            RunFolder.open(run)

        def refuse(*_: object, **__: object) -> int:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        monkeypatch.setattr(lock, "open_file", refuse)
        assert is_held(run)
    assert not is_held(run)


def test_who_does_not_hold_the_lock_opens_nothing_for_writing(run: Path) -> None:
    """What the other one is just writing looks like a line that was cut."""
    with RunFolder.open(run):
        with (run / "metrics.jsonl").open("a") as file:
            file.write("half a line")
        with pytest.raises(RunError, match="another process is writing"):
            RunFolder.open(run)
        assert (run / "metrics.jsonl").read_text().endswith("half a line")


# --- what killed processes leave

WRITER = """
import sys, time
from pathlib import Path
from straw.runs.files.atomic_write import whole_folder
with whole_folder(Path(sys.argv[1])) as staging:
    (staging / "half").touch()
    print(staging, flush=True)
    time.sleep(60)
"""


def writer(goal: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(goal)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_process_began_is_removed_and_what_another_writes_is_not(tmp_path: Path) -> None:
    killed, dead = writer(tmp_path / "warm")
    living, alive = writer(tmp_path / "warm")
    try:
        killed.kill()
        killed.communicate()
        assert (dead / "half").exists() and dead != alive
        remove_abandoned(tmp_path)
        assert not dead.exists() and (alive / "half").exists()
        with whole_folder(tmp_path / "warm") as staging:  # beside the living one, under the same name
            (staging / "whole").touch()
        assert (alive / "half").exists()
    finally:
        living.kill()
        living.communicate()
    with whole_folder(tmp_path / "other") as staging:
        (staging / "whole").touch()
    assert alive.exists()  # not that name's to remove
    remove_abandoned(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "warm"]


def test_who_writes_a_folder_again_removes_what_a_killed_process_began_of_it(tmp_path: Path) -> None:
    killed, dead = writer(tmp_path / "warm")
    killed.kill()
    killed.communicate()
    with whole_folder(tmp_path / "warm"):
        assert not dead.exists()


@pytest.mark.parametrize("moment", ["open_folder", "took_lock"])
def test_a_folder_that_was_taken_for_abandoned_as_it_began_is_begun_again(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between making it and locking it there is a moment in which somebody who cleans up may come by."""
    real, removed = getattr(whole, moment), []

    def interrupted(subject: object) -> object:
        if not removed:
            removed.extend(tmp_path.iterdir())
            remove_abandoned(tmp_path)
        return real(subject)

    monkeypatch.setattr(whole, moment, interrupted)
    with whole_folder(tmp_path / "run") as staging:
        assert [path.name for path in removed] != [staging.name] and len(removed) == 1
        (staging / "whole").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


# --- what about.json says


def test_what_about_json_calls_a_version_is_one(run: Path) -> None:
    """It is compared with ours, and what differs is written to the run's events: a shell's line once came that way."""
    about = json.loads((run / "about.json").read_text())
    about["versions"] = {
        "torch": "2.8.0+cpu",
        "python": "3.11; rm -rf ~",
        "a b": "1",
        "x": "\n$(reboot)\n",
        "y": 3,
        "z": "1" * 99,
    }
    (run / "about.json").write_text(json.dumps(about))
    assert read_about(run)["versions"] == {"torch": "2.8.0+cpu"}


@pytest.mark.parametrize("value", [7, "text", ["a"], {"a": 1}, None])
def test_what_is_of_another_kind_is_left_out(value: Any, run: Path) -> None:
    names = ("versions", "machine", "command", "parent", "config", "config_hash")
    (run / "about.json").write_text(json.dumps(dict.fromkeys(names, value)))
    kinds = {"versions": dict, "machine": dict, "command": list, "parent": dict, "config": dict, "config_hash": str}
    assert all(isinstance(found, kinds[name]) for name, found in read_about(run).items())
