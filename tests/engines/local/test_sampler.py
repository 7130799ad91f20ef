from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
import torch

from straw.engines.base import SamplingParams
from straw.engines.local.sampler import draw, keep_likeliest, slots_to_keep, uniforms

THREE = torch.tensor([[0.5, 0.3, 0.2]]).log()


def drawn(u: float, **params: float) -> tuple[int, float]:
    """The token at one number, and its probability."""
    sampling = SamplingParams(max_tokens=1, **params)  # type: ignore[arg-type]
    tokens, logprobs = draw(THREE, torch.tensor([u], dtype=torch.float64), sampling)
    return int(tokens), exp(float(logprobs))


def test_the_line_from_0_to_1_is_divided_by_the_probabilities() -> None:
    assert [drawn(u)[0] for u in (0.0, 0.49, 0.51, 0.79, 0.81, 1 - 2**-53)] == [0, 0, 1, 1, 2, 2]
    assert drawn(0.6)[1] == pytest.approx(0.3)


def test_a_temperature_sharpens_before_the_line_is_divided() -> None:
    # at temperature 1/2 the probabilities are squared: 0.25, 0.09, 0.04 of 0.38
    token, p = drawn(0.66, temperature=0.5)
    assert (token, p) == (1, pytest.approx(0.09 / 0.38))
    assert drawn(0.65, temperature=0.5)[0] == 0


def test_greedy_takes_the_likeliest_whatever_the_number() -> None:
    assert drawn(0.99, temperature=0.0) == (0, pytest.approx(0.5))


@pytest.mark.parametrize(
    ("top_k", "top_p", "kept"),
    [
        (0, 1.0, [0, 1, 2]),
        (1, 1.0, [0]),
        (2, 1.0, [0, 1]),
        (9, 1.0, [0, 1, 2]),
        (0, 0.01, [0]),  # one is always kept
        (0, 0.49, [0]),
        (0, 0.51, [0, 1]),  # the token that crosses the line stays
        (0, 0.81, [0, 1, 2]),
        (2, 0.62, [0]),  # of what top k left: 5/8 and 3/8
        (2, 0.63, [0, 1]),
    ],
)
def test_the_likeliest_are_kept(top_k: int, top_p: float, kept: list[int]) -> None:
    z = keep_likeliest(THREE, top_k, top_p)
    assert torch.isfinite(z[0]).nonzero().flatten().tolist() == kept


def test_what_was_cut_off_is_never_drawn_even_at_the_ends_of_the_line() -> None:
    for u in (0.0, 0.5, 1 - 2**-53):
        token, p = drawn(u, top_k=2)
        assert token in (0, 1)
        assert p == pytest.approx([0.625, 0.375][token])


def test_the_order_in_the_vocabulary_does_not_matter_to_what_is_kept() -> None:
    z = keep_likeliest(torch.tensor([[log(0.2), log(0.5), log(0.3)]]), 0, 0.6)
    assert torch.isfinite(z[0]).tolist() == [False, True, True]


# --- numbers -------------------------------------------------------------------------------


def test_a_number_is_a_function_of_seed_and_place_alone() -> None:
    few, many = uniforms([7, 8], 3), uniforms([1, 8, 7], 5)
    assert np.array_equal(few[0], many[2, :3]) and np.array_equal(few[1], many[1, :3])


def test_seeds_of_any_size_and_sign_are_seeds() -> None:
    table = uniforms([0, 1, -1, 2**63, 2**64 - 2, 3], 4)
    assert len(np.unique(table)) == table.size
    assert np.array_equal(uniforms([-1], 2), uniforms([2**64 - 1], 2))


def test_numbers_are_even_along_seeds_and_along_places() -> None:
    for table in (uniforms(range(20_000), 1), uniforms([5], 20_000)):
        assert table.min() >= 0 and table.max() < 1
        counts, _ = np.histogram(table, bins=16, range=(0, 1))
        assert ((counts - 1250) ** 2 / 1250).sum() < 40  # chi-squared with 15 degrees: 40 is 1 in 2,000


def test_neighbouring_seeds_and_places_are_not_alike() -> None:
    table = uniforms(range(300), 300)
    assert abs(np.corrcoef(table[:-1].ravel(), table[1:].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(table[:, :-1].ravel(), table[:, 1:].ravel())[0, 1]) < 0.02


# --- who leaves ----------------------------------------------------------------------------


def places(writing: list[list[int]]) -> tuple[list[int], list[int]] | None:
    kept = slots_to_keep(torch.tensor(writing).bool().flatten(), len(writing))
    return None if kept is None else (kept[0].tolist(), kept[1].tolist())


def test_rows_leave_when_a_quarter_of_them_can() -> None:
    half = [1, 0] * 20
    assert places([half]) == ([0], list(range(0, 40, 2)))
    assert places([[1] * 35 + [0] * 5]) is None


def test_a_batch_never_falls_below_sixteen_rows() -> None:
    kept = places([[0] * 39 + [1]])
    assert kept is not None
    assert len(kept[1]) == 16 and kept[1][0] == 39  # those that still write come first
    assert places([[1] + [0] * 15]) is None


def test_prompts_leave_whole_and_the_others_keep_equally_many_rows() -> None:
    kept = places([[1] * 4 + [0] * 28, [0] * 32, [0] * 20 + [1] * 12])
    assert kept is not None
    assert kept[0] == [0, 2]
    assert kept[1][:4] == [0, 1, 2, 3] and kept[1][12:] == list(range(84, 96))
    assert places([[0] * 32]) is None
