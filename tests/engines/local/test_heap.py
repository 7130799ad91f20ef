"""What was freed is the system's again, where the C library can give it back."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from straw.engines.local.heap import give_back_heap


def resident() -> int:
    """Bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library keeps what it keeps")
def test_freed_blocks_between_blocks_in_use_are_given_back() -> None:
    blocks = [bytearray(64 * 1024) for _ in range(2000)]
    for block in blocks:
        block[:] = b"x" * len(block)
    before = resident()
    del blocks[: len(blocks) - 1]  # the last one lies behind them all
    give_back_heap()
    assert resident() < before - 100e6
    assert len(blocks) == 1


def test_without_such_a_library_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: object) -> object:
        raise OSError("no library")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    give_back_heap()
