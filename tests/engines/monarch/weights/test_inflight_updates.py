"""The board that says which weights are the newest, both of its sides in one process."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from straw.engines.local.forward.kv_cache import Decode
from straw.engines.local.forward.packing import Pack
from straw.engines.local.forward.prompts.reading import Read
from straw.engines.monarch.memory.shared_memory import Handle, Shared, mapped
from straw.engines.monarch.weights.inflight_updates import Board, Fresh, FreshReader, Lookout

SLOTS = [Handle(f"slot {number}", 0, {}) for number in range(3)]


def test_a_generator_sees_what_is_shown_in_its_slot_and_nothing_older() -> None:
    board = Board(2)
    lookout = Lookout(Fresh(board.memory.handle, SLOTS, generator=1))
    assert lookout.newer_than(0) is None
    for serial, slot in ((1, 1), (2, 2), (3, 0), (7, 1)):
        board.show(serial)
        assert lookout.newer_than(serial - 1) == (serial, SLOTS[slot]) == lookout.newer_than(0)
        assert lookout.newer_than(serial) is None and lookout.newer_than(serial + 1) is None
    board.close()


def test_each_generator_says_for_itself_what_it_has_taken() -> None:
    board = Board(3)
    assert [board.taken(generator) for generator in range(3)] == [0, 0, 0]
    Lookout(Fresh(board.memory.handle, SLOTS, generator=2)).took(7)
    Lookout(Fresh(board.memory.handle, SLOTS, generator=0)).took(6)
    assert [board.taken(generator) for generator in range(3)] == [6, 0, 7]
    board.show(9)
    assert [board.taken(generator) for generator in range(3)] == [6, 0, 7]
    board.close()


def test_a_board_that_is_closed_cannot_be_mapped_any_more() -> None:
    board = Board(1)
    board.close()
    with pytest.raises((OSError, RuntimeError)):
        mapped(board.memory.handle)


def test_a_handle_that_names_no_file_s_number_is_mapped_without_looking() -> None:
    shared = Shared.holding({"a": torch.arange(3.0)})
    plain = Handle(shared.handle.path, shared.handle.num_bytes, shared.handle.places)
    assert plain.inode == 0 and torch.equal(mapped(plain)["a"], torch.arange(3.0))
    shared.close()


class Told:
    """A reader that writes down what it was asked."""

    def __init__(self, is_by_token: bool) -> None:
        self.is_by_token, self.asked = is_by_token, []  # type: ignore[var-annotated]

    def hidden(self, tokens: Tensor, positions: Tensor, layout: Any) -> Tensor:
        self.asked.append(("hidden", tokens, positions, layout))
        return tokens + 1

    def layers(self, tokens: Tensor, positions: Tensor, layout: Any) -> list[Tensor]:
        self.asked.append(("layers", tokens, positions, layout))
        return [tokens + 2]


@pytest.mark.parametrize("is_by_token", [False, True])
def test_somebody_acts_before_each_token_that_is_written_and_at_no_other_reading(is_by_token: bool) -> None:
    device, acted = torch.device("cpu"), []
    real = Told(is_by_token)
    reader = FreshReader(real, lambda: acted.append(len(real.asked)))
    keys = torch.zeros(1, 1, 3, 8)
    decode, pack = Decode([Read([3], {0: (keys, keys)}, device)], 1), Pack([3], [[]], device)
    tokens, positions = torch.tensor([5]), torch.tensor([3])
    assert reader.is_by_token is is_by_token
    assert reader.hidden(tokens, positions, pack).tolist() == [6] and acted == []
    assert reader.hidden(tokens, positions, decode).tolist() == [6] and acted == [1]  # before it was read
    assert [one.tolist() for one in reader.layers(tokens, positions, decode)] == [[7]] and acted == [1]
    assert [name for name, *_ in real.asked] == ["hidden", "hidden", "layers"]
    assert all(one[1] is tokens and one[2] is positions for one in real.asked)
    assert [one[3] for one in real.asked] == [pack, decode, decode]
