from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from straw.algorithms.baselines import Credit
from straw.algorithms.replay import BestReplay
from straw.engines.base import Loss
from straw.training.step import (
    credited,
    paid,
    replayed,
    training_data,
    turn_ratios,
    weighed,
    with_bonuses,
    without_advantages,
)
from straw.types import End, Grade, Message, Play, Problem, Rollout, Turn

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


def failed(turns: int = 1) -> Rollout:
    """What an environment that failed leaves of so many turns."""
    return replace(rollout(0.0, *[0.0] * turns), end=End.FAILED, turn_rewards=None, rewards={})


def played(reward: float, *turn_rewards: float) -> Rollout:
    return replace(rollout(reward, *turn_rewards), play=Play(environment="it"))


def test_a_rollout_whose_environment_failed_is_compared_with_nobody_and_keeps_its_place() -> None:
    groups = [[rollout(1.0), failed(), rollout(0.0)], [failed(2), failed(0)], [rollout(2.0), rollout(1.0), failed()]]
    assert advantages(groups) == [[(0.5,), (0.0,), (-0.5,)], [(0.0, 0.0), (0.0,)], [(0.5,), (-0.5,), (0.0,)]]
    assert advantages([[failed()], [failed(3)]]) == [[(0.0,)], [(0.0, 0.0, 0.0)]]
    assert credited(groups, Credit(baseline="group"))[0][1].end is End.FAILED


def test_whoever_failures_leave_alone_is_not_compared_with_those_of_other_problems() -> None:
    left_alone = [[rollout(1.0), failed()], [failed(), rollout(0.0)], [rollout(0.5), failed()]]
    assert advantages(left_alone) == [[(0.0,), (0.0,)], [(0.0,), (0.0,)], [(0.0,), (0.0,)]]
    of_one = [[rollout(1.0)], [failed()], [rollout(0.0)]]  # groups of one are, with a failure among them too
    assert advantages(of_one) == [[(0.5,)], [(0.0,)], [(-0.5,)]]


def test_a_failure_moves_no_running_mean() -> None:
    credit = Credit(baseline="ema", decay=0.5, moves="batch")
    assert [one.advantages for one in credited([[failed(), rollout(1.0)]], credit)[0]] == [(0.0,), (1.0,)]
    assert credit.running_mean == 0.5


def test_one_group_of_one_among_larger_ones_is_compared_with_itself() -> None:
    assert advantages([[rollout(1.0)], [rollout(2.0), rollout(0.0)]]) == [[(0.0,)], [(1.0,), (-1.0,)]]
    three = [[rollout(1.0)], [rollout(0.0)], [rollout(0.5)]]
    assert advantages(three) == [[(0.5,)], [(-0.5,)], [(0.0,)]]


def test_in_an_environment_a_turn_is_compared_with_those_alone_that_came_as_far() -> None:
    """The second turn was paid 1 and 3 where there was one: 2 in the mean, and not 4/3."""
    group = [[played(2.0, 1, 1), played(4.0, 1, 3), played(1.0, 1)]]
    assert advantages(group) == [[(0, -1.0), (0, 1.0), (0,)]]
    elsewhere = [[rollout(2.0, 1, 1), rollout(4.0, 1, 2), rollout(1.0, 1)]]
    assert advantages(elsewhere) == [[(0, 0.0), (0, 1.0), (0,)]]  # what never came was paid nothing


def test_a_turn_beyond_those_that_were_paid_was_paid_nothing() -> None:
    assert [paid(rollout(3.0, 1, 2), turn) for turn in range(4)] == [1, 2, 0.0, 0.0]
    assert paid(rollout(3.0), 0) == 0.0


def test_bonuses_are_added_up_behind_the_credit_on_every_turn_of_their_own_rollout() -> None:
    one = replace(rollout(0.0, 0, 0), advantages=(0.5, -1.0), bonuses={"explore": 0.25, "repeats": -0.75})
    other = replace(one, bonuses={})
    assert [two.advantages for two in with_bonuses([[one, other]])[0]] == [(0.0, -1.5), (0.5, -1.0)]


def test_a_group_that_is_not_learned_from_has_an_advantage_of_nothing_a_turn() -> None:
    group = [replace(rollout(0.0, 0, 0), advantages=(0.5, -1.0)), rollout(1.0)]
    assert [one.advantages for one in without_advantages(group)] == [(0.0, 0.0), (0.0,)]


def test_a_ratio_is_of_a_whole_rollout_unless_its_turns_are_paid_one_by_one() -> None:
    """Written with -1 a token; four times as likely in the first turn, half as likely in the second and third."""
    now = [-1 + math.log(4), -9.0, -1 - math.log(2), -9.0, -1 - math.log(2)]
    one = rollout(3.0, 1, 1, 1)
    assert turn_ratios(one, now, cap=100) == pytest.approx([4, 2, 1])
    assert turn_ratios(one, now, cap=3) == pytest.approx([3, 2, 1])
    assert turn_ratios(replace(one, turn_rewards=None), now, cap=100) == pytest.approx([1, 1, 1])


def test_several_replayed_rollouts_are_weighed_each_by_its_own() -> None:
    extra = [replace(rollout(1.0), advantages=(2.0,)), replace(rollout(1.0), advantages=(1.0,))]
    found = weighed(extra, [(-1.0 + math.log(2),), (-1.0 - math.log(4),)], cap=5)
    assert [one.advantages for one in found] == [pytest.approx((4.0,)), pytest.approx((0.25,))]


def test_what_failed_or_said_nothing_is_held_to_no_reference() -> None:
    silent = replace(rollout(0.0), turns=(), advantages=())
    group = [replace(one, advantages=(0.0,) * len(one.turns)) for one in (rollout(0.0), silent, failed())]
    data = training_data([group], [], "rollout", replace(PLAIN, kl_coef=0.25))
    assert [datum.weights for datum in data] == [(1 / 3,)]


def test_episodes_are_learned_the_shortest_first_and_other_rollouts_as_they_came() -> None:
    def lengths(make: Callable[..., Rollout]) -> list[int]:
        group = [replace(make(1.0, *[1] * turns), advantages=(1.0,) * turns) for turns in (3, 1, 2)]
        return [len(datum.tokens) for datum in training_data([group], [], "token", PLAIN)]

    assert lengths(played) == [1, 3, 5] and lengths(rollout) == [5, 1, 3]


def test_a_rollout_of_which_one_turn_teaches_is_learned_from() -> None:
    one = replace(rollout(1.0, 0, 1), advantages=(0.0, 0.5))
    (datum,) = training_data([[one]], [], "rollout", PLAIN)
    assert datum.advantages == (0.0, 0.0, 0.5)  # a token of the other side stands between them
