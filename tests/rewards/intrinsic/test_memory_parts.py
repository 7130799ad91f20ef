"""A memory in parts is the memory: whole, then what changed, at whatever moments it was kept."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize

from straw.rewards.intrinsic import memory_store
from straw.rewards.intrinsic.base import Growing
from straw.rewards.intrinsic.episodic import Episodic, part
from straw.rewards.intrinsic.kinds.repeats import Repeats
from straw.rewards.intrinsic.memory_parts import joined_questions, joined_store, packed, ranges, unpacked
from straw.rewards.intrinsic.memory_store import MemoryStore
from straw.rewards.intrinsic.step import Intrinsic, Rules

KEEPS = -1


def key(number: int) -> str:
    return f"{number:032x}"


def units(count: int, seed: int) -> torch.Tensor:
    return normalize(torch.randn(count, 4, generator=torch.Generator().manual_seed(seed)), dim=1)


def add(store: MemoryStore, number: int, at: int, count: int = 2) -> None:
    store.add(key(number), units(1, number)[0], units(count, 100 + at))


def bytes_of(arrays: Any) -> dict[str, tuple[Any, bytes]]:
    return {name: (array.shape, array.numpy().tobytes()) for name, array in arrays.items()}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(KEEPS, 7), st.integers(1, 4)), max_size=40), st.integers(1, 6), st.integers(1, 4),
    st.booleans(),
)  # fmt: skip
def test_parts_that_are_joined_are_what_would_have_been_kept_at_once(
    done: Any, max_keys: int, max_values: int, approximate: bool
) -> None:
    store = MemoryStore(4, max_keys, max_values, approximate=approximate)
    parts = [store.arrays()]
    for at, (number, count) in enumerate(done):
        if number == KEEPS:
            parts.append(store.changes())
            store.kept()
        else:
            add(store, number, at, count)
    parts.append(store.changes())
    assert bytes_of(joined_store(parts)) == bytes_of(store.arrays())


def test_what_did_not_change_is_not_told_again_and_what_was_forgotten_is_replaced() -> None:
    store = MemoryStore(4, 3, 2)
    for number in (0, 1, 2):
        add(store, number, number)
    assert store.changes()["slots"].tolist() == [0, 1, 2]
    store.kept()
    assert len(store.changes()["values"]) == 0
    add(store, 1, 9)
    add(store, 7, 10)  # in the place of 0
    changes = store.changes()
    assert changes["slots"].tolist() == [0, 1] and len(changes["values"]) == 4
    assert unpacked(changes["hashes"]) == [key(7), key(1), key(2)]


def test_what_was_told_and_is_not_safe_is_told_again() -> None:
    store = MemoryStore(4, 3, 2)
    add(store, 0, 0)
    assert bytes_of(store.changes()) == bytes_of(store.changes())
    store.load(store.arrays())
    assert store.changes()["slots"].tolist() == []


def test_a_part_that_is_missing_is_noticed() -> None:
    store = MemoryStore(4, 3, 2)
    parts = [store.arrays()]
    for number in (0, 1):
        add(store, number, number)
        parts.append(store.changes())
        store.kept()
    assert bytes_of(joined_store(parts)) == bytes_of(store.arrays())
    with pytest.raises(ValueError, match="a part of the memory is missing"):
        joined_store([parts[0], parts[2]])


def test_cells_of_many_questions_come_back_with_the_newest_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_store, "APPROXIMATE_ABOVE", 8)
    store = MemoryStore(4, 100, 2, approximate=True)
    parts = []
    for number in range(30):
        add(store, number, number)
        if number in (9, 20):
            parts.append(store.changes() if parts else store.arrays())
            store.kept()
    parts.append(store.changes())
    assert bytes_of(joined_store(parts)) == bytes_of(store.arrays())
    assert store.cells is not None and store.cells.is_in_use


def test_questions_in_parts_stand_in_the_order_of_the_newest() -> None:
    first = {"hashes": packed([key(1), key(2)]), "vectors": units(2, 1)}
    second = {"hashes": packed([key(2), key(3)]), "new": packed([key(3)]), "vectors": units(1, 2)}
    third = {"hashes": packed([key(2), key(3)]), "new": packed([]), "vectors": torch.zeros(0, 0)}
    joined = joined_questions([first, second, third])
    assert unpacked(joined["hashes"]) == [key(2), key(3)]
    assert joined["vectors"].tolist() == [first["vectors"][1].tolist(), second["vectors"][0].tolist()]
    empty = {"hashes": packed([]), "vectors": torch.zeros(0, 0)}
    assert bytes_of(joined_questions([empty])) == bytes_of(empty)


def test_a_question_that_came_back_has_its_newest_vector() -> None:
    first = {"hashes": packed([key(1)]), "vectors": units(1, 1)}
    second = {"hashes": packed([key(1)]), "new": packed([key(1)]), "vectors": units(1, 2)}
    assert joined_questions([first, second])["vectors"].tolist() == second["vectors"].tolist()


def test_ranges_by_hand() -> None:
    assert ranges(torch.tensor([5, 0, 9]), torch.tensor([2, 1, 0])).tolist() == [5, 6, 0]


def test_hashes_are_packed_as_bytes() -> None:
    assert packed([key(1), key(258)]).tolist() == [[0] * 15 + [1], [0] * 14 + [1, 2]]
    assert unpacked(packed([key(258)])) == [key(258)] and unpacked(packed([])) == []


def test_a_judge_without_parts_is_told_whole_each_time() -> None:
    judge = Repeats(10)
    assert not isinstance(judge, Growing)
    intrinsic = Intrinsic(judge, Rules())
    assert bytes_of(intrinsic.changes()) == bytes_of(intrinsic.arrays())
    assert intrinsic.joined([{"judge.failed": torch.zeros(1)}, intrinsic.changes()]).keys() == {"judge.failed"}
    intrinsic.kept()


@pytest.mark.parametrize("explores", [False, True])
def test_both_stores_of_a_judge_are_joined(explores: bool) -> None:
    success, failure = MemoryStore(4, 3, 2), MemoryStore(4, 3, 2)
    intrinsic = Intrinsic(Episodic(success, failure if explores else None, k=1, floor=None), Rules())
    parts = [intrinsic.arrays()]
    for at in range(5):
        add(success, at, at)
        add(failure, at + 1, at)
        intrinsic._window("exploit").newest = [float(at)]
        parts.append(intrinsic.changes())
        intrinsic.kept()
    assert bytes_of(intrinsic.joined(parts)) == bytes_of(intrinsic.arrays())
    assert bool(part(intrinsic.joined(parts), "judge.failure")) == explores
