"""The belief against whole matrices, against integrals, and against what can be done by hand."""

from __future__ import annotations

from math import exp, gamma, log, pi
from typing import Any

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.stats import rankdata
from scipy.stats import t as student

from straw.algorithms.reward_model.belief import Belief, CentreSums, FieldSums, summed
from straw.algorithms.reward_model.factors import Factors
from straw.algorithms.reward_model.fields import JITTER, Numbering, Shape
from straw.algorithms.reward_model.kernels import Kernel, field_kernels, residual_kernels
from straw.algorithms.reward_model.likeness import Replies, spread
from straw.algorithms.reward_model.ranks import Ranks

END = 99


def digits(number: int) -> tuple[int, ...]:
    return (*map(int, str(number)), END)


def told(secret: int, count: int) -> np.ndarray:
    distances = np.abs(np.arange(count) - secret)
    return np.asarray(np.round((1 - np.log2(1 + distances) / np.log2(count)) * 7) / 7)


def made(count: int = 60, **more: Any) -> Replies:
    return Replies([digits(number) for number in range(count)], **more)


def with_states(count: int = 60) -> Replies:
    """States in which a number is its place on a line, and vectors in which a digit is."""
    line = np.arange(count, dtype=float)[:, None, None]
    vectors = {token: np.array([float(token)]) for token in (*range(10), END)}
    return made(count, states=line, vectors=vectors, dictionary=True)


@pytest.mark.parametrize("replies", [made(), with_states()], ids=["tokens", "states"])
def test_rows_that_are_appended_leave_what_solving_anew_does(replies: Replies) -> None:
    paid, order = told(37, 60), np.random.default_rng(0).permutation(60)[:24]
    by_rows, anew = Belief(replies, 1.0), Belief(replies, 1.0)
    for begin in range(0, 24, 4):
        by_rows.append(order[begin : begin + 4], paid[order[begin : begin + 4]])
    anew.append(order, paid[order])
    left = np.setdiff1d(np.arange(60), order)
    np.testing.assert_allclose(by_rows.log_chances()[left], anew.log_chances()[left], atol=1e-7)
    assert (by_rows.log_chances()[order] == -np.inf).all()


@pytest.mark.parametrize("count", [2, 7])
@pytest.mark.parametrize("replies", [made(), with_states()], ids=["tokens", "states"])
def test_the_belief_is_that_of_whole_matrices(replies: Replies, count: int) -> None:
    paid, order = told(37, 60), np.random.default_rng(1).permutation(60)[:count]
    belief = Belief(replies, 1.0)
    belief.append(order, paid[order])
    found = belief.log_chances()
    for candidate in np.setdiff1d(np.arange(60), order)[::11]:
        assert found[candidate] == pytest.approx(log(whole(replies, order, paid[order], int(candidate))), abs=1e-6)


def whole(replies: Replies, order: np.ndarray, paid: np.ndarray, candidate: int) -> float:
    """p(log | this reply is right), one model after the other, by inverses of whole matrices."""
    everyone = np.arange(len(replies))
    alike, n = replies.likeness(everyone), len(order)
    far = Ranks(replies).rows(replies, order, replies.likeness(order))[:, :, candidate]
    centres, fields = [], []
    for kernel, own in residual_kernels(replies.num_layers):
        K = kernel.rows(replies, everyone, alike)[np.ix_(order, order)]
        R = (1 - own) * K + own * np.eye(n)
        centres += [marginal(1.0 - paid, h, R) for h in far]
    for kernel in field_kernels(replies.num_layers):
        K = kernel.rows(replies, everyone, alike)
        noisy = K[np.ix_(order, order)] + JITTER * np.eye(n)
        inverse, ones = np.linalg.inv(noisy), np.ones(n)
        mean = ones @ inverse @ paid / (ones @ inverse @ ones)
        Q = (paid - mean) @ inverse @ (paid - mean)
        beside = K[order, candidate]
        expected = mean + beside @ inverse @ (paid - mean)
        variance = Q / (n - 1) * (K[candidate, candidate] - beside @ inverse @ beside + JITTER)
        fields.append(marginal(paid, ones, noisy) * student.pdf(1.0, n - 1, expected, variance**0.5))
    return float(np.mean(centres) + np.mean(fields[:-1]) + fields[-1])


