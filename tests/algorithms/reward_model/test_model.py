"""A belief from step to step, and after a pause."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from straw.algorithms.reward_model.fields import JITTER, Turns, full_shares
from straw.algorithms.reward_model.likeness import Replies
from straw.algorithms.reward_model.model import RewardModel, shares

END = 99


def replies(count: int) -> list[Turns]:
    return [((*map(int, str(number)), END),) for number in range(count)]


class Log:
    """So many replies in the pool, and what was said of them."""

    def __init__(self, count: int, model: RewardModel | None = None) -> None:
        self.model, self.pool, self.made = model or RewardModel(), replies(count), 0

    def make(self) -> Replies:
        self.made += 1
        return Replies([one[0] for one in self.pool])

    def shares(self, *told: tuple[int, float]) -> Any:
        said, paid = [self.pool[number] for number, _ in told], [(value,) for _, value in told]
        return shares(self.model, self.make, said, paid, self.pool, np.ones(len(self.pool)), 1.0)


TOLD = [(11, 0.1), (12, 0.15), (51, 0.8), (53, 0.75), (71, 0.3), (74, 0.35), (92, 0.2), (93, 0.1)]


def test_what_is_new_is_appended_and_what_was_known_is_not_solved_again() -> None:
    log = Log(100)
    log.shares(*TOLD[:3])
    found = log.shares(*TOLD)
    assert log.made == 1 and log.model.state_dict()["pieces"] == [3, 5]
    np.testing.assert_allclose(found, Log(100).shares(*TOLD), atol=1e-9)
    assert found.sum() == pytest.approx(1) and found[50:60].sum() > 5 * found[10:20].sum()


def test_a_reply_that_is_said_again_and_paid_alike_changes_nothing() -> None:
    log = Log(100)
    once = log.shares(*TOLD)
    np.testing.assert_array_equal(log.shares(*TOLD, *TOLD[:2]), once)
    assert log.made == 1


def test_a_pool_that_grows_is_weighed_anew() -> None:
    log = Log(60)
    log.shares(*TOLD[:4])
    log.pool = replies(100)
    np.testing.assert_array_equal(log.shares(*TOLD), Log(100).shares(*TOLD))
    assert log.made == 2


def test_equal_replies_that_are_paid_otherwise_are_weighed_anew_and_are_not_out() -> None:
    log = Log(100)
    log.shares(*TOLD)
    found = log.shares(*TOLD, (51, 0.3))
    assert log.made == 2 and log.model.state_dict()["noise"] > JITTER and found[51] > 0


def test_a_model_that_is_recalled_has_the_bits_of_one_that_went_on() -> None:
    alone = Log(100)
    for end in (2, 3, 6):
        alone.shares(*TOLD[:end])
    recalled = Log(100, RewardModel(json.loads(json.dumps(alone.model.state_dict()))))
    np.testing.assert_array_equal(recalled.shares(*TOLD), alone.shares(*TOLD))
    assert recalled.model.state_dict() == alone.model.state_dict()
    anew = Log(100)
    assert (anew.shares(*TOLD) != alone.shares(*TOLD)).any()  # another order of sums has other last bits


def test_what_was_paid_in_full_is_the_answer_and_equal_pay_leaves_what_was_not_tried() -> None:
    assert Log(20).shares((3, 0.1), (4, 1.0))[4] == 1.0
    found = Log(20).shares((3, 0.1), (4, 0.1))
    assert found[3] == found[4] == 0 and np.ptp(np.delete(found, [3, 4])) == 0


def test_full_pay_may_be_off_by_the_rounding_of_a_sum_and_by_no_more() -> None:
    assert Log(20).shares((3, 0.1), (4, 1.0 - 1e-7))[4] == 1.0
    assert Log(20).shares((3, 0.1), (4, 1.0 - 1e-6))[4] == 1.0
    assert Log(20).shares((3, 0.1), (5, 0.3), (4, 1.0 - 1.2e-6))[4] == 0.0


def test_of_several_that_were_paid_in_full_in_the_mean_each_is_as_likely_as_at_the_start() -> None:
    """Reply 5 was paid in full once, and less before."""
    found = Log(6).shares((5, 1.0), (5, 0.2), (1, 1.0), (2, 1.5), (2, 0.5))
    assert found.tolist() == [0, 0.5, 0.5, 0, 0, 0]


def test_a_likelihood_that_no_float_holds_leaves_shares_all_the_same() -> None:
    """Eighty rewards that tell a line: their density is far above what an exponential can be."""
    log = Log(200)
    found = log.shares(*((value, 1e-5 * value) for value in range(0, 160, 2)))
    assert found.sum() == pytest.approx(1) and np.isfinite(found).all() and found[150] == 0


def test_every_reply_of_a_log_was_paid() -> None:
    log = Log(4)
    with pytest.raises(ValueError, match="zip"):
        shares(log.model, log.make, [log.pool[0]], [(0.1,), (0.2,)], log.pool, np.ones(4), 1.0)


def test_a_new_model_has_formed_nothing() -> None:
    assert RewardModel().state_dict() == {"count": 0, "noise": 1e-4, "pieces": [], "rewards": []}


def test_where_the_start_would_give_nothing_that_is_left_its_own_shares_stay() -> None:
    log = Log(4)
    said = [log.pool[2]]
    found = shares(log.model, log.make, said, [(0.1,)], log.pool, np.array([0.0, 0.0, 3.0, 0.0]), 1.0)
    assert found.tolist() == [0, 0, 1, 0]


def test_turns_that_are_paid_by_themselves_have_a_field_each() -> None:
    pool: list[Turns] = [((a, END), (b, END)) for a in range(3) for b in range(3)]
    said, paid = [pool[0], pool[4], pool[5]], [(0.0, 1.0), (1.0, 0.0), (1.0, 0.5)]
    prior = np.arange(1.0, 10.0)
    found = shares(RewardModel(), lambda: pytest.fail("no centre is asked"), said, paid, pool, prior, 2.0)
    np.testing.assert_array_equal(found, full_shares(said, paid, pool, prior, 2.0))


@pytest.mark.parametrize(
    ("noise", "goes_on"), [(0.1, True), (0.125, True), (0.08, True), (0.126, False), (0.079, False)]
)
def test_noise_that_is_a_quarter_more_is_weighed_anew(noise: float, goes_on: bool) -> None:
    model = RewardModel({"count": 9, "noise": 0.1, "pieces": [2], "rewards": [0.5, 0.25]})
    assert model.may_go_on(9, [0.5, 0.25, 0.75], noise) is goes_on
    assert not model.may_go_on(8, [0.5, 0.25], 0.1) and not model.may_go_on(9, [0.5, 0.3], 0.1)
