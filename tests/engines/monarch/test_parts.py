"""The small parts of the distributed engine, without a process."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.monarch_here import needs_monarch
from tests.small_runs import small_page, small_plan

from straw.engines.local.build import load_engine
from straw.engines.monarch.engine import MonarchEngine
from straw.engines.monarch.memory import cgroup
from straw.engines.monarch.memory import memory_check as room
from straw.engines.monarch.memory.memory_check import check_files, check_room
from straw.engines.monarch.memory.shared_memory import Shared, mapped, places_of
from straw.engines.monarch.processes import process as adapter
from straw.errors import ConfigError, EngineFailed

GIB = 2**30
WEIGHTS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor([7], dtype=torch.int64), "c": torch.ones(3).bfloat16()}


def test_others_look_at_the_same_bytes() -> None:
    shared = Shared.holding(WEIGHTS)
    there = mapped(shared.handle)
    assert all(torch.equal(there[name], tensor) for name, tensor in WEIGHTS.items())
    shared.write({"a": torch.full((2, 3), 9.0)})
    assert there["a"].tolist() == [[9.0] * 3] * 2
    shared.close()
    assert there["b"].tolist() == [7]  # who has mapped it keeps it
    with pytest.raises(FileNotFoundError):
        mapped(shared.handle)


def test_the_same_path_on_another_machine_is_not_mapped() -> None:
    shared, other = Shared.holding(WEIGHTS), Shared.holding(WEIGHTS)
    with pytest.raises(RuntimeError, match="lies on another machine"):
        mapped(replace(shared.handle, path=other.handle.path))
    shared.close()
    other.close()


def test_every_tensor_begins_at_a_line_of_the_cache() -> None:
    assert [place.start for place in places_of(WEIGHTS).values()] == [0, 64, 128]


def test_without_nameless_memory_a_private_file_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    shared = Shared.holding(WEIGHTS)
    folder = os.path.dirname(shared.handle.path)
    assert os.stat(folder).st_mode & 0o777 == 0o700
    assert mapped(shared.handle)["a"].tolist() == WEIGHTS["a"].tolist()
    shared.close()
    assert not os.path.exists(folder)


def test_a_missing_monarch_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(adapter.metadata, "version", missing)
    with pytest.raises(ConfigError, match=r"pip install 'straw\[monarch\]'"):
        adapter.check_monarch()


def test_another_monarch_is_told_with_the_one_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter.metadata, "version", lambda name: "0.3.0")
    with pytest.raises(ConfigError, match=r"got 0\.3\.0: pip install torchmonarch==0\.7\.0"):
        adapter.check_monarch()


def test_generators_that_do_not_fit_are_refused_with_the_number_that_does() -> None:
    check_room(2, GIB, GIB, slots=2, available=16 * GIB)
    with pytest.raises(ConfigError, match=r"num_generators=30 would take about .* Write num_generators=22\."):
        check_room(30, GIB, GIB, slots=2, available=16 * GIB)  # 16 - 7 - 0.39 GiB, at 0.39 each: 22
    with pytest.raises(ConfigError, match="Write engine=local"):
        check_room(1, 4 * GIB, 4 * GIB, slots=2, available=8 * GIB)


# --- limits of the system


@needs_monarch
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(24, "Too many open files"), "raise ulimit -n"),
        (RuntimeError("Cannot allocate memory (12)"), "memory is"),
    ],
)
def test_what_strikes_while_an_engine_begins_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Any, words: str
) -> None:
    def strike(weights: object) -> None:
        raise error

    page = small_plan("engine=monarch").page
    start = load_engine(page)
    monkeypatch.setattr(Shared, "holding", strike)
    with pytest.raises(EngineFailed, match=f"^[^\n]*{words}[^\n]*$"):
        MonarchEngine(page, start, 1)


@needs_monarch
@pytest.mark.parametrize(
    ("place", "name", "found", "said"),
    [
        (room.resource, "getrlimit", lambda kind: (64, 64), "ulimit -n allows 64"),
        (room, "available_memory", lambda: 0, "generators have to fit into memory"),
    ],
)
def test_an_engine_looks_for_room_before_anything_begins(
    monkeypatch: pytest.MonkeyPatch, place: Any, name: str, found: Any, said: str
) -> None:
    page = small_plan("engine=monarch").page
    start = load_engine(page)
    monkeypatch.setattr(place, name, found)
    with pytest.raises(ConfigError, match=said):
        MonarchEngine(page, start, 2)


def group(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A control group with a limit of 3 GiB in one of 8 GiB that others use too: half a GiB and three are left."""
    outer = group(
        tmp_path, memory__max=f"{8 * GIB}\n", memory__current=f"{6 * GIB}\n",
        memory__stat=f"anon 1\ninactive_file {GIB}\n", memory__events="low 0\noom 2\noom_kill 2\n",
    )  # fmt: skip
    inner = group(outer / "job", memory__max=f"{3 * GIB}\n", memory__current=f"{5 * GIB // 2}\n", memory__stat="")
    monkeypatch.setattr(cgroup, "groups", lambda: iter([(cgroup.KINDS[1], inner), (cgroup.KINDS[1], outer)]))
    return inner


def test_the_tightest_control_group_bounds_the_memory(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cgroup.memory_left() == GIB // 2
    (two / "memory.max").write_text("max\n")
    assert cgroup.memory_left() == 3 * GIB  # 8 - 6 + 1 that are only copies of files
    monkeypatch.setattr(cgroup, "groups", lambda: iter([]))
    assert cgroup.memory_left() == cgroup.NO_LIMIT


def test_generators_that_do_not_fit_into_the_control_group_are_refused_before_they_start(two: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"and 0\.5 GiB are free below the limit of the control group\. Write engine=local"
    ):
        check_room(2, GIB // 100, GIB // 100, slots=2)


def test_whom_the_system_ended_for_want_of_memory_is_counted_in_our_group(two: Path) -> None:
    assert cgroup.oom_kills() == 2
    (two / "memory.events").write_text("oom_kill 5\n")
    assert cgroup.oom_kills() == 5


def test_the_groups_of_this_process_are_found() -> None:
    for kind, folder in cgroup.groups():
        assert cgroup.left_in(kind, folder) > 0


def test_files_that_may_be_open_are_taken_or_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[int, int]] = [(64, 4096)]
    monkeypatch.setattr(room.resource, "getrlimit", lambda kind: limits[-1])
    monkeypatch.setattr(room.resource, "setrlimit", lambda kind, new: limits.append(new))
    check_files(2)
    assert limits[-1] == (132, 4096)  # 96 + 12 for the trainer and 12 for each of two
    check_files(2)
    assert len(limits) == 2
    limits.append((128, 128))
    with pytest.raises(ConfigError, match=r"=4 wants about 156, and ulimit -n allows 128\. .*or num_generators=1"):
        check_files(4)
    limits.append((64, 64))
    with pytest.raises(ConfigError, match=r"\(ulimit -n 132\), or write engine=local"):
        check_files(2)


def test_weights_that_are_shared_have_no_place_in_a_file_system() -> None:
    """So a full /dev/shm is none of their concern."""
    shared = Shared.holding(WEIGHTS)
    assert os.readlink(shared.handle.path).startswith("/memfd:")
    shared.close()


def test_no_generator_is_none() -> None:
    with pytest.raises(ConfigError, match=r"num_generators is .* has to be >= 1; got num_generators=0"):
        small_page("engine=monarch num_generators=0")