def marginal(q: np.ndarray, h: np.ndarray, R: np.ndarray) -> float:
    """The formula in the head of `belief`, with b of either sign where it is a mean."""
    inverse, n = np.linalg.inv(R), len(q)
    uu, uv, vv = q @ inverse @ q, q @ inverse @ h, h @ inverse @ h
    b = max(0.0, uv / vv)
    left = max(uu - b * b * vv, (n - 1) * 1e-6)  # of two rewards a slope may leave nothing
    return float(np.linalg.det(R) ** -0.5 * vv**-0.5 * gamma((n - 1) / 2) * (pi * left) ** (-(n - 1) / 2))


def test_a_centre_s_likelihood_is_the_integral_over_slope_and_scale() -> None:
    """With flat priors on b and log s, up to the half that fields have too."""
    q, h, R = (
        np.array([0.9, 0.3, 0.5]),
        np.array([1.0, 0.2, 0.6]),
        np.array([[1, 0.3, 0.1], [0.3, 1, 0.2], [0.1, 0.2, 1]]),
    )

    inverse, volume = np.linalg.inv(R), np.linalg.det(R)

    def density(steps: float, log_scale: float) -> float:
        """At a slope of so many scales beside 0.7."""
        s = exp(log_scale)
        off = q - (0.7 + s * steps) * h
        return s * float((2 * pi) ** -1.5 * volume**-0.5 * s**-3 * exp(-0.5 * (off @ inverse @ off) / s**2))

    integral, _ = dblquad(density, -5, 9, -15, 15, epsabs=1e-4, epsrel=1e-4)
    factors, sums = Factors(1), CentreSums(1, 1, 1)
    sums.add(factors.grow(np.zeros((1, 0, 3)), R[None]), h[None, :, None], q)
    (found,) = sums.log_likelihood(3, factors.volume)[0]
    assert integral == pytest.approx(0.5 * exp(found), rel=0.01)


def test_a_prefix_kernel_is_that_of_the_field_that_is_solved_anew() -> None:
    replies, numbers = made(130), list(range(130))
    numbering = Numbering(replies.width + 1)
    features = numbering.of([(digits(number),) for number in numbers], 0)
    for share, fall in ((0.5, 2.0), (0.98, 0.5)):
        ours = Kernel("prefix", share, fall)
        everyone = np.arange(130)
        theirs = Shape(share, fall).kernel(features, features)
        np.testing.assert_allclose(ours.rows(replies, everyone, replies.likeness(everyone)), theirs)
        np.testing.assert_allclose(ours.own(replies), Shape(share, fall).own(features))


def test_a_suffix_kernel_is_a_prefix_kernel_of_replies_from_behind() -> None:
    """Of equally long ones: places are counted from the start."""
    forth, back = (Replies([digits(number)[::way] for number in range(100, 160)]) for way in (1, -1))
    some = np.array([3, 37, 41])
    suffix = Kernel("suffix", 0.98, 2.0).rows(forth, some, forth.likeness(some))
    np.testing.assert_allclose(suffix, Kernel("prefix", 0.98, 2.0).rows(back, some, back.likeness(some)))


def test_a_product_kernel_by_hand() -> None:
    """12 and 13 differ at one place, 12 and 35 at two, 12 and 1 at two: a digit, and where the end stands; one more."""
    replies = Replies([digits(number) for number in (12, 13, 35, 1)])
    (row,) = Kernel("product", 0.5).rows(replies, np.array([0]), replies.likeness(np.array([0])))
    np.testing.assert_allclose(row, [1, 0.5, 0.25, 0.25])


