from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize

from straw.rewards.intrinsic import memory_store
from straw.rewards.intrinsic.memory_store import MemoryStore


def key(number: int) -> str:
    return f"{number:032x}"


def unit(*numbers: float) -> torch.Tensor:
    return normalize(torch.tensor(numbers, dtype=torch.float32), dim=0)


def random_units(count: int, width: int, seed: int) -> torch.Tensor:
    return normalize(torch.randn(count, width, generator=torch.Generator().manual_seed(seed)), dim=1)


X, Y, Z = torch.eye(3)


def test_a_full_memory_forgets_its_oldest_question_with_all_its_answers() -> None:
    store = MemoryStore(3, max_keys=2, max_values=5)
    for number, vector in enumerate((X, Y, Z)):
        store.add(key(number), vector, vector[None])
    assert key(0) not in store and key(1) in store and key(2) in store
    assert (store.num_keys, store.num_values) == (2, 2)
    assert store.values_of(store.nearest([key(9)], Z[None], 1)[0]).tolist() == [Z.tolist()]
    assert store.values_of(store.nearest([key(9)], Y[None], 1)[0]).tolist() == [Y.tolist()]


def test_a_full_question_forgets_its_oldest_answers_and_its_mean_follows() -> None:
    store = MemoryStore(3, max_keys=2, max_values=2)
    store.add(key(0), X, torch.stack([X, Y, Z]))
    assert store.values_of([0]).tolist() == [Y.tolist(), Z.tolist()]
    assert store.centroid([0]).tolist() == [0, 0.5, 0.5]


def test_the_mean_over_two_questions_weighs_answers_not_questions() -> None:
    store = MemoryStore(3, max_keys=2, max_values=5)
    store.add(key(0), X, torch.stack([X, X, X]))
    store.add(key(1), Y, Y[None])
    assert store.centroid([0, 1]).tolist() == [0.75, 0.25, 0]


def test_neighbours_come_nearest_first_with_the_question_itself_in_front_and_none_below_the_floor() -> None:
    store = MemoryStore(3, max_keys=9, max_values=5)
    for number, vector in enumerate((X, unit(1, 1, 0), Y, Z)):
        store.add(key(number), vector, vector[None])
    asked = unit(1, 0.5, 0)[None]  # cosines .89, .95, .45, 0
    assert store.nearest([key(9)], asked, 3) == [[1, 0, 2]]
    assert store.nearest([key(9)], asked, 3, floor=0.8) == [[1, 0]]
    assert store.nearest([key(3)], asked, 3) == [[3, 1, 0]]
    assert store.nearest([key(9)], -asked, 1, floor=0.1) == [[]]
    assert store.nearest([key(9), key(3)], torch.cat([asked, asked]), 1) == [[1], [3]]
    assert MemoryStore(3, 1, 1).nearest([key(0)], asked, 1) == [[]]


def test_matrices_double_up_to_their_bound_and_no_further() -> None:
    store = MemoryStore(3, max_keys=100, max_values=2)
    assert store.keys.shape == store.values.shape == (0, 3)
    for number in range(250):
        store.add(key(number), X, torch.stack([Y, Z]))
        assert len(store.keys) in (64, 100) and len(store.values) in (64, 128, 200)
    assert (store.num_keys, store.num_values) == (100, 200)


class Plain:
    """The same memory as a dictionary of lists."""

    def __init__(self, max_keys: int, max_values: int) -> None:
        self.max_keys, self.max_values = max_keys, max_values
        self.kept: OrderedDict[str, tuple[list[float], list[list[float]]]] = OrderedDict()

    def add(self, name: str, question: torch.Tensor, values: torch.Tensor) -> None:
        if name not in self.kept and len(self.kept) == self.max_keys:
            self.kept.popitem(last=False)
        _, held = self.kept.setdefault(name, (question.tolist(), []))
        held.extend(values.tolist())
        del held[: -self.max_values]


