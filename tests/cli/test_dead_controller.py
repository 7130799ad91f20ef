"""A distributed run whose directing process is killed: nothing of it is left, and its folder goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.monarch_here import needs_monarch, words_here
from tests.small_runs import WORDS, train
from tests.torture import differing

pytestmark = needs_monarch

PAGE = "n_batches=40 save_every=5 eval_every=10 group_size=6 learning_rate=1e-3 baseline=ema"
PATIENCE_S, GONE_S = 240.0, 10.0


def straw(words: list[str], scratch: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "straw", *words],
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def below(pid: int) -> set[int]:
    """Its children and theirs."""
    found: set[int] = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            if parent == pid:
                found |= {int(folder.name)} | below(int(folder.name))
    return found


def lives(pid: int) -> bool:
    try:
        return (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]) not in "ZX"
    except OSError:
        return False


def waited_for(what: Any, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.slow
def test_a_dead_controller_leaves_no_process_and_a_folder_that_goes_on(home: Path, tmp_path: Path) -> None:
    train(tmp_path / "whole", PAGE)
    scratch, run, memory = tmp_path / "scratch", tmp_path / "cut", set(os.listdir("/dev/shm"))
    scratch.mkdir()
    words = [*WORDS, *PAGE.split(), "engine=monarch", "num_generators=2", f"run_dir={run}", *words_here()]
    controller = straw(["train", "secret", *words], scratch)
    checkpoints = run / "checkpoints.jsonl"
    assert waited_for(lambda: checkpoints.exists() or controller.poll() is not None, PATIENCE_S)
    workers = below(controller.pid)
    assert len(workers) >= 3 and controller.poll() is None
    controller.send_signal(signal.SIGKILL)
    controller.wait()
    assert waited_for(lambda: not any(map(lives, workers)), GONE_S)
    assert set(os.listdir("/dev/shm")) <= memory
    assert [path.name for path in scratch.rglob("*") if path.is_file()] == []
    assert straw(["resume", str(run)], scratch).wait(PATIENCE_S) == 0
    assert differing(tmp_path / "whole", run) == []
