"""A rank that dies, hangs or is stopped ends the trainer in one line, and leaves nobody behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from tests.engines.contract import CROSS_ENTROPY
from tests.engines.ranks.ranks_here import learn, lessons, local_engine, page_of, ranks_engine

from straw import outside
from straw.engines.base import Loss
from straw.engines.monarch.processes import namespace as wall
from straw.engines.monarch.processes.identity import identity_of
from straw.engines.monarch.processes.silence import Patience
from straw.engines.ranks.engine import RanksEngine
from straw.engines.ranks.group import Group
from straw.engines.ranks.watch import GroupWatch
from straw.errors import EngineFailed, EngineLost, TrainingError

LOSSES = Path(__file__).with_name("slow_loss.py")
SEEN_S = 60.0  # with answer_s=5: time in which others had the processor is no silence


@pytest.fixture
def engine(home: Path) -> Iterator[RanksEngine]:
    outside.trust(f"{LOSSES}:asleep")
    with ranks_engine(page_of(ranks=2)) as made:
        yield made


def pids(engine: RanksEngine) -> list[int]:
    return [one["pid"] for one in engine.facts()["ranks"]]


def is_there(pid: int) -> bool:
    return bool(identity_of(pid).began)


def lost(engine: RanksEngine, act: Callable[[], object], words: str) -> None:
    """One line, in time, and nobody is left."""
    left, begun = pids(engine), time.monotonic()
    with pytest.raises(EngineLost, match=words) as found:
        act()
    assert time.monotonic() - begun < SEEN_S
    assert "\n" not in str(found.value) and "straw resume" in str(found.value)
    assert not any(map(is_there, left))
    with pytest.raises(EngineLost, match=words):  # and whoever asks again is told the same
        learn(engine, 1)


@pytest.mark.slow
def test_a_rank_that_is_killed_at_rest(engine: RanksEngine) -> None:
    learn(engine, 1)
    os.kill(pids(engine)[1], signal.SIGKILL)
    lost(engine, lambda: learn(engine, 1), "rank-1 died")


@pytest.mark.slow
def test_a_rank_that_dies_while_the_other_waits_for_it(engine: RanksEngine) -> None:
    loss = Loss(name=f"{LOSSES}:ended")
    lost(engine, lambda: engine.forward_backward(lessons(engine), loss), "rank-1 died")


@pytest.mark.slow
def test_a_rank_that_hangs(engine: RanksEngine) -> None:
    loss = Loss(name=f"{LOSSES}:asleep")
    lost(engine, lambda: engine.forward_backward(lessons(engine), loss), r"gave no sign of life for 5 s \(answer_s\)")


@pytest.mark.slow
def test_a_rank_that_is_stopped(engine: RanksEngine) -> None:
    os.kill(pids(engine)[0], signal.SIGSTOP)
    lost(engine, lambda: learn(engine, 1), r"rank-0 was stopped for 5 s \(answer_s\)")


def test_a_rank_that_is_stopped_before_it_has_read_a_long_order() -> None:
    """More than a pipe holds: who waits for it to be read still looks at who reads."""
    group = Group([{}, {}], Patience(answer_s=2.0), Plainly())
    os.kill(group.ranks[0].process.pid, signal.SIGSTOP)
    begun = time.monotonic()
    with pytest.raises(EngineLost, match=r"rank-0 was stopped for 2 s \(answer_s\)"):
        group.ask("begin", [0.5] * 100_000)
    assert time.monotonic() - begun < SEEN_S


def test_a_long_order_comes_whole() -> None:
    group = Group([{}], Patience(), Plainly())
    try:
        with pytest.raises(TrainingError, match="'NoneType' object has no attribute 'nothing'"):
            group.ask("nothing", [0.5] * 1_000_000)
    finally:
        group.close()


class Plainly(wall.Wall):
    """No wall: processes that are begun here say nothing to each other."""

    def __init__(self) -> None:
        self.umask = None

    def begin(self, target: Callable[[], object], name: str) -> threading.Thread:
        thread = threading.Thread(target=target, name=name)
        thread.start()
        return thread


@pytest.mark.slow
def test_what_one_rank_alone_says_ends_them_all(engine: RanksEngine) -> None:
    loss = Loss(name=f"{LOSSES}:raising")
    lost(
        engine, lambda: engine.forward_backward(lessons(engine), loss), "rank-1 could not go on: ValueError: a loss of"
    )


@pytest.mark.slow
def test_a_trainer_that_cannot_begin_leaves_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its models differ from the one that was loaded: all ranks say so."""
    page = page_of(ranks=2)
    local = local_engine(page)
    monkeypatch.setattr("straw.engines.ranks.engine.config_of", lambda model: {"model_type": "llama", "vocab_size": 7})
    with pytest.raises(Exception, match="its config makes another model") as found:
        RanksEngine(page, local)
    assert "\n" not in str(found.value)
    assert children() == []