def test_ranks_are_mean_ranks_of_distances() -> None:
    """Of places in a dictionary, which are numbers here."""
    replies, some = with_states(40), np.array([5, 17, 18])
    rows = Ranks(replies).rows(replies, some, replies.likeness(some))
    line = np.abs(np.arange(40)[:, None] - np.arange(40)[None, :])
    for place, one in enumerate(some):
        for candidate in range(40):
            expected = 0.0 if candidate == one else rankdata(line[candidate])[one] - 1
            assert rows[-4, place, candidate] == pytest.approx(np.log1p(expected) / np.log(40))
            assert rows[-3, place, candidate] == pytest.approx((expected / 40) ** 0.5)


def test_a_first_token_that_is_near_is_nearer_than_one_that_is_far() -> None:
    """From 207, 217 is nearer than 297, and both are nearer than 307, where prefixes alone see no difference."""
    vectors = {token: np.array([float(token)]) for token in (*range(10), END)}
    replies = Replies([digits(number) for number in (207, 217, 297, 307, 907)], vectors=vectors)
    rows = Ranks(replies).rows(replies, np.arange(5), replies.likeness(np.arange(5)))
    prefix, graded = rows[0, :, 0], rows[4, :, 0]
    assert prefix[0] == 0 and prefix[1] == prefix[2] < prefix[3] == prefix[4]
    assert 0 == graded[0] < graded[1] < graded[2] < graded[3] < graded[4]


def test_some_stand_for_all_where_replies_are_many() -> None:
    assert list(spread(5, 9)) == [0, 1, 2, 3, 4] and list(spread(100, 4)) == [0, 25, 50, 75]


def test_a_row_that_is_appended_is_that_of_the_inverse_of_the_whole_factor() -> None:
    random = np.random.default_rng(0).normal(size=(9, 9))
    K = random @ random.T + np.eye(9)
    factors, begin = Factors(1), 0
    for size in (2, 1, 4, 2):
        new = slice(begin, begin + size)
        factors.grow(K[None, :begin, new], K[None, new, new])
        begin += size
    np.testing.assert_allclose(factors.inverse[0, :9, :9], np.linalg.inv(np.linalg.cholesky(K)), atol=1e-12)
    assert factors.volume[0] == pytest.approx(np.linalg.slogdet(K)[1])


def test_where_every_reply_is_a_token_of_its_own_nothing_is_believed_of_any_other() -> None:
    replies = Replies([(1000 + number, END) for number in range(50)])
    belief, order = Belief(replies, 1.0), np.array([3, 8, 30, 44, 12])
    belief.append(order, told(37, 50)[order])
    left = np.setdiff1d(np.arange(50), order)
    assert np.ptp(belief.log_chances()[left]) < 1e-9


@pytest.mark.parametrize("secret", [3, 511, 640, 1000])
def test_a_centre_finds_a_token_by_states_that_are_in_order(secret: int) -> None:
    """One token a number. Guessing takes 512 episodes in the mean; on the true line of numbers 12 to 20 do."""
    replies = Replies([(1000 + number, END) for number in range(1024)], np.arange(1024.0)[:, None, None])
    belief, chance, paid = Belief(replies, 1.0), np.random.default_rng(secret), told(secret, 1024)
    nats = np.zeros(1024)
    for episodes in range(4, 200, 4):
        group = np.argsort(-nats - chance.gumbel(size=1024))[:4]
        if secret in group:
            assert episodes <= 40
            return
        belief.append(group, paid[group])
        nats = belief.log_chances()
    raise AssertionError("never said")


def test_a_reply_that_was_paid_less_by_chance_is_not_out() -> None:
    belief = Belief(made(20), 1.0, noise=0.5)
    belief.append([3, 4, 5], [0.5, 0.0, 0.0])
    found = belief.log_chances()
    assert np.isfinite(found).all() and found[3] > found[4]


