"""Which tokens replies have in common, how far their states are apart, and where they stand in a dictionary."""

from __future__ import annotations

import numpy as np
import pytest

from straw.algorithms.reward_model.likeness import Replies, apart, in_dictionary, standardised

FIRST = np.array([0])
ON_A_LINE = {token: np.array([float(token)]) for token in range(5)}  # behind the end is 0 too


def test_a_reply_and_others_token_by_token() -> None:
    """Against 12: itself, another last token, another first one, another length, and nothing alike."""
    replies = Replies([(1, 2), (1, 3), (4, 2), (1, 2, 3), (0, 0)])
    found = replies.likeness(FIRST)
    assert found.prefix.tolist() == [[2, 1, 0, -1, 0]] and found.suffix.tolist() == [[2, 0, 1, -1, 0]]
    assert found.equal.tolist() == [[2, 1, 1, 2, 0]] and found.unlike.tolist() == [[0, 1, 1, 1, 2]]
    assert found.graded == [] and found.places == [] and found.distances.shape == (0, 1, 5)
    assert (len(replies), replies.width, replies.num_layers) == (5, 3, 0)


def test_only_the_first_tokens_that_differ_are_graded() -> None:
    """By their distance, as a share of 4.004; nothing is graded of a reply to itself, or to one of another length."""
    found = Replies([(1, 2), (1, 4), (4, 2), (1, 2, 3), (2, 3)], vectors=ON_A_LINE).likeness(FIRST)
    from_start, from_end = found.graded
    assert from_start.tolist() == [pytest.approx([0, 1 - 2 / 4.004, 1 - 3 / 4.004, 0, 1 - 1 / 4.004])]
    assert from_end.tolist() == [pytest.approx([0, 1 - 2 / 4.004, 1 - 3 / 4.004, 0, 1 - 1 / 4.004])]


def test_what_is_graded_from_the_end_is_another_token_than_from_the_start() -> None:
    found = Replies([(1, 2, 3), (2, 2, 1)], vectors=ON_A_LINE).likeness(FIRST)
    assert [float(one[0, 1]) for one in found.graded] == pytest.approx([1 - 1 / 4.004, 1 - 2 / 4.004])


def test_distances_of_tokens_are_shares_just_below_one() -> None:
    """Behind the end is a token too, at the origin."""
    table = apart({0: np.array([3.0, 4.0]), 7: np.array([3.0, 0.0])})
    assert table.tokens.tolist() == [0, 1, 8]
    expected = np.array([[0, 5, 3], [5, 0, 4], [3, 4, 0]]) / 5.005
    np.testing.assert_allclose(table.distances, expected, rtol=1e-6)
    np.testing.assert_allclose(table.between(np.array([8, 1]), np.array([1, 1])), [4 / 5.005, 0.0], rtol=1e-6)


def test_of_one_token_there_are_distances_too() -> None:
    table = apart({7: np.array([3.0, 4.0])})
    np.testing.assert_allclose(table.distances, np.array([[0, 1], [1, 0]]) / 1.001, rtol=1e-6)


def test_a_dictionary_has_short_ones_first_and_then_goes_token_by_token() -> None:
    said = [(2, 1), (3,), (1, 9), (0, 0, 0), (1,)]
    assert in_dictionary(said).tolist() == [4, 1, 2, 0, 3]
    assert Replies(said, dictionary=True).likeness(FIRST).places[0].tolist() == [[0, 2, 1, 1, 3]]
    assert Replies(said).places is None


def test_every_coordinate_of_every_layer_is_measured_by_its_own_spread() -> None:
    """And one that is the same in all replies, however large, is 0."""
    first, second = [[1.0, 900.0], [2.0, 900.0], [3.0, 900.0]], [[10.0, 0.0], [10.0, 0.0], [40.0, 6.0]]
    s, t = 1.5**0.5, 0.5**0.5
    expected = [[[-s, 0], [0, 0], [s, 0]], [[-t, -t], [-t, -t], [2 * t, 2 * t]]]
    np.testing.assert_allclose(standardised(np.array([first, second])), expected, atol=1e-6)


def test_distances_of_states_layer_by_layer() -> None:
    states = np.array([[[1.0, 9.0], [5.0, 0.0]], [[2.0, 9.0], [5.0, 0.0]], [[3.0, 9.0], [5.0, 3.0]]])
    replies, s, t = Replies([(0,), (1,), (2,)], states), 1.5**0.5, 4.5**0.5
    found = replies.likeness(np.array([2, 0])).distances
    np.testing.assert_allclose(found[0], [[2 * s, s, 0], [0, s, 2 * s]], atol=1e-6)
    np.testing.assert_allclose(found[1], [[t, t, 0], [0, 0, t]], atol=1e-3)
    assert found[0, 0, 2] == found[0, 1, 0] == found[1, 0, 2] == found[1, 1, 0] == 0.0
    np.testing.assert_allclose(replies.scales, [s, 0], atol=1e-6)  # of nine pairs the median; five are 0 in the second


def test_the_scale_of_a_layer_is_that_of_64_replies_that_are_spread_evenly() -> None:
    values = np.arange(128.0) ** 2
    replies = Replies([(token,) for token in range(128)], values[:, None, None])
    some = values[::2] / values.std()
    assert replies.scales.tolist() == pytest.approx([np.median(np.abs(some[:, None] - some[None, :]))], rel=1e-5)
