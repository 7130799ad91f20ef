from __future__ import annotations

from collections import Counter
from math import isclose, log2, log10
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.config import load_page
from straw.errors import ConfigError
from straw.information import entropy_bits
from straw.rewards.log_distance import FORMS, BinnedLogDistance, LogDistance, level_of, reached_levels
from straw.tasks.secret.bit_by_bit import SecretBits
from straw.tasks.secret.numbers import Hidden
from straw.training.resolve.page_to_plan import plan_of
from straw.types import End, Grade


def pay(channel: Any, *offsets: int | None) -> float:
    grade = Grade(hits=tuple(offset == 0 for offset in offsets), well_formed=None not in offsets, offsets=offsets)
    return channel(grade, 0.0).total


def test_each_doubling_of_the_distance_costs_the_same() -> None:
    channel = LogDistance(N=64)
    expected = {0: 1.0, 1: 0.833333, 3: 0.666667, 7: 0.5, 31: 0.166667, 63: 0.0}
    for distance, reward in expected.items():
        assert isclose(pay(channel, distance), reward, abs_tol=5e-7)
        assert pay(channel, distance) == pay(channel, -distance)


def test_log_distance_of_ranges_that_are_no_power_of_two() -> None:
    assert isclose(pay(LogDistance(N=10), 5), 0.2218487496, abs_tol=1e-10)
    assert pay(LogDistance(N=2), 1) == 0.0


@pytest.mark.parametrize("N", [1, 2, 64])
def test_an_unread_reply_pays_nothing_even_where_every_guess_is_right(N: int) -> None:
    assert pay(LogDistance(N=N), None) == 0.0
    assert pay(BinnedLogDistance(N=N, bins=8), None) == 0.0
    assert pay(LogDistance(N=N), 0) == pay(BinnedLogDistance(N=N, bins=8), 0) == 1.0


def test_a_guess_beyond_the_range_pays_nothing() -> None:
    assert pay(LogDistance(N=64), 70) == 0.0
    assert pay(BinnedLogDistance(N=64, bins=8), 70) == 0.0
    assert pay(LogDistance(N=1), 1) == 0.0


def test_eight_bins_are_sevenths() -> None:
    rewards = [pay(BinnedLogDistance(N=1024, bins=8), distance) for distance in (624, 231, 86, 32, 11, 4, 1, 0)]
    sevenths = [0, 0.142857, 0.285714, 0.428571, 0.571429, 0.714286, 0.857143, 1]
    assert all(isclose(reward, seventh, abs_tol=5e-7) for reward, seventh in zip(rewards, sevenths, strict=True))


@pytest.mark.parametrize(
    ("N", "bins", "starts"),
    [
        (1024, 8, {7: 0, 6: 1, 5: 4, 4: 11, 3: 32, 2: 86, 1: 231, 0: 624}),
        (64, 8, {7: 0, 6: 1, 5: 2, 4: 4, 3: 8, 2: 14, 1: 26, 0: 47}),
        (1024, 4, {3: 0, 2: 3, 1: 32, 0: 322}),
        (1, 8, {7: 0, 0: 1}),
    ],
)
def test_the_smallest_distance_of_every_level(N: int, bins: int, starts: dict[str, Any]) -> None:
    assert reached_levels(N, bins) == starts


def test_the_levels_of_sixteen_numbers_in_eight_bins() -> None:
    assert [level_of(distance, 16, 8) for distance in (0, 1, 2, 4, 5, 8, 13)] == [7, 5, 4, 3, 2, 1, 0]
    assert 6 not in reached_levels(16, 8)


@pytest.mark.parametrize(("N", "last"), [(16, 2), (64, 6), (256, 14), (1024, 30), (4096, 62)])
def test_two_bins_pay_in_full_for_many_near_misses(N: int, last: int) -> None:
    channel = BinnedLogDistance(N=N, bins=2)
    assert channel.plateau == last
    assert (pay(channel, last), pay(channel, last + 1)) == (1.0, 0.0)


@pytest.mark.parametrize(("N", "last"), [(16, 0), (64, 0), (256, 1), (1024, 2), (4096, 2)])
def test_four_bins_pay_in_full_for_a_few(N: int, last: int) -> None:
    assert BinnedLogDistance(N=N, bins=4).plateau == last


@pytest.mark.parametrize(
    ("N", "bins", "levels"), [(1024, 8, 8), (1024, 16, 16), (1024, 32, 29), (16, 8, 7), (16, 16, 11), (16, 32, 15)]
)
def test_only_levels_that_are_reached_count(N: int, bins: int, levels: int) -> None:
    assert BinnedLogDistance(N=N, bins=bins).levels == levels
    assert len({level_of(distance, N, bins) for distance in range(N)}) == levels


@pytest.mark.parametrize(
    ("N", "bins", "distance", "level"), [(1024, 2, 31, 0), (64, 4, 1, 2), (4096, 4, 3, 2), (1024, 16, 7, 10)]
)
def test_half_way_goes_to_the_even_level(N: int, bins: int, distance: int, level: int) -> None:
    assert level_of(distance, N, bins) == level


@pytest.mark.parametrize(("N", "bins", "distance", "level"), [(64, 4, 31, 0), (1024, 16, 127, 5)])
def test_half_way_but_for_the_last_float_bit(N: int, bins: int, distance: int, level: int) -> None:
    assert level_of(distance, N, bins) == level


