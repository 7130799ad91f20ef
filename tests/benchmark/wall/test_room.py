"""A learner from outside in a sandbox: the same bits, no files of yours, no network, and nothing left behind."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.benchmark.small_games import LEARNERS, learner, small_cell
from tests.sandbox.needs import needs_sandbox

from straw.benchmark.draws import Draw
from straw.benchmark.entry import Entry, entry_of
from straw.benchmark.play import Played, played
from straw.benchmark.submission import submitted
from straw.benchmark.wall import room
from straw.benchmark.wall.opening import in_the_open
from straw.benchmark.wall.process import LearnerProcess
from straw.errors import StrawError

pytestmark = needs_sandbox


@pytest.fixture(autouse=True)
def warm(home: Path) -> None:
    """One warm-up for the session."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("learners")


@pytest.fixture(scope="module")
def inside(folder: Path) -> Iterator[LearnerProcess]:
    with LearnerProcess({str(folder / "learners.py"): LEARNERS}, room.in_a_room) as one:
        yield one


def play(folder: Path, name: str, away: LearnerProcess) -> Played:
    submission = learner(folder, name)
    return played(Draw(small_cell(most=12), 0, submission.mark), submission, away, lambda line: None)


def test_it_sees_no_files_and_no_network_and_is_nobody(folder: Path, inside: LearnerProcess) -> None:
    failed = play(folder, "LooksForFiles", inside).failed
    seen = ast.literal_eval(failed.removeprefix("ValueError: "))
    assert seen[:3] == [["Function not implemented"], (True, False), True]


def test_bits_are_those_of_a_run_in_the_open(folder: Path, inside: LearnerProcess) -> None:
    """Torch would take other kernels where it cannot ask the processor, and round otherwise."""
    with LearnerProcess({str(folder / "learners.py"): LEARNERS}, in_the_open) as outside:
        there = play(folder, "ByTorch", outside)
    here = play(folder, "ByTorch", inside)
    assert here.failed == "" and here.updates == 3
    assert replace(here, cpu_s=0.0) == replace(there, cpu_s=0.0)


def test_one_that_leaves_is_begun_anew_for_the_next_run(folder: Path, inside: LearnerProcess) -> None:
    assert "left in the middle" in play(folder, "LeavesEarly", inside).failed
    assert play(folder, "ROW", inside).failed == ""


def test_code_of_others_goes_into_a_room_where_there_is_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert room.opening_for({}) is in_the_open
    assert room.opening_for({"mine.py": "x = 1"}) is room.in_a_room

    def nowhere() -> None:
        raise StrawError("no bwrap here")

    monkeypatch.setattr(room, "check", nowhere)
    assert room.opening_for({"mine.py": "x = 1"}) is in_the_open


def test_an_entry_says_where_its_learner_ran(folder: Path) -> None:
    entry = Entry.begun("short", submitted("grpo", {}), room.words_of(room.in_a_room))
    assert entry.record()["wall"] == room.ROOM and entry_of(entry.record()).wall == room.ROOM
    old = entry.record()
    del old["wall"]
    assert entry_of(old).wall == ""
