from __future__ import annotations

import math
from dataclasses import replace

import pytest

from straw.algorithms.baselines import Credit
from straw.algorithms.replay import BestReplay
from straw.engines.base import Loss
from straw.training.step import credited, replayed, training_data, weighed
from straw.types import End, Grade, Message, Problem, Rollout, Turn

PLAIN = Loss(name="importance_sampling")


def rollout(reward: float, *turn_rewards: float, key: str = "a", reply: str = "1") -> Rollout:
    """A rollout of as many turns as it has rewards of their own, or of one; each reply is one token."""
    turns = tuple(
        Turn(prompt=(7,) * (2 * turn + 1), reply=(turn + 1,), logprobs=(-1.0,), policy_version=0)
        for turn in range(len(turn_rewards) or 1)
    )
    return Rollout(
        problem=Problem(key=key, messages=(Message("user", "?"),), reference=("1",)),
        turns=turns,
        replies=(reply,) * len(turns),
        end=End.ANSWERED,
        grade=Grade(hits=(True,), well_formed=True),
        rewards={"paid": reward},
        turn_rewards=turn_rewards or None,
    )


def advantages(groups: list[list[Rollout]], **credit: object) -> list[list[tuple[float, ...]]]:
    found = credited(groups, Credit(**{"baseline": "group", **credit}))
    return [[rollout.advantages for rollout in group] for group in found]


def test_every_turn_of_a_rollout_shares_its_advantage() -> None:
    group = [[rollout(2.0), rollout(0.0)]]
    assert advantages(group) == [[(1.0,), (-1.0,)]]


def test_turns_that_are_paid_one_by_one_are_credited_one_by_one() -> None:
    """Both were paid 1 in all: summed there is nothing to learn, turn by turn there is."""
    group = [[rollout(1.0, 1, 0), rollout(1.0, 0, 1)]]
    assert advantages(group) == [[(0.5, -0.5), (-0.5, 0.5)]]


def test_each_turn_is_compared_within_its_own_group() -> None:
    groups = [[rollout(1, 1, 0), rollout(0, 0, 0)], [rollout(2, 1, 1), rollout(1, 1, 0)]]
    assert advantages(groups) == [[(0.5, 0), (-0.5, 0)], [(0, 0.5), (0, -0.5)]]


def test_a_turn_that_never_came_was_paid_nothing() -> None:
    group = [[rollout(2.0, 1, 1), rollout(1.0, 1)]]
    assert advantages(group) == [[(0, 0.5), (0,)]]


def test_all_turns_of_a_batch_meet_the_same_running_mean() -> None:
    credit = Credit(baseline="ema", decay=0.5, running_mean=0.5)
    (group,) = credited([[rollout(2, 1, 1), rollout(0, 0, 0)]], credit)
    assert [rollout.advantages for rollout in group] == [(0.5, 0.5), (-0.5, -0.5)]
    assert credit.running_mean != 0.5


def test_groups_of_one_are_compared_with_each_other() -> None:
    assert advantages([[rollout(1.0)], [rollout(0.0)]]) == [[(0.5,)], [(-0.5,)]]
    assert advantages([[rollout(1, 1, 0)], [rollout(1, 0, 1)]]) == [[(0.5, -0.5)], [(-0.5, 0.5)]]
    assert advantages([[rollout(1.0)]], baseline="constant", constant=0.25) == [[(0.75,)]]


def remembering(*rollouts: Rollout, size: int = 1) -> BestReplay:
    replay = BestReplay(size)
    for rollout in rollouts:
        replay.add(rollout)
    return replay


def test_the_best_is_replayed_with_its_advantage_over_the_batch() -> None:
    (best,) = replayed([[rollout(0.5), rollout(0.0)]], remembering(rollout(1.0, reply="5")))
    assert best.replies == ("5",)
    assert best.advantages == (0.75,)


def test_turns_that_are_paid_one_by_one_are_replayed_one_by_one() -> None:
    """The batch's turns were paid .5, 1 and 0 in the mean; the kept rollout's 0, 1 and 1: its last turn is worth 1."""
    batch = [[rollout(2, 1, 1, 0), rollout(1, 0, 1, 0)]]
    (best,) = replayed(batch, remembering(rollout(2, 0, 1, 1)))
    assert best.advantages == (0, 0, 1.0)


def test_a_kept_rollout_with_a_better_turn_is_replayed_whatever_it_was_paid_in_all() -> None:
    (best,) = replayed([[rollout(2, 0, 1, 1)]], remembering(rollout(1, 1, 0, 0)))
    assert best.advantages == (1.0, 0, 0)
    assert replayed([[rollout(2, 1, 1, 0)]], remembering(rollout(1, 1, 0, 0))) == []