@pytest.mark.parametrize(("bins", "bits"), [(2, 4.07), (4, 7.68), (8, 10.0), (16, 10.0)])
def test_the_highest_pay_cannot_tell_apart_what_shares_it(bins: int, bits: float) -> None:
    assert isclose(BinnedLogDistance(N=1024, bins=bins).identifiable_ceiling_bits(1024), bits, abs_tol=0.005)


def test_what_the_channels_say_about_a_uniform_secret_at_the_start() -> None:
    N, channel = 1024, BinnedLogDistance(N=1024, bins=8)
    eighths = {distance: pay(channel, distance) for distance in range(N)}
    continuous = {distance: pay(LogDistance(N=N), distance) for distance in range(N)}

    def information(reward: dict[int, float], guess: int) -> float:
        counts = Counter(reward[abs(guess - secret)] for secret in range(N))
        return entropy_bits([count / N for count in counts.values()])

    assert isclose(sum(information(eighths, guess) for guess in range(N)) / N, 1.9642, abs_tol=5e-5)
    assert isclose(sum(information(continuous, guess) for guess in range(N)) / N, 9.5010, abs_tol=5e-5)
    assert isclose(information(continuous, 0), 10.0)


def test_the_raw_form_counts_decades_below_zero() -> None:
    channel = LogDistance(N=1000, form="raw")
    assert [pay(channel, distance) for distance in (0, 9, 99)] == [0.0, -1.0, -2.0]
    assert isclose(pay(channel, None), -3.0)  # like the farthest guess, 999
    assert isclose(pay(channel, None), pay(channel, 999))


def test_a_sequence_is_paid_the_mean_of_its_items() -> None:
    assert isclose(pay(LogDistance(N=64), 0, 7, None), (1 + 0.5 + 0) / 3)
    assert isclose(pay(LogDistance(N=1000, form="raw"), 0, 9), -0.5)
    binned = BinnedLogDistance(N=64, bins=8, length=2)  # levels 0..7, so sums 0..14
    assert pay(binned, 0, -1) == 13 / 14
    assert binned.levels == 15


def test_a_huge_range_is_no_trouble() -> None:
    assert BinnedLogDistance(N=10**30, bins=8).levels == 8
    assert LogDistance(N=2**200).identifiable_ceiling_bits(2**200) == 200


@given(st.integers(1, 3000), st.integers(2, 40), st.data())
def test_a_farther_guess_never_pays_more(N: Any, bins: Any, data: Any) -> None:
    near, far = sorted(data.draw(st.tuples(*[st.integers(0, N - 1)] * 2)))
    for channel in (LogDistance(N=N), BinnedLogDistance(N=N, bins=bins)):
        assert 0.0 <= pay(channel, far) <= pay(channel, near) <= pay(channel, 0) == 1.0
    raw = LogDistance(N=N, form="raw")
    assert -log10(N) - 1e-12 <= pay(raw, far) <= pay(raw, near) <= 0.0


@given(st.integers(2, 400), st.integers(2, 40))
def test_the_plateau_is_where_the_full_pay_ends(N: Any, bins: Any) -> None:
    full = [distance for distance in range(N) if pay(BinnedLogDistance(N=N, bins=bins), distance) == 1.0]
    assert full == list(range(BinnedLogDistance(N=N, bins=bins).plateau + 1))
    assert 0.0 <= BinnedLogDistance(N=N, bins=bins).identifiable_ceiling_bits(N) <= log2(N)


@pytest.mark.parametrize("bins", [1, 0, -8])
def test_one_bin_is_refused_with_a_way_out(bins: int) -> None:
    with pytest.raises(ConfigError, match=f"reward_bins >= 2, got reward_bins={bins}.*write reward_bins=8"):
        BinnedLogDistance(N=64, bins=bins)


def test_an_unknown_form_names_its_neighbour() -> None:
    with pytest.raises(ConfigError, match="did you mean 'normalised'"):
        LogDistance(N=64, form="normalized")


def test_a_task_without_distances_is_sent_to_binary() -> None:
    with pytest.raises(ConfigError, match="write reward_type=binary"):
        LogDistance(N=64)(Grade(hits=(True,), well_formed=True), 0.0)


@pytest.mark.parametrize("form", FORMS)
@given(st.integers(2, 40), st.data())
def test_a_number_that_can_be_read_is_never_paid_less_than_a_reply_that_cannot(form: Any, N: Any, data: Any) -> None:
    """Six bits spell 63 where N = 33: farther from secret 0 than any secret is."""
    task, channel = SecretBits(Hidden(N=N, fixed_secret=data.draw(st.integers(0, N - 1)))), LogDistance(N=N, form=form)
    problem, bits = task.problem(0), data.draw(st.text("01", min_size=task.max_turns, max_size=task.max_turns))
    read = task.grade(problem, [*bits], End.ANSWERED)
    unread = task.grade(problem, ["no", *bits[1:]], End.ANSWERED)
    assert read.offsets != (None,) == unread.offsets
    assert channel.lowest <= channel(unread, 0.0).total <= channel(read, 0.0).total <= channel.highest


def test_what_was_tuned_for_a_reward_by_distance_is_what_a_run_gets() -> None:
    """The numbers that the study of the laptop stands on (recipes/sweeps): learning rate, baseline, replay, KL."""
    page = plan_of(load_page(None, {"reward_type": "log_distance", "N": 64})).page
    algorithm = page.algorithm
    found = (page.optimizer.learning_rate, algorithm.baseline, algorithm.optimism, algorithm.replay, algorithm.kl_coef)
    assert found == (2e-4, "optimistic", 0.1, 1, 0.05)
