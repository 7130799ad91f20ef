"""Monarch's log: in the run folder, for its owner, bounded; and nothing of it anywhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.monarch_here import needs_monarch, why_open

from straw.engines.monarch.processes import log as logs
from straw.engines.monarch.processes.log import LIMIT, NAME, SUFFIX, Log, leave, own_folder, take_over

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memfd")
ROOT = Path(__file__).parents[4]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    monkeypatch.setenv(SUFFIX, "")
    made = Log()
    yield made
    os.close(made.memory)


def write(log: Log, text: str) -> None:
    with open(log.path, "a") as file:
        file.write(text)


def test_what_came_before_there_was_a_folder_is_kept_and_only_its_owner_reads_it(log: Log, tmp_path: Path) -> None:
    write(log, "first\n")
    log.drain()
    log.keep_in(tmp_path)
    write(log, "second\n")
    log.drain()
    kept = tmp_path / NAME
    assert kept.read_text() == "first\nsecond\n"
    assert kept.stat().st_mode & 0o777 == 0o600
    log.keep_in(None)
    write(log, "of the next run\n")
    log.drain()
    assert kept.read_text() == "first\nsecond\n"


def test_it_is_never_longer_than_its_limit_and_ends_with_the_newest(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LIMIT", 1000)
    log.keep_in(tmp_path)
    for line in range(300):
        write(log, f"line {line:04}\n")
        log.drain()
        assert (tmp_path / NAME).stat().st_size <= 1000
    assert (tmp_path / NAME).read_text().endswith("line 0298\nline 0299\n")
    write(log, "x" * 5000 + "\n")
    log.drain()
    assert (tmp_path / NAME).stat().st_size <= 1000


def test_without_a_folder_its_memory_is_bounded_too(log: Log) -> None:
    write(log, "x" * (LIMIT + 1))
    log.drain()
    assert os.fstat(log.memory).st_size == 0


def test_a_link_in_the_run_folder_leads_it_nowhere(log: Log, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / NAME).symlink_to(tmp_path / "elsewhere")
    log.keep_in(tmp_path)
    write(log, "words\n")
    log.drain()
    assert (tmp_path / "elsewhere").read_text() == "mine"


def test_a_file_that_was_opened_as_the_log_is_another_from_then_on(log: Log, tmp_path: Path) -> None:
    theirs = tmp_path / f"monarch_log_{os.environ[SUFFIX]}.log"
    with open(theirs, "a") as file:
        take_over(log.path)
        file.write("words\n")
    assert not theirs.exists()
    log.keep_in(tmp_path)
    assert (tmp_path / NAME).read_text() == "words\n"


def test_names_in_a_folder_that_all_share_are_drawn_by_chance(log: Log) -> None:
    first = os.environ[SUFFIX]
    os.close(Log().memory)
    assert os.environ[SUFFIX] != first


@needs_monarch
def test_a_job_that_ends_leaves_nothing_in_temporary_folders(tmp_path: Path) -> None:
    job = subprocess.Popen(
        [sys.executable, "-m", "tests.engines.monarch.job", "open" if why_open() else "walled"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert job.stdout is not None
    running = json.loads(job.stdout.readline())
    for pid in (job.pid, *running["pids"]):
        opened = [linked(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
        assert any("monarch-log" in path for path in opened)
        assert not any("/monarch_log" in path for path in opened)
    _, words = job.communicate(timeout=60)
    assert job.returncode == 0 and words == ""  # nor does it speak to the terminal
    assert list(tmp_path.iterdir()) == []
    assert list(own_folder().glob(f"*{running['log']}*")) == []


def test_the_folder_of_monarch_s_log_is_removed_only_while_it_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("straw.engines.monarch.processes.log.own_folder", lambda: tmp_path / "own")
    leave()
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "another").touch()
    leave()
    assert (tmp_path / "own" / "another").exists()
    (tmp_path / "own" / "another").unlink()
    leave()
    assert not (tmp_path / "own").exists()


def linked(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
