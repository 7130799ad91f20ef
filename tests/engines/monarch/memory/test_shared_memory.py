"""Tensors in memory that another process maps, without one: mapped twice here."""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from straw.engines.monarch.memory.shared_memory import Shared, bytes_behind, mapped, places_of

TENSORS = {"a": torch.arange(6.0).view(2, 3), "none": torch.zeros(0), "b": torch.arange(33, dtype=torch.int64)}


def test_every_tensor_begins_at_a_multiple_of_64_bytes_behind_the_one_before() -> None:
    places = places_of({**TENSORS, "c": torch.zeros(16), "d": torch.zeros(17)}, halved=("d",))
    assert {name: (one.start, one.num_bytes) for name, one in places.items()} == {
        "a": (0, 24), "none": (64, 0), "b": (64, 264), "c": (384, 64), "d": (448, 34)
    }  # fmt: skip
    assert places["d"].dtype is torch.bfloat16 and places["c"].dtype is torch.float32
    assert places["a"].shape == (2, 3)


def test_what_is_written_by_one_is_read_by_the_other() -> None:
    shared = Shared.holding(TENSORS)
    other = mapped(shared.handle)
    assert shared.handle.num_bytes == 64 + 264
    for name, tensor in TENSORS.items():
        assert torch.equal(other[name], tensor) and other[name].dtype is tensor.dtype
    shared.write({"a": TENSORS["a"] + 1})
    assert torch.equal(other["a"], TENSORS["a"] + 1)
    with bytes_behind(shared.handle) as there:
        assert len(there) == 328 and bytes(there[:4]) == TENSORS["a"][:1, :1].add(1).numpy().tobytes()
    shared.close()
    assert torch.equal(other["b"], TENSORS["b"])  # who has mapped it keeps it
    with pytest.raises((OSError, RuntimeError)):
        mapped(shared.handle)
    shared.close()  # twice is no harm


def test_room_in_half_the_bytes_holds_what_was_rounded() -> None:
    shared = Shared.like(TENSORS, halved=("a",))
    shared.write(TENSORS)
    assert shared.tensors["a"].dtype is torch.bfloat16 and torch.equal(shared.tensors["a"].float(), TENSORS["a"])
    shared.close()


def test_nothing_at_all_has_a_little_room() -> None:
    shared = Shared.like({})
    assert shared.handle.num_bytes == 64 and shared.tensors == {}
    shared.close()


def test_memory_of_another_machine_is_not_mapped() -> None:
    shared = Shared.holding(TENSORS)
    with pytest.raises(RuntimeError, match="is not the memory that was meant: it lies on another machine"):
        mapped(replace(shared.handle, inode=shared.handle.inode + 1))
    assert torch.equal(mapped(replace(shared.handle, inode=0))["a"], TENSORS["a"])
    shared.close()


def test_without_anonymous_memory_a_folder_of_one_s_own_has_a_file_that_is_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    shared = Shared.holding(TENSORS)
    file = Path(shared.handle.path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert file.stat().st_size == shared.handle.num_bytes
    assert torch.equal(mapped(shared.handle)["b"], TENSORS["b"])
    shared.close()
    assert list(tmp_path.iterdir()) == []
    shared.close()
