"""Ranks among all replies, and among some that stand for all."""

from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest

from straw.algorithms.reward_model import ranks
from straw.algorithms.reward_model.likeness import Array, Likeness, Replies
from straw.algorithms.reward_model.ranks import Ranks, metrics_of


def on_a_line(count: int) -> Replies:
    """Replies in the order of a dictionary, with one token each: from prefixes all are equally far."""
    return Replies([(token,) for token in range(count)], dictionary=True)


def test_the_nearest_has_rank_one_and_a_reply_itself_rank_none() -> None:
    found = Ranks(on_a_line(4)).rows(on_a_line(4), np.array([1]), on_a_line(4).likeness(np.array([1])))
    by_place = [1, 0, 1.5, 2]  # of reply 1, from each: 0 and 2 are as far from 1, and it is the second from 2
    assert found[4, 0].tolist() == pytest.approx([log(1 + rank) / log(4) for rank in by_place])
    assert found[5, 0].tolist() == pytest.approx([sqrt(rank / 4) for rank in by_place])
    assert found.shape == (6, 1, 4)


def test_the_only_other_reply_is_the_farthest() -> None:
    found = Ranks(on_a_line(2)).rows(on_a_line(2), np.array([0]), on_a_line(2).likeness(np.array([0])))
    assert found[4, 0].tolist() == pytest.approx([0, 1]) and found[5, 0].tolist() == pytest.approx([0, sqrt(1 / 2)])


def test_ranks_among_some_that_stand_for_all_are_scaled_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 of 128, every second: 101 lies from 0 beyond 51 of them, and 2 beyond 1, itself; none is nearer than one."""
    monkeypatch.setattr(ranks, "MOST_PAIRS", 1)
    replies, some = on_a_line(128), np.array([101, 2, 1])
    model = Ranks(replies)
    assert model.others.tolist() == list(range(0, 128, 2))
    found = model.rows(replies, some, replies.likeness(some))[4, :, 0]
    assert found.tolist() == pytest.approx([log(1 + rank) / log(128) for rank in (101, 2, 1)])


class Many(Replies):
    """So many that none is compared with another here."""

    def __init__(self, count: int) -> None:
        self.tokens = np.zeros((count, 1), np.int64)

    def likeness(self, some: Array) -> Likeness:
        none = np.zeros((0, 0), np.int16)
        return Likeness(none, none, [], none, none, np.zeros((0, 0, 0)), [])


def test_how_many_stand_for_all_is_bounded_by_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(Ranks(Many(5000)).others) == 838  # four million distances are kept of a metric, 2 ** 22
    assert len(Ranks(Many(100_000)).others) == 64  # and some however many replies there are
    monkeypatch.setattr(ranks, "MOST_PAIRS", 7000)
    assert len(Ranks(on_a_line(100)).others) == 70 and len(Ranks(on_a_line(80)).others) == 80


def test_metrics_are_what_two_replies_do_not_have_in_common() -> None:
    """From the start, from the end, both again with the first tokens that differ, places, and layers of states."""
    vectors = {token: np.array([float(token)]) for token in range(5)}
    replies = Replies([(1, 2), (1, 4), (3,)], np.arange(3.0)[:, None, None], vectors, dictionary=True)
    forth, back, start, end, places, layer = metrics_of(replies.likeness(np.array([0])), replies)
    assert forth.tolist() == [[0, 1, 3]] and back.tolist() == [[0, 2, 3]]
    assert start.tolist() == [pytest.approx([0, 2 / 4.004, 3])] and end.tolist() == [
        pytest.approx([0, 1 + 2 / 4.004, 3])
    ]
    assert places.tolist() == [[0, 1, 1]] and layer.tolist() == [pytest.approx([0, 1.5**0.5, 6**0.5])]
