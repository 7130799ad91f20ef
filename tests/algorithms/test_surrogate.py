"""A fitted reward says where full reward is to be expected."""

from __future__ import annotations

import numpy as np
import pytest

from straw.algorithms.surrogate import Paid, Turns, full_shares

END = 99


def number(value: int) -> Turns:
    return ((*map(int, str(value)), END),)


def shares(log: dict[int, float], space: int = 100, full: float = 1.0) -> np.ndarray:
    replies = [number(value) for value in range(space)]
    said, paid = [number(value) for value in log], [(value,) for value in log.values()]
    return full_shares(said, paid, replies, np.full(space, 1 / space), full)


def test_shares_add_up_to_one():
    assert shares({11: 0.2, 37: 0.7, 80: 0.1}).sum() == pytest.approx(1)


def test_replies_that_begin_like_a_well_paid_one_are_likelier():
    found = shares({11: 0.1, 12: 0.15, 51: 0.8, 53: 0.75, 71: 0.3, 74: 0.35, 92: 0.2, 93: 0.1})
    assert found[50:60].sum() > 5 * found[10:20].sum()


def test_what_was_paid_less_is_out():
    found = shares({51: 0.8, 11: 0.1, 71: 0.3})
    assert found[51] < 0.05 * found[52]


def test_what_was_paid_in_full_is_the_answer():
    assert shares({51: 1.0, 11: 0.1})[51] == 1.0


def test_as_long_as_all_is_paid_alike_the_prior_is_left_on_what_was_not_tried():
    prior = np.array([0.5, 0.3, 0.1, 0.1])
    found = full_shares([number(0)] * 2, [(0.0,), (0.0,)], [number(value) for value in range(4)], prior, 1.0)
    np.testing.assert_allclose(found, [0, 0.6, 0.2, 0.2])


def test_a_reply_that_the_start_would_not_give_has_no_share():
    prior = np.array([0.0, 0.5, 0.5])
    found = full_shares([number(1)], [(0.0,)], [number(value) for value in range(3)], prior, 1.0)
    np.testing.assert_allclose(found, [0, 0, 1])


def test_turns_paid_by_themselves_are_put_together():
    """Two attempts, wrong in different turns: neither was right, and what is right in each is the answer."""
    replies: list[Turns] = [((a, END), (b, END), (c, END)) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    said = [replies[0b000], replies[0b111]]
    paid: list[Paid] = [(0.0, 1.0, 1.0), (1.0, 0.0, 0.0)]  # the answer is 100
    found = full_shares(said, paid, replies, np.full(8, 1 / 8), 3.0)
    assert int(found.argmax()) == 0b100
    assert found.max() > 0.8


def test_a_sum_over_places_is_taken_apart():
    """Ten attempts at ten bits, paid their sum: enough to tell most bits."""
    random, answer = np.random.default_rng(0), 0b1100101001
    replies = [(tuple(index >> place & 1 for place in range(9, -1, -1)),) for index in range(1024)]
    tried = [replies[index] for index in random.integers(0, 1024, 24)]
    paid = [(float(sum(a == b for a, b in zip(one[0], replies[answer][0], strict=True))),) for one in tried]
    assert int(full_shares(tried, paid, replies, np.full(1024, 1 / 1024), 10.0).argmax()) == answer


def test_equal_replies_that_are_paid_differently_count_as_noise():
    """Three of four times is not full reward, and not none."""
    said = [number(5)] * 4 + [number(6)] * 4
    paid = [(1.0,), (1.0,), (0.0,), (1.0,), (0.0,), (0.0,), (0.0,), (1.0,)]
    found = full_shares(said, paid, [number(5), number(6)], np.full(2, 0.5), 1.0)
    assert found[0] > found[1] > 0


def test_where_a_number_is_one_token_a_reward_says_nothing_of_other_numbers():
    """So it guesses: what was tried is out, and the rest is as likely as before, beside the best pay or not."""
    replies: list[Turns] = [((100 + value, END),) for value in range(40)]
    log = {3: 0.2, 11: 0.9, 30: 0.1, 25: 0.4}
    said, paid = [replies[value] for value in log], [(value,) for value in log.values()]
    found = full_shares(said, paid, replies, np.full(40, 1 / 40), 1.0)
    untried = [value for value in range(40) if value not in log]
    np.testing.assert_allclose(found[untried], found[untried[0]])
    in_digits = shares(log, space=40)
    assert in_digits[12:20].mean() > 1.5 * in_digits[31:40].mean()  # of those that begin like 11, and like 30