writes = st.lists(st.tuples(st.integers(0, 7), st.integers(1, 4)), max_size=40)


@settings(max_examples=40, deadline=None)
@given(writes, st.integers(1, 5), st.integers(1, 4))
def test_at_capacity_every_question_keeps_its_own_answers(done: Any, max_keys: Any, max_values: Any) -> None:
    store, plain = MemoryStore(4, max_keys, max_values), Plain(max_keys, max_values)
    questions = random_units(8, 4, seed=1)
    for at, (number, count) in enumerate(done):
        values = random_units(count, 4, seed=at + 2)
        store.add(key(number), questions[number], values)
        plain.add(key(number), questions[number], values)
    for one in (store, reloaded(store, max_keys, max_values)):
        assert one.num_keys == len(plain.kept)
        assert one.num_values == sum(len(values) for _, values in plain.kept.values())
        for name, (question, values) in plain.kept.items():
            ((slot,),) = one.nearest([name], torch.tensor([question]), 1)
            assert one.keys[slot].tolist() == question
            assert one.values_of([slot]).tolist() == values
            assert torch.allclose(one.centroid([slot]), torch.tensor(values).mean(0), atol=1e-6)


def reloaded(store: MemoryStore, max_keys: int, max_values: int) -> MemoryStore:
    other = MemoryStore(store.width, max_keys, max_values)
    other.load(store.arrays())
    return other


def test_a_memory_that_was_kept_and_read_writes_on_with_equal_bytes() -> None:
    store = MemoryStore(4, 5, 3)
    for number in range(12):
        store.add(key(number % 7), random_units(1, 4, number)[0], random_units(2, 4, 100 + number))
    other = reloaded(store, 5, 3)
    for one in (store, other):
        for number in range(12, 20):
            one.add(key(number % 8), random_units(1, 4, number)[0], random_units(2, 4, 100 + number))
    for name, array in store.arrays().items():
        assert array.numpy().tobytes() == other.arrays()[name].numpy().tobytes(), name


def test_approximate_neighbours_are_nearly_always_the_exact_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_store, "APPROXIMATE_ABOVE", 400)
    centres = random_units(40, 16, 0)
    near = normalize(centres.repeat(25, 1) + 0.15 * torch.randn(1000, 16, generator=torch.Generator().manual_seed(1)))
    exact, approximate = MemoryStore(16, 900, 1), MemoryStore(16, 900, 1, approximate=True)
    for store in (exact, approximate):
        for number, vector in enumerate(near):
            store.add(key(number), vector, vector[None])
    assert approximate.cells is not None and approximate.cells.is_in_use
    asked = normalize(near[::10] + 0.05)
    names = [key(5000)] * len(asked)
    found = zip(exact.nearest(names, asked, 1), approximate.nearest(names, asked, 1), strict=True)
    assert sum(one == other for one, other in found) >= 0.95 * len(asked)
    again = MemoryStore(16, 900, 1, approximate=True)
    again.load(approximate.arrays())
    assert again.nearest(names, asked, 3) == approximate.nearest(names, asked, 3)
    assert again.cells is not None and again.cells.is_in_use
    kept = {name: array.tolist() for name, array in approximate.arrays().items()}
    assert {name: array.tolist() for name, array in again.arrays().items()} == kept


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_what_is_not_finite_is_refused_and_changes_nothing(number: Any) -> None:
    store = MemoryStore(3, 9, 5)
    store.add(key(0), X, torch.stack([X, Y]))
    before = {name: array.tolist() for name, array in store.arrays().items()}
    for question, values in ((X, torch.stack([Z, Z * number])), (Z * number, Z[None])):
        with pytest.raises(ValueError, match="a memory holds finite vectors"):
            store.add(key(1), question, values)
    assert {name: array.tolist() for name, array in store.arrays().items()} == before