def test_of_what_was_paid_less_by_chance_only_fields_say_how_far() -> None:
    """A centre would be that very reply, and pay it in full."""
    belief, tried = Belief(made(20), 1.0, noise=0.5), [3, 4, 5]
    belief.append(tried, [0.5, 0.0, 0.0])
    fields = belief.field.log_likelihood(3, belief.factors.volume[: belief.num_fields], belief.own, 1.0, 0.5)
    alone = summed(np.stack([summed(fields[:-1]) - log(belief.num_fields - 1), fields[-1]]))
    found = belief.log_chances()
    np.testing.assert_allclose(found[tried], alone[tried])
    assert (np.delete(found - alone, tried) > 1e-3).all()


def test_a_log_that_a_mean_fits_exactly_has_a_scale_that_is_not_none() -> None:
    """Three replies that are not alike, each paid 0.5: a millionth is the least of a variance."""
    sums = FieldSums(1, 4)
    sums.add(np.eye(3)[None], np.eye(3, 4)[None], np.full(3, 0.5))
    found = sums.log_likelihood(3, np.zeros(1), np.ones((1, 4)), 1.0, 0.01)
    evidence = -0.5 * (2 * log(2 * pi * 1e-6) + log(3)) + log(gamma(1))
    at = [1e-6 * 0.01] * 3 + [1e-6 * 1.01]
    assert found[0].tolist() == pytest.approx([evidence + student.logpdf(1.0, 2, 0.5, one**0.5) for one in at])


def test_a_log_that_a_centre_fits_exactly_leaves_a_residual_that_is_not_none() -> None:
    far = np.array([1.0, 0.5, 0.25])
    sums = CentreSums(1, 1, 1)
    sums.add(np.eye(3)[None], far[None, :, None], 2 * far)
    (found,) = sums.log_likelihood(3, np.zeros(1))[0]
    assert found == pytest.approx(-0.5 * (log(far @ far) + 2 * log(pi * 2 * 1e-6)) + log(gamma(1)))


def test_a_token_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="from 0 on"):
        Replies([(3, -1), (4, -1)])


@pytest.mark.parametrize(
    ("replies", "nats"),
    [
        (made(), {0: -1.5162, 30: 3.0655, 33: 3.0881, 37: 3.0728, 41: -0.9395, 59: -0.8595}),
        (with_states(), {0: -1.652, 30: 2.658, 33: 2.8693, 37: 9.0166, 41: 3.75, 59: -0.2551}),
    ],
    ids=["tokens", "states"],
)
def test_what_seven_rewards_say_in_numbers(replies: Replies, nats: dict[int, float]) -> None:
    """Kernels, shares and falls were chosen on secrets: another one is another learner, whatever its formula."""
    paid, order = told(37, 60), np.arange(2, 60, 9)
    belief = Belief(replies, 1.0)
    belief.append(order, paid[order])
    found = belief.log_chances()
    assert {one: float(found[one]) for one in nats} == pytest.approx(nats, abs=1e-3)


def test_a_log_of_more_rows_than_are_read_at_once_is_solved_like_a_short_one() -> None:
    count, sizes = 300, (100, 60, 130, 10)
    random = np.random.default_rng(1).normal(size=(count, count))
    K = random @ random.T / count + np.eye(count)
    factors, begin, rows = Factors(1), 0, []
    for size in sizes:
        new = slice(begin, begin + size)
        rows.append(factors.grow(K[None, :begin, new], K[None, new, new]))
        begin += size
    inverse = np.linalg.inv(np.linalg.cholesky(K))
    np.testing.assert_allclose(factors.inverse[0, :count, :count], inverse, atol=1e-10)
    np.testing.assert_allclose(rows[2][0], inverse[160:290, :290], atol=1e-10)
    assert factors.volume[0] == pytest.approx(np.linalg.slogdet(K)[1])


def test_of_one_reward_a_belief_can_be_formed() -> None:
    belief = Belief(made(20), 1.0)
    belief.append([3], [0.5])
    found = belief.log_chances()
    assert found[3] == -np.inf and np.isfinite(np.delete(found, 3)).all()
