from __future__ import annotations

from math import isclose, sqrt
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from straw.algorithms.advantages import (
    against_constant,
    against_ema,
    centred,
    moved_by_each,
    optimistic,
    rloo,
    zscore,
)
from straw.algorithms.baselines import Credit

REWARDS = st.lists(st.floats(-10, 10), min_size=2, max_size=16)


def test_a_constant_that_nobody_names_is_a_half() -> None:
    assert Credit(baseline="constant").advantages([[1.0, 0.0]]) == [[0.5, -0.5]]


def test_optimism_that_nobody_names_goes_a_tenth_of_the_way_to_the_best() -> None:
    assert Credit(baseline="optimistic").advantages([[0.5, 0.0]])[0] == pytest.approx([0.175, -0.325])


def test_a_running_mean_of_which_nothing_is_said_starts_at_0_and_goes_a_tenth_with_every_reply() -> None:
    credit = Credit(baseline="ema")
    assert credit.advantages([[1.0, 0.0], [1.0]]) == [[1.0, 0.0], [1.0]]
    assert credit.running_mean == pytest.approx(0.181)  # 0.1, 0.09, 0.181


def test_the_best_that_optimism_expects_may_be_another_than_one() -> None:
    assert optimistic([0.0, 1.0], 0.25, best=3.0) == [-1.125, -0.125]  # against 0.75 x 0.5 + 0.25 x 3
    assert optimistic([0.0, 1.0], 0.25) == [-0.625, 0.375]


def test_centring_takes_the_mean_away() -> None:
    assert centred([1.0, 0.0, 0.0, 0.0]) == [0.75, -0.25, -0.25, -0.25]


@pytest.mark.parametrize("credit", [centred, rloo, zscore])
@pytest.mark.parametrize("rewards", [[0.1] * 3, [1 / 7] * 10, [0.0] * 4, [0.3], []])
def test_equal_rewards_teach_exactly_nothing(credit: Any, rewards: Any) -> None:
    assert credit(rewards) == [0.0] * len(rewards)


def test_leave_one_out_compares_with_the_others() -> None:
    assert rloo([1.0, 0.0, 0.0, 0.0]) == [1.0, -1 / 3, -1 / 3, -1 / 3]
    assert rloo([3.0, 1.0]) == [2.0, -2.0]


@given(REWARDS)
def test_leave_one_out_is_centring_at_another_rate(rewards: Any) -> None:
    size = len(rewards)
    for one, other in zip(rloo(rewards), centred(rewards), strict=True):
        assert isclose(one * (size - 1) / size, other, abs_tol=1e-9)


@given(REWARDS)
def test_group_advantages_add_up_to_nothing_and_keep_the_order(rewards: Any) -> None:
    for credit in (centred, rloo, zscore):
        advantages = credit(rewards)
        assert isclose(sum(advantages), 0.0, abs_tol=1e-6)
        assert max(advantages) == advantages[rewards.index(max(rewards))]


def test_one_hit_of_four_in_units_of_the_standard_deviation() -> None:
    """Of the sample: (.75^2 + 3 * .25^2) / 3 = .25, so .75 / .5; over G it would be 3^.5 = 1.73."""
    assert isclose(zscore([1.0, 0.0, 0.0, 0.0], eps=0.0)[0], 1.5)
    assert isclose(zscore([1.0, 0.0], eps=0.5)[0], 0.5 / (sqrt(0.5) + 0.5))


@given(REWARDS)
def test_a_z_score_divides_by_the_deviation_that_torch_means(rewards: Any) -> None:
    sample = torch.tensor(rewards, dtype=torch.float64)
    expected = (sample - sample.mean()) / (sample.std() + 1e-4)
    assert zscore(rewards) == pytest.approx(expected.tolist(), abs=1e-6)


def test_a_constant_baseline_teaches_a_unanimous_group() -> None:
    assert against_constant([0.0, 0.0, 1.0], 0.5) == [-0.5, -0.5, 0.5]


def test_first_batch_is_scored_against_the_starting_baseline() -> None:
    advantages, after = against_ema([1.0, 0.0], baseline=0.0, decay=0.9)
    assert advantages == [1.0, 0.0]
    assert isclose(after, 0.05)  # 0.9 x 0 + 0.1 x 0.5


def test_a_running_mean_moves_from_where_it_stood() -> None:
    advantages, after = against_ema([1.0, 0.0, 0.5], baseline=2.0, decay=0.75)
    assert advantages == [-1.0, -2.0, -1.5] and isclose(after, 0.75 * 2 + 0.25 * 0.5)
    assert moved_by_each([1.0, 0.0], baseline=2.0, decay=0.75) == 1.3125  # 1.75, 1.3125


def test_a_running_mean_that_each_reply_moves_forgets_sooner() -> None:
    assert isclose(moved_by_each([1.0, 0.0], baseline=0.0, decay=0.9), 0.09)  # 0 -> 0.1 -> 0.09
    batch = [-1.0] * 4
    assert isclose(moved_by_each(batch, 0.0, 0.9), 0.9**4 - 1) and isclose(against_ema(batch, 0.0, 0.9)[1], -0.1)


def test_a_reward_that_never_changes_teaches_nothing_in_the_end() -> None:
    baseline = 0.0
    for _ in range(200):
        advantages, baseline = against_ema([1.0], baseline, decay=0.9)
    assert abs(advantages[0]) < 1e-6
