"""Who may write into a run folder, and what killed processes leave in it."""

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

from straw.errors import RunError
from straw.runs.files import atomic_write as whole
from straw.runs.files import lock
from straw.runs.files.atomic_write import remove_abandoned, whole_folder, write_whole
from straw.runs.files.lock import Lock, is_held
from straw.runs.reading import read_about, state_of
from straw.runs.store import RunFolder

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
