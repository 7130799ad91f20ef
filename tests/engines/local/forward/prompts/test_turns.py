"""Which tokens of a conversation were written one at a time, and in which rows of attention they are read."""

from __future__ import annotations

import pytest
import torch

from straw.engines.local.forward.prompts.reading import Kept
from straw.engines.local.forward.prompts.turns import BLOCK_ROW, Turns, copies, parts_of, written_one_by_one

CPU = torch.device("cpu")


def test_each_reply_but_its_last_token_was_written_alone_and_messages_were_not() -> None:
    assert written_one_by_one((3, 2, 1, 1, 2), 0) == [True, True, False, False, False, False, False, True, False]
    assert written_one_by_one((3, 2, 2), 1) == [True, False, False, False, True, False]
    assert written_one_by_one((3, 2), 5) == written_one_by_one((), 0) == []


def test_tokens_read_in_blocks_stand_in_rows_of_four_and_the_last_row_repeats_its_last() -> None:
    alone = [True, False, False, True, False, False, False]
    one_by_one, blocks = parts_of(alone, CPU)
    assert one_by_one.tolist() == [[0], [3]]
    assert blocks.tolist() == [[1, 2, 4, 5], [6, 6, 6, 6]]
    assert BLOCK_ROW == 4, "what `sampler.Rows.append` rounds its blocks up to"


@pytest.mark.parametrize(("alone", "rows"), [([True, True], [[0], [1]]), ([False] * 3, [[0, 1, 2, 2]])])
def test_rows_of_a_kind_that_is_not_there_are_left_out(alone: list[bool], rows: list[list[int]]) -> None:
    (part,) = parts_of(alone, CPU)
    assert part.tolist() == rows


def test_copies_lie_one_behind_the_other_in_memory() -> None:
    x = torch.arange(6.0).view(1, 1, 3, 2)
    found = copies(x, 3)
    assert found.shape == (3, 1, 3, 2) and found.is_contiguous() and torch.equal(found[2], x[0])


def kept(length: int) -> Kept:
    return {0: (torch.ones(1, 2, length, 4), torch.full((1, 2, length, 4), 2.0))}


@pytest.mark.parametrize(("said", "known", "new"), [(20, 0, 20), (20, 3, 17), (20, 4, 16), (20, 15, 5), (16, 0, 16)])
def test_what_is_not_known_is_read_with_fillers_that_stand_on_the_last_token(said: int, known: int, new: int) -> None:
    turns = Turns(kept(7), tuple(range(50, 50 + said)), (said,), kept(known) if known else {}, CPU)
    fillers = max(0, 16 - new)
    assert turns.num_new == new
    assert turns.tokens.tolist() == [*range(50 + known, 50 + said), *[0] * fillers]
    assert turns.positions.tolist() == [*range(7 + known, 7 + said), *[6 + said] * fillers]
    assert sum(part.numel() for part in turns.parts) >= new


def test_a_prompt_is_padded_to_a_whole_tile_of_keys() -> None:
    for length, padded in ((1, 64), (64, 64), (65, 128)):
        keys, values = Turns(kept(length), (5,) * 20, (20,), {}, CPU).prompt[0]
        assert keys.shape == values.shape == (1, 2, padded, 4)
        assert keys[:, :, :length].eq(1).all() and not keys[:, :, length:].any()
        assert values[:, :, :length].eq(2).all() and not values[:, :, length:].any()
