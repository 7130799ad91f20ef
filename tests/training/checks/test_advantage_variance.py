from __future__ import annotations

from math import isclose
from random import Random

import pytest

from straw.algorithms.baselines import Credit
from straw.training.checks.advantage_variance import Forecast, columns_of, forecast_groups, unanimous
from straw.types import End, Grade, Message, Problem, Rollout


def rollout(reward: float, turns: tuple[float, ...] | None = None) -> Rollout:
    return Rollout(
        problem=Problem(key="", messages=(Message("user", "?"),), reference=("1",)),
        turns=(), replies=(), end=End.ANSWERED, grade=Grade(hits=(False,), well_formed=True),
        rewards={"made": reward}, turn_rewards=turns,
    )  # fmt: skip


def mean() -> Credit:
    return Credit(baseline="group")


def test_groups_of_four_when_a_quarter_is_paid() -> None:
    rewards = [1.0] * 8 + [0.0] * 24
    assert isclose(unanimous([rewards], 4, mean), 0.25**4 + 0.75**4)  # 0.3203
    found = forecast_groups([[rollout(reward) for reward in rewards]], 4, mean)
    assert found.share == pytest.approx(0.25**4 + 0.75**4)
    assert found.line == "forecast: 14% to 59% of groups of 4 will teach nothing at first (32 rollouts tried)"


@pytest.mark.parametrize("rare", [1 / 64, 1 / 8, 1 / 3, 1 / 2])
@pytest.mark.parametrize("group_size", [2, 4, 8])
def test_the_range_that_is_told_holds_the_truth_in_nineteen_of_twenty_trials(rare: float, group_size: int) -> None:
    """Paid 1 by luck, 32 rollouts a trial. Equally common levels are the least that there can be."""
    truth = 100 * (rare**group_size + (1 - rare) ** group_size)
    random, held, trials = Random(0), 0, 200
    for _ in range(trials):
        found = forecast_groups([[rollout(float(random.random() < rare)) for _ in range(32)]], group_size, mean)
        low, _, high = found.range.replace("%", "").partition(" to ")
        held += float(low) <= truth <= float(high or low)
    assert held >= 0.93 * trials


def test_one_hit_in_many_is_told_as_what_it_may_be() -> None:
    found = forecast_groups([[rollout(1.0), *[rollout(0.0)] * 31]], 4, mean)
    assert found.line.startswith("forecast: 55% to 99% of groups of 4 will teach nothing at first")


def test_a_level_whose_groups_are_taught_does_not_count() -> None:
    rewards = [1.0] * 8 + [0.0] * 24
    optimistic = lambda: Credit(baseline="optimistic", optimism=0.1)  # noqa: E731
    assert isclose(unanimous([rewards], 4, optimistic), 0.25**4)  # all at the best: nothing to push away from
    constant = lambda: Credit(baseline="constant", constant=0.5)  # noqa: E731
    assert unanimous([rewards], 4, constant) == 0


def test_a_running_mean_is_asked_as_it_stands_at_the_start() -> None:
    assert isclose(unanimous([[1.0, 0.0]], 1, lambda: Credit(baseline="ema")), 0.5)  # from 0: a miss teaches nothing


def test_turns_have_a_sum_each_and_the_group_teaches_nothing_when_all_do() -> None:
    group = [rollout(1.0, (1.0, 0.0)), rollout(2.0, (1.0, 1.0))]
    assert columns_of(group) == [[1.0, 1.0], [0.0, 1.0]]
    assert isclose(unanimous(columns_of(group), 2, mean), 1 * 0.5)


def test_rollouts_that_were_all_paid_alike_leave_a_range_and_say_what_to_do() -> None:
    found = forecast_groups([[rollout(0.0)] * 30], 4, mean)
    assert found == Forecast(rollouts=30, group_size=4, at_least=(1 - 3 / 30) ** 4, share=1.0, at_most=1.0)
    assert found.is_bad
    assert "at least 65%, perhaps all, of groups of 4 will teach nothing at first" in found.line
    assert "(30 rollouts tried, all paid alike: at 95% confidence at most 10% are not)" in found.line  # 3 / 30
    assert "group_size" in found.line and "baseline" in found.line and "reward_type" in found.line


def test_groups_are_of_one_problem_each() -> None:
    easy, hard = [rollout(1.0)] * 16, [rollout(0.0)] * 16
    assert forecast_groups([easy, hard], 4, mean).share == 1  # mixed, they would look lively


def test_distinct_rewards_make_every_group_teach() -> None:
    assert unanimous([[index / 32 for index in range(32)]], 4, mean) < 1e-4


def test_a_forecast_is_the_mean_over_problems_of_the_share_that_each_has() -> None:
    """Half of one problem's rollouts are paid, a quarter of the other's: of groups of two 1/2 and 5/8 are alike."""
    some = [rollout(1.0), rollout(0.0)]
    found = forecast_groups([some * 4, [rollout(1.0), *[rollout(0.0)] * 3]], 2, mean)
    assert (found.rollouts, found.group_size, found.share) == (12, 2, 0.5625) and not found.is_bad
    assert found.at_least < 0.5625 < found.at_most


def test_what_is_alike_everywhere_is_known_by_the_fewest_rollouts_at_one_problem() -> None:
    found = forecast_groups([[rollout(0.0)] * 30, [rollout(0.0)] * 12], 2, mean)
    assert (found.rollouts, found.at_least, found.share) == (42, 0.5625, 1.0)  # 1 - 3/12, squared
    assert forecast_groups([[rollout(0.0)] * 2], 2, mean).at_least == 0.0  # nothing is known of two


def test_a_forecast_is_bad_above_nine_tenths_and_then_says_what_helps() -> None:
    bad = Forecast(rollouts=32, group_size=4, at_least=0.95, share=0.95, at_most=0.95)
    assert bad.line.startswith(
        "forecast: 95% of groups of 4 will teach nothing at first (32 rollouts tried, nearly all paid alike). The run "
        "waits for a lucky one."
    )
    edge = Forecast(rollouts=32, group_size=4, at_least=0.9, share=0.9, at_most=0.9)
    assert (
        not edge.is_bad and edge.line == "forecast: 90% of groups of 4 will teach nothing at first (32 rollouts tried)"
    )


def test_turns_that_not_all_came_to_are_compared_as_far_as_all_came() -> None:
    assert columns_of([rollout(1.0, (1.0, 0.0)), rollout(1.0, (1.0,)), rollout(0.0, (0.0, 0.5, 1.0))]) == [[1, 1, 0]]
    assert columns_of([rollout(1.0), rollout(0.5)]) == [[1.0, 0.5]]
