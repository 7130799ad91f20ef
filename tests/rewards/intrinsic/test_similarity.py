"""The paper's formulas, by hand on vectors of three numbers."""

from __future__ import annotations

import math

import torch

from straw.rewards.intrinsic.similarity import EQUAL, exploit, explore

X, Y, Z = torch.eye(3)


def test_exploit_is_the_negative_distance_to_the_mean_of_the_successes() -> None:
    centroid = (X + Y) / 2
    found = exploit([X[None], Z[None]], centroid)
    assert math.isclose(found[0], -math.sqrt(0.5), rel_tol=1e-6)  # (.5, -.5, 0)
    assert math.isclose(found[1], -math.sqrt(1.5), rel_tol=1e-6)  # (-.5, -.5, 1)


def test_explore_is_one_minus_the_largest_cosine_with_a_failure() -> None:
    failures = torch.stack([X, torch.tensor([0.6, 0.8, 0.0])])
    found = explore([X[None], Y[None], Z[None], -X[None]], failures)
    assert [round(one, 6) for one in found] == [0, 0.2, 1, 1.6]


def test_a_reply_that_failed_before_is_not_new_at_all() -> None:
    vector = torch.nn.functional.normalize(torch.randn(1, 384, generator=torch.Generator().manual_seed(0)))
    assert explore([vector], torch.cat([vector, -vector])) == [0]


def test_only_what_rounding_may_be_is_nothing_new() -> None:
    """A millionth at most; resolved are steps of 6e-8 here."""
    near, farther = (torch.tensor([[1 - apart, 0.0, 0.0]]) for apart in (0.8e-6, 1.2e-6))
    assert explore([near, farther], X[None]) == [0, float(1 - farther[0, 0])] and EQUAL == 1e-6


def test_replies_of_unequal_lengths_are_paid_the_means_of_their_own_rows() -> None:
    assert explore([torch.stack([X, Z, Z, X]), Y[None], torch.stack([X, X])], X[None]) == [0.5, 1, 0]
    found = exploit([torch.stack([X, -X]), torch.stack([X, X, -X])], X)
    assert found == [-1, -2 / 3] or math.isclose(found[1], -2 / 3, rel_tol=1e-6)


def test_a_reply_of_several_sentences_is_paid_their_mean() -> None:
    assert explore([torch.stack([X, Z]), Y[None]], X[None]) == [0.5, 1]


def test_farther_from_success_is_never_nearer() -> None:
    angles = [torch.tensor([[math.cos(a), math.sin(a), 0.0]]) for a in (0.1, 0.5, 1.0, 2.0, 3.0)]
    found = exploit(angles, X)
    assert found == sorted(found, reverse=True)
    new = explore(angles, X[None])
    assert new == sorted(new)
