"""A fitted reward says where full reward is to be expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import t as student

from straw.algorithms.reward_model.fields import (
    FALLS,
    JITTER,
    LEAST,
    PREFIXES,
    Numbering,
    Paid,
    Shape,
    Turns,
    full_shares,
    log_chances,
    noise_of,
)

END = 99


def number(value: int) -> Turns:
    return ((*map(int, str(value)), END),)


def shares(log: dict[int, float], space: int = 100, full: float = 1.0) -> np.ndarray:
    replies = [number(value) for value in range(space)]
    said, paid = [number(value) for value in log], [(value,) for value in log.values()]
    return full_shares(said, paid, replies, np.full(space, 1 / space), full)


def test_shares_add_up_to_one() -> None:
    assert shares({11: 0.2, 37: 0.7, 80: 0.1}).sum() == pytest.approx(1)


def test_replies_that_begin_like_a_well_paid_one_are_likelier() -> None:
    found = shares({11: 0.1, 12: 0.15, 51: 0.8, 53: 0.75, 71: 0.3, 74: 0.35, 92: 0.2, 93: 0.1})
    assert found[50:60].sum() > 5 * found[10:20].sum()


def test_what_was_paid_less_is_out() -> None:
    found = shares({51: 0.8, 11: 0.1, 71: 0.3})
    assert found[51] < 0.05 * found[52]


def test_what_was_paid_in_full_is_the_answer() -> None:
    assert shares({51: 1.0, 11: 0.1})[51] == 1.0


def test_as_long_as_all_is_paid_alike_the_prior_is_left_on_what_was_not_tried() -> None:
    prior = np.array([0.5, 0.3, 0.1, 0.1])
    found = full_shares([number(0)] * 2, [(0.0,), (0.0,)], [number(value) for value in range(4)], prior, 1.0)
    np.testing.assert_allclose(found, [0, 0.6, 0.2, 0.2])


def test_a_reply_that_the_start_would_not_give_has_no_share() -> None:
    prior = np.array([0.0, 0.5, 0.5])
    found = full_shares([number(1)], [(0.0,)], [number(value) for value in range(3)], prior, 1.0)
    np.testing.assert_allclose(found, [0, 0, 1])


def test_turns_paid_by_themselves_are_put_together() -> None:
    """Two rollouts, wrong in different turns: neither was right, and what is right in each is the answer."""
    replies: list[Turns] = [((a, END), (b, END), (c, END)) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    said = [replies[0b000], replies[0b111]]
    paid: list[Paid] = [(0.0, 1.0, 1.0), (1.0, 0.0, 0.0)]  # the answer is 100
    found = full_shares(said, paid, replies, np.full(8, 1 / 8), 3.0)
    assert int(found.argmax()) == 0b100
    assert found.max() > 0.8


def test_a_sum_over_places_is_taken_apart() -> None:
    """Ten rollouts at ten bits, paid their sum: enough to tell most bits."""
    random, answer = np.random.default_rng(0), 0b1100101001
    replies = [(tuple(index >> place & 1 for place in range(9, -1, -1)),) for index in range(1024)]
    tried = [replies[index] for index in random.integers(0, 1024, 24)]
    paid = [(float(sum(a == b for a, b in zip(one[0], replies[answer][0], strict=True))),) for one in tried]
    assert int(full_shares(tried, paid, replies, np.full(1024, 1 / 1024), 10.0).argmax()) == answer


def test_equal_replies_that_are_paid_differently_count_as_noise() -> None:
    """Three of four times is not full reward, and not none."""
    said = [number(5)] * 4 + [number(6)] * 4
    paid = [(1.0,), (1.0,), (0.0,), (1.0,), (0.0,), (0.0,), (0.0,), (1.0,)]
    found = full_shares(said, paid, [number(5), number(6)], np.full(2, 0.5), 1.0)
    assert found[0] > found[1] > 0


def test_where_a_number_is_one_token_a_reward_says_nothing_of_other_numbers() -> None:
    """So it guesses: what was tried is out, and the rest is as likely as before, beside the best pay or not."""
    replies: list[Turns] = [((100 + value, END),) for value in range(40)]
    log = {3: 0.2, 11: 0.9, 30: 0.1, 25: 0.4}
    said, paid = [replies[value] for value in log], [(value,) for value in log.values()]
    found = full_shares(said, paid, replies, np.full(40, 1 / 40), 1.0)
    untried = [value for value in range(40) if value not in log]
    np.testing.assert_allclose(found[untried], found[untried[0]])
    in_digits = shares(log, space=40)
    assert in_digits[12:20].mean() > 1.5 * in_digits[31:40].mean()  # of those that begin like 11, and like 30


def test_noise_is_what_equal_replies_differ_by_as_a_share_of_all_that_pay_varies() -> None:
    """Within: 1/4 x 2 over 2 degrees of freedom; of 0, 1, 0, 0 together 3/16."""
    assert noise_of([[0.0, 1.0], [0.0, 0.0]]) == pytest.approx((1 / 4) / (3 / 16))
    assert noise_of([[0.2], [0.4, 0.4]]) == noise_of([[0.2], [0.4]]) == noise_of([[0.4, 0.4]]) == JITTER


# --- the regression by the book: full matrices, and scipy's distribution


def in_common(prefixes: float, fall: float, depth: int, one: Turns, other: Turns, turn: int) -> float:
    """Variance that two replies share at a turn: beginnings of texts that are as long, and equal tokens at a place."""
    a, b = one[turn], other[turn]
    share = [prefixes * fall**place / sum(fall**other for other in range(depth)) for place in range(depth)]
    equal = sum((1 - prefixes) / depth for x, y in zip(a, b, strict=False) if x == y)
    if one[:turn] != other[:turn] or len(a) != len(b):
        return equal
    return equal + sum(share[place] for place in range(len(a) + 1) if a[:place] == b[:place])


def by_the_book(said: list[Turns], paid: list[Paid], replies: list[Turns], full: float, noise: float) -> np.ndarray:
    depth = 1 + max(len(turn) for one in (*said, *replies) for turn in one)
    found = []
    for prefixes in PREFIXES:
        for fall in FALLS:
            blocks = []
            for turn in range(len(paid[0])):
                heard = list(dict.fromkeys(one[: turn + 1] for one in said))
                y = [[p[turn] for s, p in zip(said, paid, strict=True) if s[: turn + 1] == one] for one in heard]
                k = np.array([[in_common(prefixes, fall, depth, a, b, turn) for b in heard] for a in heard])
                k += np.diag([noise / len(values) for values in y])
                cross = np.array([[in_common(prefixes, fall, depth, a, b, turn) for b in replies] for a in heard])
                own = np.array([in_common(prefixes, fall, depth, b, b, turn) for b in replies])
                blocks.append(
                    (np.linalg.inv(k), np.array([np.mean(v) for v in y]), cross, own, np.linalg.slogdet(k)[1])
                )
            weight = sum(inverse.sum() for inverse, *_ in blocks)
            mean = sum((inverse @ y).sum() for inverse, y, *_ in blocks) / weight
            nu = max(sum(len(y) for _, y, *_ in blocks) - 1, 1)
            scale = max(sum((y - mean) @ inverse @ (y - mean) for inverse, y, *_ in blocks) / nu, LEAST)
            volume = sum(block[4] for block in blocks)
            nats = -0.5 * (nu * np.log(scale) + volume + np.log(weight)) * np.ones(len(replies))
            for inverse, y, cross, own, _ in blocks:
                middle = mean + cross.T @ inverse @ (y - mean)
                left = own - np.einsum("ij,ik,kj->j", cross, inverse, cross)
                nats += student.logpdf(full, nu, middle, np.sqrt(scale * (np.maximum(left, 0) + noise)))
            found.append(nats)
    return np.asarray(logsumexp(found, axis=0))


def test_one_reward_is_weighed_as_by_the_book() -> None:
    said, replies = [number(51)], [number(value) for value in (51, 53, 7)]
    np.testing.assert_allclose(
        log_chances(said, [(0.4,)], replies, 1.0, 0.1), by_the_book(said, [(0.4,)], replies, 1.0, 0.1), rtol=1e-6
    )


@pytest.mark.parametrize("turns", [1, 2])
@pytest.mark.parametrize("noise", [JITTER, 0.3])
def test_chances_are_those_of_the_regression_by_the_book(turns: int, noise: Any) -> None:
    random = np.random.default_rng(turns)
    texts = [tuple(random.integers(0, 3, random.integers(1, 4)).tolist()) for _ in range(6)]
    replies: list[Turns] = [tuple(texts[index] for index in random.integers(0, 6, turns)) for _ in range(12)]
    said = [*replies[:7], replies[0], replies[3]]
    paid: list[Paid] = [tuple(random.random(turns).tolist()) for _ in said]
    ours = log_chances(said, paid, replies, 1.0, noise)
    np.testing.assert_allclose(ours, by_the_book(said, paid, replies, 1.0, noise), rtol=1e-6, atol=1e-6)


def test_a_reply_of_full_length_has_a_variance_of_one() -> None:
    numbers = Numbering(4).of([((1, 2, 3),)], 0)
    assert Shape(0.5, 2.0).own(numbers) == pytest.approx([1 - 0.5 / 4])  # three of four places are there
    np.testing.assert_allclose(Shape(0.5, 2.0).kernel(numbers, numbers), [[1 - 0.5 / 4]])


def test_what_five_rewards_say_in_numbers() -> None:
    """Shares and falls were chosen on secrets: another one is another learner, whatever its formula."""
    said = [number(value) for value in (11, 12, 51, 53, 71)]
    paid: list[Paid] = [(0.1,), (0.15,), (0.8,), (0.75,), (0.3,)]
    nats = log_chances(said, paid, [number(value) for value in (50, 72, 95, 5)], 1.0, 1e-4)
    assert nats.tolist() == pytest.approx([6.24110, 4.31854, 5.32446, 5.95607], abs=1e-3)


def test_full_pay_may_be_off_by_the_rounding_of_a_sum_and_by_no_more() -> None:
    log = {51: 1.0 - 1e-7, 11: 0.1, 71: 0.3}
    assert shares(log)[51] == 1.0
    assert shares({**log, 51: 1.0 - 1e-6})[51] == 1.0
    assert shares({**log, 51: 1.0 - 1.2e-6})[51] < 1.0


def test_a_reply_of_several_turns_that_are_paid_together_is_one_text() -> None:
    texts = [(1, 2, END), (1, 3, END), (4, 2, END), (4, 4, END)]
    in_turns: list[Turns] = [((a,), (b, end)) for a, b, end in texts]
    paid, prior = [(0.2,), (0.6,)], np.full(4, 0.25)
    found = full_shares(in_turns[:2], paid, in_turns, prior, 1.0)
    whole: list[Turns] = [(text,) for text in texts]
    np.testing.assert_array_equal(found, full_shares(whole[:2], paid, whole, prior, 1.0))
    assert found[2] != pytest.approx(found[3])  # 42 ends like 12


def test_every_turn_is_asked_for_its_part_of_full_reward() -> None:
    replies: list[Turns] = [((a, END), (b, END)) for a in range(3) for b in range(3)]
    said, paid, prior = [replies[0], replies[4], replies[5]], [(0.0, 1.0), (1.0, 0.0), (0.2, 0.6)], np.arange(1.0, 10.0)
    nats = log_chances(said, paid, replies, 1.5, JITTER)
    expected = prior * np.exp(nats)
    np.testing.assert_allclose(full_shares(said, paid, replies, prior, 3.0), expected / expected.sum())


@pytest.mark.parametrize("paid", [[(0.5,)], [(0.5,), (0.2,), (0.1,)]])
def test_every_reply_of_a_log_was_paid(paid: list[Paid]) -> None:
    said, replies = [number(1), number(2)], [number(value) for value in range(4)]
    with pytest.raises(ValueError, match="zip"):
        full_shares(said, paid, replies, np.ones(4), 1.0)
    with pytest.raises(ValueError, match="zip"):
        log_chances(said, paid, replies, 1.0, JITTER)


def test_a_reply_that_ends_before_a_turn_has_said_nothing_in_it() -> None:
    found = Numbering(3).of([((1,),), ((1,), (2,)), ((1,), ())], 1)
    assert found.tokens.tolist() == [[0, 0, 0], [3, 0, 0], [0, 0, 0]]
    assert found.prefixes.tolist() == [[1, 0, 0], [2, 4, 0], [1, 0, 0]]


def test_shares_are_the_same_in_any_unit_of_reward() -> None:
    """Sixty rewards of trillions have a likelihood that no float holds."""
    pay = dict(zip(range(60), np.random.default_rng(0).random(60).tolist(), strict=True))
    large = shares({said: 1e12 * value for said, value in pay.items()}, full=1e12)
    np.testing.assert_allclose(large, shares(pay), rtol=1e-6)
    assert np.ptp(large) > 0.001


def test_where_the_start_would_give_nothing_that_is_left_its_own_shares_stay() -> None:
    prior = np.array([0.0, 0.0, 3.0, 1.0])
    said = [number(2), number(3)]
    found = full_shares(said, [(0.1,), (0.1,)], [number(value) for value in range(4)], prior, 1.0)
    assert found.tolist() == [0, 0, 0.75, 0.25]


def test_noise_is_never_less_than_a_ten_thousandth() -> None:
    assert noise_of([[0.5, 0.501], [0.0], [1.0]]) == noise_of([[0.5], [0.0]]) == 1e-4
