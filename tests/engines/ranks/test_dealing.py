"""Every datum is dealt once, to as many rounds for one rank as for another."""

from __future__ import annotations

from collections import Counter

import pytest

from straw.engines.local.batches import micro_batches
from straw.engines.ranks.dealing import dealt, in_order, size_of
from straw.types import Datum


def some_data(prompts: int, replies: int, length: int = 6) -> list[Datum]:
    return [
        Datum(prompt=(prompt,) * (3 + prompt), tokens=(1,) * (1 + (prompt + reply) % length), weights=(1.0,) * (
            1 + (prompt + reply) % length))
        for prompt in range(prompts)
        for reply in range(replies)
    ]  # fmt: skip


@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
@pytest.mark.parametrize("data", [[], some_data(1, 1), some_data(1, 9), some_data(5, 3), some_data(16, 8)])
@pytest.mark.parametrize("most", [1, 40, 10_000])
def test_all_is_dealt_in_equal_rounds(data: list[Datum], most: int, ranks: int) -> None:
    hands = dealt(data, most, ranks)
    assert len(hands) == ranks and len({len(hand) for hand in hands}) == 1
    assert Counter(index for hand in hands for index in in_order(hand)) == Counter(range(len(data)))
    for hand in hands:
        for batch in hand:
            assert len(in_order([batch])) <= 1 or size_of(data, batch) <= most
            assert all(len({data[index].prompt for index in group}) == 1 for group in batch)


def test_one_rank_has_the_local_engines_micro_batches() -> None:
    data = some_data(5, 3)
    assert dealt(data, 40, 1) == [list(micro_batches(data, 40))]


def test_a_batch_that_would_fit_one_rank_is_shared_out() -> None:
    data = some_data(8, 8)
    sizes = [sum(size_of(data, batch) for batch in hand) for hand in dealt(data, 100_000, 2)]
    assert max(sizes) <= 1.3 * min(sizes)
