"""Checkpoints share what did not change of a memory, each whole by itself."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.test_intrinsic import paying, rollout

from straw.rewards.intrinsic.episodic import part
from straw.runs.checkpoints import weights
from straw.runs.checkpoints.weights import file_sums, place_of
from straw.training import memory_files
from straw.training.intrinsic import IntrinsicPay
from straw.training.memory_files import is_time_for_whole, parts_of, write_memory


def steps(pay: IntrinsicPay, tmp_path: Path, count: int, size: int = 40) -> list[Path]:
    """A checkpoint a step, each step with a new question; the first one has many."""
    folders: list[Path] = []
    for step in range(1, count + 1):
        asked = range(size) if step == 1 else (1000 + step, 1001 + step)
        pay.paid([[rollout("ab"[q % 2], is_right=q % 3 == 0, question=f"q{q}")] for q in asked], step)
        folder = tmp_path / f"step-{step}"
        folder.mkdir()
        pay.save(folder, folders[-1] if folders else None)
        pay.kept()
        folders.append(folder)
    return folders


def memory_of(pay: IntrinsicPay) -> tuple[Any, Any]:
    arrays = {name: (array.shape, array.numpy().tobytes()) for name, array in pay.intrinsic.arrays().items()}
    return arrays, [(key, vector.tolist()) for key, vector in pay.questions.items()]


@pytest.mark.parametrize("use_ir", ["knn", "knn+", "elliptical", "extra"])
@pytest.mark.parametrize("keys", [10_000, 20])
def test_every_checkpoint_holds_the_memory_of_its_step(tmp_path: Path, use_ir: str, keys: int) -> None:
    pay = paying(use_ir=use_ir, encoder="minilm", memory_keys=keys)
    said = []
    folders: list[Path] = []
    for step in range(1, 8):
        asked = range(30) if step == 1 else range(step, step + 3)
        pay.paid([[rollout("abc"[q % 3], is_right=q % 2 == 0, question=f"q{q}{step}")] for q in asked], step)
        (tmp_path / str(step)).mkdir()
        pay.save(tmp_path / str(step), folders[-1] if folders else None)
        pay.kept()
        folders.append(tmp_path / str(step))
        said.append(memory_of(pay))
    for folder, kept in zip(folders, said, strict=True):
        other = paying(use_ir=use_ir, encoder="minilm", memory_keys=keys)
        other.load(folder)
        assert memory_of(other) == kept


def test_what_did_not_change_is_on_the_disk_once_and_outlives_the_checkpoint_before(tmp_path: Path) -> None:
    pay = paying(use_ir="knn+")
    first, second, third = steps(pay, tmp_path, 3)
    assert [path.name for path in parts_of(third)] == [
        "memory-000001.safetensors", "memory-000002.safetensors", "memory.safetensors",
    ]  # fmt: skip
    assert place_of(third / "memory-000001.safetensors") == place_of(first / "memory.safetensors")
    assert place_of(third / "memory-000002.safetensors") == place_of(second / "memory.safetensors")
    new, all_of_it = ((folder / "memory.safetensors").stat().st_size for folder in (third, first))
    assert new < all_of_it / 3
    shutil.rmtree(first)
    shutil.rmtree(second)
    other = paying(use_ir="knn+")
    other.load(third)
    assert memory_of(other) == memory_of(pay)


def test_a_run_that_goes_on_writes_the_same_parts(tmp_path: Path) -> None:
    one = paying(use_ir="knn+")
    folders = steps(one, tmp_path, 3)
    two = paying(use_ir="knn+")
    two.load(folders[1])
    two.paid([[rollout("ab"[q % 2], is_right=q % 3 == 0, question=f"q{q}")] for q in (1003, 1004)], 3)
    (tmp_path / "again").mkdir()
    two.save(tmp_path / "again", folders[1])
    assert file_sums(tmp_path / "again") == file_sums(folders[2])


def test_what_a_checkpoint_that_failed_should_have_had_is_in_the_next(tmp_path: Path) -> None:
    pay = paying(use_ir="knn+")
    (first,) = steps(pay, tmp_path, 1)
    for name in ("lost", "next"):
        pay.paid([[rollout("a", is_right=True, question=name)]], 2)
        (tmp_path / name).mkdir()
        pay.save(tmp_path / name, first)  # and the first of them never became whole
    other = paying(use_ir="knn+")
    other.load(tmp_path / "next")
    assert memory_of(other) == memory_of(pay)


def test_all_of_it_is_written_again_where_the_parts_are_twice_as_much(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path, size in zip(paths, (10, 5, 4), strict=True):
        path.write_bytes(b"x" * size)
    assert not is_time_for_whole(paths)
    paths[2].write_bytes(b"x" * 5)
    assert is_time_for_whole(paths)
    pay = paying(use_ir="knn+")
    folders = steps(pay, tmp_path, 60, size=4)
    held = [sum(path.stat().st_size for path in parts_of(folder)) for folder in folders]
    whole = [sum(array.nbytes for array in pay._whole().values())]
    assert sum(len(parts_of(folder)) == 1 for folder in folders) < 15
    assert held[-1] < 4 * whole[0]


def test_so_it_is_where_there_are_very_many_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_files, "MOST_PARTS", 3)
    folders = steps(paying(use_ir="knn+"), tmp_path, 5)
    assert [len(parts_of(folder)) for folder in folders] == [1, 2, 3, 1, 2]


def test_a_disk_without_second_names_gets_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: Any, **named: Any) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    pay = paying(use_ir="knn+")
    first, second = steps(pay, tmp_path, 2)
    copy = second / "memory-000001.safetensors"
    assert place_of(copy) != place_of(first / "memory.safetensors")
    assert copy.read_bytes() == (first / "memory.safetensors").read_bytes()


def test_a_folder_without_a_memory_has_no_parts_whatever_else_is_there(tmp_path: Path) -> None:
    (tmp_path / "memory-000001.safetensors").touch()
    (tmp_path / "memory.safetensors").symlink_to(tmp_path / "memory-000001.safetensors")
    assert parts_of(tmp_path) == []


def test_sums_of_shared_files_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    for folder in (before, after):
        folder.mkdir()
    (before / "one").write_text("one")
    os.link(before / "one", after / "older")
    (after / "new").write_text("new")
    right = file_sums(after)
    known = {place_of(before / "one"): right["older"], place_of(after / "new"): 1}
    read: list[str] = []
    real = weights.checksum
    monkeypatch.setattr(weights, "checksum", lambda path: read.append(path.name) or real(path))
    assert file_sums(after, known) == right and read == ["new"]


def test_a_whole_part_and_its_changes_by_hand(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    write_memory(tmp_path / "1", None, lambda: {"a": torch.ones(100)}, lambda: {"a": torch.zeros(1)})
    write_memory(tmp_path / "2", tmp_path / "1", lambda: {"a": torch.ones(100)}, lambda: {"a": torch.zeros(1)})
    assert [one["a"].tolist() for one in memory_files.read_memory(tmp_path / "2")] == [[1.0] * 100, [0.0]]
    assert part({"x.y": torch.ones(1)}, "x").keys() == {"y"}