def test_what_is_kept_does_not_move_with_what_is_written_later() -> None:
    one, other = MemoryStore(3, 1, 1), MemoryStore(3, 1, 1)
    one.add(key(0), X, X[None])
    kept = one.arrays()
    before = {name: array.tolist() for name, array in kept.items()}
    other.load(kept)
    for store in (one, other):
        store.add(key(1), Y, Z[None])
        assert store.keys.tolist()[:1] == [Y.tolist()] and store.values_of([0]).tolist() == [Z.tolist()]
        assert {name: array.tolist() for name, array in kept.items()} == before


def test_sums_are_those_of_float64() -> None:
    """In float32 the second and the third would be lost beside the first."""
    values = torch.tensor([[2.0**25], [1.0], [1.0]])
    store = MemoryStore(1, 1, 9)
    store.add(key(0), torch.ones(1), values)
    assert store.sums[0].tolist() == [2**25 + 2]


def test_a_question_that_is_as_near_as_the_floor_is_near_enough() -> None:
    store = MemoryStore(3, 9, 5)
    store.add(key(0), X, X[None])
    store.add(key(1), Y, Y[None])
    assert store.nearest([key(9)], X[None], 2, floor=1.0) == [[0]]
    assert store.nearest([key(9)], X[None], 2, floor=0.0) == [[0, 1]]


def test_where_the_cells_that_are_near_are_empty_a_question_has_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore(3, 9, 5, approximate=True)
    store.add(key(0), X, X[None])
    assert store.cells is not None
    store.cells.made_for = 1
    monkeypatch.setattr(store.cells, "candidates", lambda question, num_keys: torch.zeros(0, dtype=torch.int64))
    assert store.nearest([key(9), key(0)], torch.stack([X, X]), 2) == [[], [0]]


def test_cells_are_made_from_more_than_a_hundred_thousand_questions_on(monkeypatch: pytest.MonkeyPatch) -> None:
    store, seen = MemoryStore(3, 2, 5, approximate=True), []
    monkeypatch.setattr(
        store.cells, "place", lambda slot, keys, starts_at: seen.append((slot, keys.tolist(), starts_at))
    )
    for number, vector in enumerate((X, Y, Z)):
        store.add(key(number), vector, vector[None])
    x, y, z = X.tolist(), Y.tolist(), Z.tolist()
    assert seen == [(0, [x], 100_000), (1, [x, y], 100_000), (0, [z, y], 100_000)]


FIELDS = ("keys", "sums", "values", "counts", "hashes", "oldest")


@pytest.mark.parametrize("left_out", FIELDS)
def test_a_field_that_is_left_out_is_noticed(left_out: Any) -> None:
    store = MemoryStore(3, 2, 2)
    store.add(key(0), X, X[None])
    assert sorted(store.arrays()) == sorted(FIELDS)
    with pytest.raises(KeyError, match=left_out):
        MemoryStore(3, 2, 2).load({name: array for name, array in store.arrays().items() if name != left_out})


def test_a_memory_that_was_read_forgets_the_oldest_question_next() -> None:
    store = MemoryStore(3, 2, 2)
    for number, vector in enumerate((X, Y, Z)):
        store.add(key(number), vector, vector[None])
    other = MemoryStore(3, 2, 2)
    other.load(store.arrays())
    for one in (store, other):
        one.add(key(3), X, X[None])
        assert (key(1) in one, key(2) in one) == (False, True)


def test_as_long_as_there_are_few_questions_all_are_looked_at() -> None:
    """Cells are made of many only; until then an approximate memory is an exact one."""
    near = random_units(30, 8, seed=4)
    exact, approximate = MemoryStore(8, 90, 1), MemoryStore(8, 90, 1, approximate=True)
    for store in (exact, approximate):
        for number, vector in enumerate(near):
            store.add(key(number), vector, vector[None])
    assert approximate.cells is not None and not approximate.cells.is_in_use
    asked, names = random_units(5, 8, seed=5), [key(5000), key(3), key(5001), key(5002), key(7)]
    assert approximate.nearest(names, asked, 3) == exact.nearest(names, asked, 3)