def test_a_turn_that_the_batch_never_came_to_was_paid_nothing_there() -> None:
    (best,) = replayed([[rollout(0, 0)]], remembering(rollout(2, 1, 1)))
    assert best.advantages == (1.0, 1.0)


def test_groups_of_one_problem_are_one_batch_to_the_replay() -> None:
    (best,) = replayed([[rollout(0.0)], [rollout(1.0)]], remembering(rollout(1.0)))
    assert best.advantages == (0.5,)


def test_what_is_learned_already_is_not_replayed() -> None:
    assert replayed([[rollout(1.0), rollout(1.0)]], remembering(rollout(1.0))) == []


def test_only_the_problems_of_the_batch_are_replayed() -> None:
    replay = remembering(rollout(1.0, key="a"), rollout(1.0, key="b"))
    assert [one.problem.key for one in replayed([[rollout(0.0, key="b")]], replay)] == ["b"]


def test_rollouts_that_teach_nothing_are_left_out_but_count_in_the_mean() -> None:
    groups = credited([[rollout(1.0), rollout(0.0)], [rollout(0.0), rollout(0.0)]], Credit(baseline="group"))
    data = training_data(groups, [], "rollout", PLAIN)
    assert [datum.advantages for datum in data] == [(0.5,), (-0.5,)]
    assert [datum.weights for datum in data] == [(0.25,), (0.25,)]


def test_an_entropy_bonus_wants_every_rollout() -> None:
    groups = credited([[rollout(0.0), rollout(0.0)]], Credit(baseline="group"))
    assert training_data(groups, [], "rollout", PLAIN) == []
    assert len(training_data(groups, [], "rollout", replace(PLAIN, entropy_coef=0.05))) == 2


def test_a_penalty_on_leaving_the_reference_wants_every_rollout() -> None:
    """Two of four were paid alike: their advantage is 0, and what they wrote may still be far from the reference."""
    groups = credited([[rollout(1.0), rollout(0.0)], [rollout(0.0), rollout(0.0)]], Credit(baseline="group"))
    data = training_data(groups, [], "rollout", replace(PLAIN, kl_coef=0.04))
    assert [datum.advantages for datum in data] == [(0.5,), (-0.5,), (0.0,), (0.0,)]
    assert [datum.weights for datum in data] == [(0.25,)] * 4


def test_replayed_rollouts_come_without_the_probabilities_they_had() -> None:
    groups = credited([[rollout(1.0), rollout(0.0)]], Credit(baseline="group"))
    extra = replayed(groups, remembering(rollout(1.0, reply="5")))
    *fresh, best = training_data(groups, extra, "rollout", PLAIN)
    assert [datum.logprobs for datum in fresh] == [(-1.0,), (-1.0,)]
    assert best.logprobs == ()
    assert best.weights == pytest.approx((1 / 3,))


def test_what_has_become_likelier_weighs_more_up_to_the_cap() -> None:
    """It was written with a log-probability of -1, and is 1.5 and 20 times as likely now."""
    extra = replayed([[rollout(0.0)]], remembering(rollout(1.0)))
    (bit,) = weighed(extra, [(-1.0 + math.log(1.5),)], cap=2)
    (much,) = weighed(extra, [(-1.0 + math.log(20),)], cap=2)
    assert bit.advantages == pytest.approx((1.5,))
    assert much.advantages == pytest.approx((2.0,))


def test_of_turns_paid_one_by_one_each_weighs_by_what_led_up_to_it() -> None:
    """Written with -1 a token; the first is twice as likely now, the second half as likely: 2, then 2 * 1/2."""
    extra = replayed([[rollout(0, 0, 0)]], remembering(rollout(2, 1, 1)))
    now = [(-1.0 + math.log(2), -7.0, -1.0 - math.log(2))]  # a token of the other side stands between them
    (one,) = weighed(extra, now, cap=10)
    assert one.advantages == pytest.approx((2.0, 1.0))
    (whole,) = weighed([replace(extra[0], turn_rewards=None)], now, cap=10)
    assert whole.advantages == pytest.approx((1.0, 1.0))


def test_what_has_become_unlikely_is_hardly_learned_again() -> None:
    (one,) = weighed(replayed([[rollout(0.0)]], remembering(rollout(1.0))), [(-1.0 + math.log(0.01),)], cap=2)
    assert one.advantages == pytest.approx((0.01,))
