from __future__ import annotations

from math import isnan

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from straw.engines.local.batches import cut, flatten, in_pieces, micro_batches
from straw.types import Datum

CPU = torch.device("cpu")


def datum(prompt: tuple[int, ...], *tokens: int, **fields: object) -> Datum:
    return Datum(prompt=prompt, tokens=tokens, **{"weights": (1.0,) * len(tokens), **fields})  # type: ignore[arg-type]


def test_a_group_reads_its_prompt_once_and_never_its_last_tokens() -> None:
    data = [datum((1, 2, 3), 10, 11), datum((1, 2, 3), 12), datum((1, 2, 3), 13, 14, 15)]
    flat = flatten(data, [[0, 1, 2]], CPU, every_token=True)
    assert flat.tokens.tolist() == [1, 2, 3, 10, 13, 14]
    assert flat.pack.positions.tolist() == [0, 1, 2, 3, 3, 4]
    # state 2, the end of the prompt, predicts all first tokens
    assert flat.states.tolist() == [2, 3, 4, 5]
    assert list(zip(flat.rows.tolist(), flat.targets.tolist(), strict=True)) == [
        (0, 10), (0, 12), (0, 13), (1, 11), (2, 14), (3, 15),
    ]  # fmt: skip
    assert list(zip(flat.owner, flat.position, strict=True)) == [(0, 0), (1, 0), (2, 0), (0, 1), (2, 1), (2, 2)]


def test_tokens_of_weight_zero_are_read_and_not_predicted() -> None:
    data = [datum((1,), 10, 11, 12, weights=(1.0, 0.0, 0.5), advantages=(2.0, 3.0, 4.0))]
    flat = flatten(data, [[0]], CPU, every_token=False)
    assert flat.tokens.tolist() == [1, 10, 11]
    assert flat.targets.tolist() == [10, 12]
    assert flat.states.tolist() == [0, 2]
    assert flat.weights.tolist() == [1.0, 0.5]
    assert flat.advantages.tolist() == [2.0, 4.0]
    assert all(map(isnan, flat.sampler_logprobs.tolist()))
    assert len(flatten(data, [[0]], CPU, every_token=True).targets) == 3


def test_a_soft_target_is_several_weighted_targets_on_one_state() -> None:
    soft = ({20: 0.75, 21: 0.25}, {11: 1.0})
    data = [datum((1,), 10, 11, weights=(2.0, 1.0), soft_targets=soft)]
    flat = flatten(data, [[0]], CPU, every_token=False)
    assert flat.rows.tolist() == [0, 0, 1]
    assert flat.targets.tolist() == [20, 21, 11]
    assert flat.weights.tolist() == [1.5, 0.5, 1.0]
    assert flat.shares == [0.75, 0.25, 1.0]
    assert flatten(data, [[0]], CPU, every_token=True).targets.tolist() == [10, 11]


@given(
    lengths=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 6)), min_size=1, max_size=20),
    max_tokens=st.integers(1, 30),
)
def test_every_datum_is_in_one_micro_batch_and_none_is_too_large(
    lengths: list[tuple[int, int]], max_tokens: int
) -> None:
    data = [datum((7,) * prompt, *range(reply)) for prompt, reply in lengths]
    batches = list(micro_batches(data, max_tokens))
    assert sorted(index for batch in batches for group in batch for index in group) == list(range(len(data)))
    for batch in batches:
        for group in batch:
            assert len({data[index].prompt for index in group}) == 1
        size = sum(len(data[group[0]].prompt) + sum(len(data[i].tokens) for i in group) for group in batch)
        assert size <= max_tokens or (len(batch) == 1 and len(batch[0]) == 1)  # one datum cannot be cut
        assert len({len(group) for group in batch}) <= 2  # the last may be the beginning of a cut group


def test_two_prompts_stand_before_all_replies_and_each_predicts_its_own_first_tokens() -> None:
    data = [datum((1, 2, 3), 10, 11, 12), datum((4, 5), 20), datum((4, 5), 21, 22)]
    flat = flatten(data, [[1, 2], [0]], CPU, every_token=True)
    assert flat.tokens.tolist() == [4, 5, 1, 2, 3, 21, 10, 11]
    assert flat.pack.positions.tolist() == [0, 1, 0, 1, 2, 2, 3, 4]
    assert flat.states.tolist() == [1, 4, 5, 6, 7]
    assert flat.rows.tolist() == [0, 0, 1, 2, 3, 4] and flat.targets.tolist() == [20, 21, 10, 22, 11, 12]
    assert flat.owner == [1, 2, 0, 2, 0, 0] and flat.position == [0, 0, 0, 1, 1, 2]


def test_what_a_datum_does_not_say_is_no_advantage_and_no_log_probability() -> None:
    data = [datum((1,), 10, 11), datum((1,), 12, advantages=(3.0,), logprobs=(-0.5,))]
    flat = flatten(data, [[0, 1]], CPU, every_token=True)
    assert flat.owner == [0, 1, 0] and flat.advantages.tolist() == [0.0, 3.0, 0.0]
    assert [isnan(one) for one in flat.sampler_logprobs.tolist()] == [True, False, True]
    assert flat.sampler_logprobs[1].item() == -0.5
    assert flat.weights.dtype == flat.advantages.dtype == flat.sampler_logprobs.dtype == torch.float32
    assert flat.tokens.dtype == flat.targets.dtype == torch.long and flat.shares == [1.0] * 3


LENGTHS = [(2, 3), (2, 3), (2, 1), (4, 2)]  # prompt and tokens of each datum


@pytest.mark.parametrize(
    ("max_tokens", "batches"),
    [
        (9, [[[0, 1, 2]], [[3]]]),  # 2 + 3 + 3 + 1, the prompt once
        (15, [[[0, 1, 2], [3]]]),
        (14, [[[0, 1, 2]], [[3]]]),
        (8, [[[0, 1]], [[2]], [[3]]]),  # the third reads the prompt again, and nine are too many with the fourth
        (7, [[[0]], [[1, 2]], [[3]]]),
        (1, [[[0]], [[1]], [[2]], [[3]]]),  # one that is too large stands alone
    ],
)
def test_a_micro_batch_is_full_to_the_last_token_that_fits(max_tokens: int, batches: list[list[list[int]]]) -> None:
    assert list(cut([[0, 1, 2], [3]], LENGTHS, max_tokens)) == batches


def test_what_fits_beside_the_rest_of_a_cut_group_is_read_with_it() -> None:
    """1 + 4, then 1 + 4 again, and beside it a group of 1 + 2."""
    assert list(cut([[0, 1], [2]], [(1, 4), (1, 4), (1, 2)], 8)) == [[[0]], [[1], [2]]]
    assert list(cut([[0, 1], [2]], [(1, 4), (1, 4), (1, 2)], 7)) == [[[0]], [[1]], [[2]]]


def test_groups_of_one_size_are_read_together() -> None:
    groups, lengths = [[0, 1], [2], [3, 4], [5]], [(1, 1)] * 6
    assert list(in_pieces(groups, lengths, 100)) == [[[0, 1], [3, 4]], [[2], [5]]]
    data = [datum((7,), 1), datum((8,), 2), datum((7,), 3), datum((9,), 4), datum((9,), 5)]
    assert list(micro_batches(data, 100)) == [[[0, 2], [3, 4]], [[1]]]
    assert list(micro_batches([], 100)) == []
