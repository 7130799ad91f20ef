from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from straw.rewards.intrinsic import knn_index as cells
from straw.rewards.intrinsic.knn_index import Cells, nearest_of


def units(count: int, width: int = 8, seed: int = 0) -> torch.Tensor:
    return normalize(torch.randn(count, width, generator=torch.Generator().manual_seed(seed)), dim=1)


def placed(keys: torch.Tensor, starts_at: int) -> Cells:
    ours = Cells(keys.shape[1])
    for count in range(1, len(keys) + 1):
        ours.place(count - 1, keys[:count], starts_at)
    return ours


def test_cells_are_used_from_more_keys_than_the_start_on() -> None:
    keys = units(101)
    assert not placed(keys[:100], 100).is_in_use
    ours = placed(keys, 100)
    assert ours.is_in_use and (ours.made_for, len(ours.centres)) == (101, 10)


def test_they_are_divided_anew_when_the_keys_have_doubled_and_not_before() -> None:
    keys = units(203)
    assert placed(keys[:201], 100).made_for == 101
    assert placed(keys[:202], 100).made_for == 202


def test_every_key_lies_in_the_cell_of_its_nearest_centre_whenever_it_came() -> None:
    keys = units(150)
    ours = placed(keys, 100)
    assert ours.cell_of[:150].tolist() == (keys @ ours.centres.T).argmax(1).tolist()


def test_room_for_cells_doubles() -> None:
    assert [len(placed(units(count), 100).cell_of) for count in (101, 102, 150)] == [101, 202, 202]


def test_a_key_that_takes_another_s_slot_moves_to_its_own_cell() -> None:
    keys = units(150)
    ours = placed(keys, 100)
    other = int((ours.cell_of[:150] != ours.cell_of[7]).nonzero()[0])
    keys[7] = keys[other]
    ours.place(7, keys, 100)
    assert ours.cell_of[7] == ours.cell_of[other]


def test_candidates_are_all_slots_of_the_nearest_cells_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "PROBED", 2)
    keys = units(150)
    ours = placed(keys, 100)
    nearest = set((ours.centres @ keys[3]).topk(2).indices.tolist())
    expected = [slot for slot in range(150) if int(ours.cell_of[slot]) in nearest]
    assert ours.candidates(keys[3], 150).tolist() == expected
    assert ours.candidates(keys[3], 20).tolist() == [slot for slot in expected if slot < 20]
    assert 0 < len(expected) < 150


def test_two_heaps_get_a_centre_each_of_length_one() -> None:
    heap = torch.tensor([[1.0, 0.1, 0.0], [1.0, -0.1, 0.0], [0.0, 0.1, 1.0], [0.0, -0.1, 1.0]])
    ours = placed(normalize(heap, dim=1), 3)
    assert sorted(ours.centres.tolist()) == [pytest.approx([0, 0, 1]), pytest.approx([1, 0, 0])]


def test_the_nearest_centre_of_many_keys_is_found_some_at_a_time() -> None:
    keys, centres = units(9000), units(5, seed=1)
    assert torch.equal(nearest_of(keys, centres), (keys @ centres.T).argmax(1))


def divided(keys: torch.Tensor, rounds: int) -> torch.Tensor:
    """Centres by k-means, cell by cell: as many as the root of all, from 32 keys or more for each, spread evenly."""
    count = int(len(keys) ** 0.5)
    step = max(1, len(keys) // (32 * count))
    sample = keys[::step]
    centres = sample[:: len(sample) // count][:count]
    for _ in range(rounds):
        cells_of = (sample @ centres.T).argmax(1)
        centres = torch.stack([
            normalize(sample[cells_of == cell].sum(0), dim=0) if (cells_of == cell).any() else centres[cell]
            for cell in range(count)
        ])  # fmt: skip
    return centres


@pytest.mark.parametrize("count", [101, 4225])  # of so many every second is looked at: 4225 / (32 x 65)
def test_centres_are_moved_three_times_to_the_mean_of_their_cell(count: int) -> None:
    keys, ours = units(count), Cells(8)
    ours.place(count - 1, keys, 100)
    assert torch.allclose(ours.centres, divided(keys, 3), atol=1e-6)
    assert (ours.centres - divided(keys, 4)).abs().max() > 1e-3 < (ours.centres - divided(keys, 2)).abs().max()


def test_sixteen_cells_are_looked_through() -> None:
    keys, ours = units(400), Cells(8)
    ours.place(399, keys, 100)
    nearest = (ours.centres @ keys[5]).topk(16).indices
    assert len(ours.centres) == 20
    assert ours.candidates(keys[5], 400).tolist() == torch.isin(ours.cell_of, nearest).nonzero()[:, 0].tolist()


def test_what_is_kept_does_not_move_with_what_comes_later() -> None:
    keys = units(150)
    one, other = placed(keys, 100), Cells(8)
    kept = one.arrays(150)
    before = kept["cell_of"].tolist()
    other.load(kept)
    for ours in (one, other):
        for slot in range(20):
            ours.place(slot, -keys, 100)
        assert kept["cell_of"].tolist() == before != ours.cell_of[:150].tolist()


def going_on(monkeypatch: pytest.MonkeyPatch, changes: dict[str, torch.Tensor]) -> tuple[list[object], list[object]]:
    """Candidates from cells that go on, and from cells that were read, with some fields changed."""
    monkeypatch.setattr(cells, "PROBED", 2)
    keys = units(260)
    one, other = placed(keys[:150], 100), Cells(8)
    other.load({**one.arrays(150), **changes})
    found: list[list[object]] = []
    for ours in (one, other):
        seen: list[object] = []
        for count in range(151, 261):
            ours.place(count - 1, keys[:count], 100)
            seen.append((ours.candidates(keys[0], count).tolist(), ours.made_for))
        found.append(seen)
    return found[0], found[1]


def test_what_was_kept_and_read_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = going_on(monkeypatch, {})
    assert one == other


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("centres", torch.zeros(10, 8)),
        ("cell_of", torch.zeros(150, dtype=torch.int32)),
        ("made_for", torch.tensor([150])),
    ],
)
def test_a_field_that_is_lost_is_noticed(monkeypatch: pytest.MonkeyPatch, name: str, value: torch.Tensor) -> None:
    one, other = going_on(monkeypatch, {name: value})
    assert one != other


def test_arrays_hold_as_many_cells_as_there_are_keys() -> None:
    assert len(placed(units(150), 100).arrays(150)["cell_of"]) == 150


def test_a_cell_that_nothing_falls_into_keeps_its_centre() -> None:
    ours = placed(units(1).repeat(101, 1), 100)
    assert torch.allclose(ours.centres.norm(dim=1), torch.ones(len(ours.centres)))
