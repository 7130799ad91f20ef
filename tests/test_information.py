from __future__ import annotations

from math import comb, inf, isclose, log, log2
from typing import Any

import pytest

from straw.information import (
    binary_entropy_bits,
    bits_known,
    bits_known_clamped,
    entropy_bits,
    kl_bits,
    log_total,
    miller_madow_bits,
    nats_to_bits,
    num_bits,
    pass_rate_bits,
    plug_in_entropy_bits,
    ratio,
    smoothed_absorbed_bits,
)


@pytest.mark.parametrize(
    ("N", "logp", "expected"),
    [
        (1024, log(1 / 1024), 0.0),
        (1024, log(0.5), 9.0),
        (1024, 0.0, 10.0),
        (1024, -20 * log(2), -10.0),
        (64, log(0.9), 5.847997),
        (1, 0.0, 0.0),
        (1, log(0.5), -1.0),
        (64**3, 0.0, 18.0),
    ],
)
def test_bits_known_is_log2_n_plus_log2_p(N: Any, logp: Any, expected: float) -> None:
    assert isclose(bits_known(N, logp), expected, abs_tol=5e-7)


def test_the_clamp_hides_what_is_worse_than_guessing_and_nothing_else() -> None:
    assert bits_known_clamped(1024, -20 * log(2)) == 0.0
    assert isclose(bits_known_clamped(1024, log(0.5)), 9.0)


def test_an_impossible_answer_is_known_less_than_any_other() -> None:
    assert bits_known(64, -inf) == -inf
    assert isclose(smoothed_absorbed_bits(64, -inf), log2(0.01))


@pytest.mark.parametrize(("nats", "bits"), [(log(2), 1.0), (-3 * log(2), -3.0), (0.0, 0.0)])
def test_nats_are_told_in_bits(nats: Any, bits: float) -> None:
    assert isclose(nats_to_bits(nats), bits)


@pytest.mark.parametrize(
    ("N", "bits"), [(1, 1), (2, 1), (3, 2), (10, 4), (16, 4), (100, 7), (1000, 10), (1024, 10), (1025, 11)]
)
def test_the_digits_of_a_binary_number(N: int, bits: int) -> None:
    assert num_bits(N) == bits


@pytest.mark.parametrize(("N", "expected"), [(10, -0.678), (1000, -0.034), (1025, -0.9986)])
def test_a_fair_coin_starts_below_zero_when_n_is_no_power_of_two(N: int, expected: float) -> None:
    assert isclose(bits_known(N, num_bits(N) * log(0.5)), expected, abs_tol=5e-4)


def test_the_mass_on_answers_is_their_sum_however_small() -> None:
    assert isclose(log_total([log(0.1), log(0.2), log(0.05)]), log(0.35))
    assert isclose(log_total([-1e4, -1e4 - log(3)]), -1e4 + log(4 / 3))
    assert log_total([-inf, -inf]) == -inf and log_total([-inf, log(0.5)]) == log(0.5)


def test_smoothing_costs_little_at_the_top_and_bounds_the_bottom() -> None:
    assert isclose(smoothed_absorbed_bits(64, 0.0), log2(0.99 * 64 + 0.01))
    assert 0 < 6 - smoothed_absorbed_bits(64, 0.0) < 0.015
    assert isclose(smoothed_absorbed_bits(64, log(1 / 64)), 0.0, abs_tol=1e-12)
    assert isclose(smoothed_absorbed_bits(64, -1e4), -6.643856, abs_tol=1e-6)
    assert isclose(smoothed_absorbed_bits(2**5000, 0.0), 5000 + log2(0.99))


@pytest.mark.parametrize("e", [0.0, 1.0, -0.1])
def test_smoothing_wants_a_share(e: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        smoothed_absorbed_bits(64, 0.0, e)


def test_entropy_of_known_distributions() -> None:
    assert entropy_bits([0.5, 0.25, 0.25]) == 1.5
    assert entropy_bits([1.0, 0.0]) == 0.0
    assert isclose(entropy_bits([1 / 1024, 1023 / 1024]), 0.01117, abs_tol=5e-6)  # what binary says at the start
    assert isclose(1 - entropy_bits([0.11, 0.89]), 0.5, abs_tol=1e-3)  # noisy binary, e = .11


@pytest.mark.parametrize(("turns", "bits"), [(4, 2.03), (6, 2.33), (8, 2.54), (10, 2.71), (12, 2.84)])
def test_a_summed_dense_reward_says_less_than_its_turns(turns: int, bits: float) -> None:
    counts = [comb(turns, right) / 2**turns for right in range(turns + 1)]
    assert isclose(entropy_bits(counts), bits, abs_tol=0.005)


def test_the_entropy_of_a_yes_and_no() -> None:
    assert binary_entropy_bits(0.5) == 1
    assert binary_entropy_bits(0.0) == binary_entropy_bits(1.0) == 0
    assert binary_entropy_bits(1 / 1024) == pytest.approx(0.0112, abs=1e-4)


def test_one_hit_in_four_is_worth_less_than_it_looks() -> None:
    assert plug_in_entropy_bits([1, 3]) == pytest.approx(0.8113, abs=1e-4)
    assert miller_madow_bits([1, 3], 2) == pytest.approx(0.8113 + 1 / (8 * log(2)), abs=1e-4)
    assert miller_madow_bits([2, 2], 2) == 1  # never beyond the alphabet
    assert miller_madow_bits([2, 2], None) > 1
    assert plug_in_entropy_bits([4]) == miller_madow_bits([4], 2) == plug_in_entropy_bits([]) == 0


def test_divergence_by_hand() -> None:
    assert kl_bits([0.5, 0.5], [0.5, 0.5]) == 0
    assert kl_bits([1.0, 0.0], [0.25, 0.75]) == 2
    assert isclose(kl_bits([0.25, 0.75], [0.5, 0.5]), 0.75 * log2(1.5) - 0.25)
    assert isclose(kl_bits([0.5, 0.25, 0.25], [0.25, 0.5, 0.25]), 0.25)
    with pytest.raises(ValueError, match="zip"):
        kl_bits([0.5, 0.5], [0.5, 0.25, 0.25])


def test_entropy_of_three_symbols_is_mended_by_two_over_twice_the_count() -> None:
    assert plug_in_entropy_bits([2, 1, 1]) == 1.5
    assert isclose(miller_madow_bits([2, 1, 0, 1], None), 1.5 + 2 / (8 * log(2)))
    assert miller_madow_bits([2, 1, 1], 3) == log2(3)
    assert miller_madow_bits([0, 5, 0], 8) == miller_madow_bits([], 8) == 0.0


def test_bits_of_a_pass_rate() -> None:
    assert pass_rate_bits(15, 20, 0, 20) == pytest.approx(log2(31))
    assert pass_rate_bits(3, 20, 3, 20) == 0
    assert pass_rate_bits(0, 20, 3, 20) < 0


def test_an_efficiency_of_nothing_is_none() -> None:
    assert ratio(1.0, 4.0) == 0.25
    assert ratio(1.0, 0.5) == 2.0 and ratio(0.0, 0.5) == 0.0
    assert ratio(1.0, -1.0) is None
    assert ratio(1.0, 0.0) is ratio(None, 1.0) is ratio(1.0, None) is None
