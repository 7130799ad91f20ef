from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform

from straw.rewards.intrinsic.base import Trace
from straw.rewards.intrinsic.kinds.extra import Extra

SQRT2 = 2**0.5


def trace(text: str, *vector: float, is_right: bool = True, key: str = "00") -> Trace:
    return Trace(key=key, question=torch.zeros(2), text=text, vectors=torch.tensor([vector]).float(), is_right=is_right)


def scores(traces: Sequence[Trace]) -> list[float | None]:
    return Extra().raw(traces)["extra"]


def test_a_right_reply_is_paid_its_mean_distance_to_the_other_right_ones() -> None:
    """East, east, north: the two alike have one at 0 and one at 1, the third has two at 1."""
    told = [trace("a", 1, 0), trace("a", 1, 0), trace("b", 0, 1)]
    assert scores(told) == pytest.approx([0.5, 0.5, 1.0])


def test_the_farther_the_more() -> None:
    told = [trace("a", 1, 0), trace("b", 1 / SQRT2, 1 / SQRT2), trace("c", 0, 1), trace("d", -1, 0)]
    found = [scores([told[0], one])[0] for one in told[1:]]
    assert found == pytest.approx([1 - 1 / SQRT2, 1, 2])
    assert all(near < far for near, far in pairwise(found) if near is not None and far is not None)


def test_wrong_replies_are_neither_paid_nor_compared_with() -> None:
    right = [trace("a", 1, 0), trace("b", 0, 1)]
    wrong = trace("c", -1, 0, is_right=False)
    assert scores([*right, wrong]) == [*scores(right), None]


def test_who_is_right_alone_has_nothing_to_compare_with() -> None:
    assert scores([trace("a", 1, 0), trace("b", 0, 1, is_right=False)]) == [None, None]
    assert scores([trace("a", 1, 0, is_right=False)]) == [None]
    assert scores([trace("a", 1, 0, key="00"), trace("b", 0, 1, key="01")]) == [None, None]


def test_right_replies_that_are_all_the_same_are_paid_exactly_nothing() -> None:
    vector = torch.nn.functional.normalize(torch.arange(1.0, 385), dim=0).tolist()
    assert scores([trace("a", *vector) for _ in range(5)]) == [0.0] * 5


def test_what_rounding_leaves_is_nothing_and_what_is_more_is_paid() -> None:
    """Two unit vectors at an angle a differ by a^2 / 2."""
    for angle, is_paid in ((1.2e-3, False), (1.6e-3, True)):  # 0.72 and 1.28 millionths
        found = scores([trace("a", 1, 0), trace("b", np.cos(angle), np.sin(angle))])
        assert found == (pytest.approx([angle**2 / 2] * 2, rel=0.1) if is_paid else [0.0, 0.0])


def test_it_is_scipy_s_cosine_distance_and_equal_replies_have_equal_bits() -> None:
    drawn = np.random.default_rng(3).standard_normal((7, 384))
    rows = [*drawn, drawn[2], drawn[5]]
    told = [trace(text, *row) for text, row in zip("abcdefgcf", rows, strict=True)]
    table = squareform(pdist(np.array(rows, dtype=np.float32).astype(float), "cosine"))
    found = scores(told)
    assert found == pytest.approx((table.sum(1) / (len(rows) - 1)).tolist(), abs=1e-6)
    assert (found[2], found[5]) == (found[7], found[8])


def test_a_reply_of_several_sentences_is_their_mean() -> None:
    one = Trace(key="00", question=torch.zeros(2), text="a", vectors=torch.eye(2), is_right=True)
    assert scores([one, trace("b", 1, 0)]) == pytest.approx([1 - 1 / SQRT2] * 2)


def test_nothing_is_remembered() -> None:
    judge = Extra()
    told = [trace("a", 1, 0), trace("b", 0, 1)]
    before = judge.raw(told)
    judge.write(told)
    judge.load(judge.arrays())
    assert judge.raw(told) == before
    assert judge.counts() == {}