def children() -> list[int]:
    """Ranks that this process began and that are still there."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and b"straw.engines.ranks" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return [pid for pid in found if f"PPid:\t{os.getpid()}\n" in Path(f"/proc/{pid}/status").read_text()]


JOB = """
import json, sys
from tests.engines.ranks.ranks_here import learn, page_of, ranks_engine
with ranks_engine(page_of(ranks=2)) as engine:
    print(json.dumps([one["pid"] for one in engine.facts()["ranks"]]), flush=True)
    while True:
        learn(engine, 1)
"""


@pytest.mark.slow
def test_ranks_do_not_outlive_who_directs_them() -> None:
    job = subprocess.Popen(
        [sys.executable, "-c", JOB], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
    )
    assert job.stdout is not None
    ranks = json.loads(job.stdout.readline())
    job.kill()
    job.wait()
    deadline = time.monotonic() + 10
    while any(map(is_there, ranks)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_there, ranks))


@pytest.mark.slow
def test_ranks_speak_behind_the_wall() -> None:
    """Their sockets are in a network that nobody else's processes are in."""
    with ranks_engine(page_of(ranks=2)) as engine:
        networks = {os.readlink(f"/proc/{pid}/ns/net") for pid in pids(engine)}
        assert len(networks) == 1
        is_open = wall.wall is None or bool(wall.wall.missing)
        assert is_open or networks != {os.readlink("/proc/self/ns/net")}
        learn(engine, 1)
        assert CROSS_ENTROPY and torch.isfinite(next(iter(engine.sampler.trained.values()))).all()


class Silent(GroupWatch):
    """Two processes whose doings are written here."""

    busy: list[float]
    is_stopped = False

    def _spent(self) -> tuple[float, float, bool]:
        return max(self.busy), 0.0, False

    def _is_stopped(self) -> bool:
        self.who = "rank-1"
        return self.is_stopped


def test_silence_counts_only_where_all_are_silent() -> None:
    watch = Silent([], lambda: 0, Patience(answer_s=2.0))
    watch.work(loads=False)
    watch.busy = [0.0, 0.25]  # one waits for the other
    assert not any(watch.look(0.25) for _ in range(100))
    watch.busy = [0.0, 0.0]
    said = [watch.look(0.25) for _ in range(9)]
    assert said[:8] == [""] * 8 and said[8] == "the ranks gave no sign of life for 2 s (answer_s) and was ended"
    watch.rest()
    watch.busy, watch.is_stopped = [0.25, 0.25], True
    assert [watch.look(1.0) for _ in range(3)][-1] == "rank-1 was stopped for 2 s (answer_s) and was ended"


def test_who_cannot_be_begun_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("straw.engines.ranks.group.COMMAND", ("/nowhere/python",))
    with pytest.raises(EngineFailed, match="could not be begun"):
        ranks_engine(page_of(ranks=2))
