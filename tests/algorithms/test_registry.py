from __future__ import annotations

from typing import Any

import pytest

from straw.algorithms.baselines import BASELINES, Credit
from straw.algorithms.registry import NAMED, WEIGHINGS
from straw.registry import names

ONE_HIT, TWO_HITS, NO_HIT = [1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("baseline", "one_hit", "two_hits"),
    [
        ("group", [0.75, -0.25, -0.25, -0.25], [0.5, 0.5, -0.5, -0.5]),
        ("leave_one_out", [1, -1 / 3, -1 / 3, -1 / 3], [2 / 3, 2 / 3, -2 / 3, -2 / 3]),
        ("zscore", [1.5, -0.5, -0.5, -0.5], [0.75**0.5, 0.75**0.5, -(0.75**0.5), -(0.75**0.5)]),
        ("constant", [0.8, -0.2, -0.2, -0.2], [0.8, 0.8, -0.2, -0.2]),  # r - 0.2
        ("optimistic", [0.375, -0.625, -0.625, -0.625], [0.25, 0.25, -0.75, -0.75]),  # r - (m/2 + 1/2)
    ],
)
def test_each_baseline_by_hand(baseline: str, one_hit: Any, two_hits: Any) -> None:
    credit = Credit(baseline=baseline, constant=0.2, optimism=0.5)
    first, second = credit.advantages([ONE_HIT, TWO_HITS])
    assert first == pytest.approx(one_hit, rel=1e-3)  # the 1e-4 below the std
    assert second == pytest.approx(two_hits, rel=1e-3)


@pytest.mark.parametrize("baseline", ["group", "leave_one_out", "zscore"])
def test_a_group_that_agrees_is_left_in_peace(baseline: str) -> None:
    assert Credit(baseline=baseline).advantages([NO_HIT, [1.0, 1.0]]) == [NO_HIT, [0.0, 0.0]]


def test_optimism_pushes_a_group_that_agrees_on_less_than_the_best() -> None:
    assert Credit(baseline="optimistic", optimism=0.1).advantages([[0.5, 0.5]])[0] == pytest.approx([-0.05, -0.05])
    assert Credit(baseline="optimistic", optimism=0.1).advantages([[1.0, 1.0]])[0] == pytest.approx([0, 0])


def test_a_whole_batch_meets_the_running_mean_as_it_was_before() -> None:
    for moves, after in (("batch", 0.5 * 0.5 + 0.5 * 2 / 3), ("reply", 0.4375)):  # .5 -> .75 -> .875 -> .4375
        credit = Credit(baseline="ema", decay=0.5, running_mean=0.5, moves=moves)
        assert credit.advantages([[1.0, 1.0], [0.0]]) == [[0.5, 0.5], [-0.5]]
        assert credit.running_mean == pytest.approx(after)


def test_the_running_mean_survives_a_restart() -> None:
    before = Credit(baseline="ema", decay=0.9)
    before.advantages([ONE_HIT])
    after = Credit(baseline="ema", decay=0.9)
    after.load_state_dict(before.state_dict())
    assert after.advantages([TWO_HITS]) == before.advantages([TWO_HITS])
    assert after.running_mean == before.running_mean != 0


def test_only_the_running_mean_remembers() -> None:
    for baseline in ("group", "constant", "optimistic"):
        credit = Credit(baseline=baseline)
        credit.advantages([ONE_HIT])
        assert credit.state_dict() == {"running_mean": 0.0}


def test_supervised_learning_has_no_credit_to_give() -> None:
    assert NAMED["sft"].baseline == "none"
    with pytest.raises(ValueError, match="no credit is given by baseline 'none'"):
        Credit(baseline="none").advantages([ONE_HIT])


@pytest.mark.parametrize("name", NAMED)
def test_every_row_names_things_that_exist(name: Any) -> None:
    row = NAMED[name]
    assert row.loss_fn in names("losses")
    assert row.baseline in BASELINES
    assert row.weigh in WEIGHINGS


def test_the_rows_are_what_their_papers_say() -> None:
    grpo, dr_grpo, rloo = NAMED["grpo"], NAMED["dr_grpo"], NAMED["rloo"]
    assert (grpo.baseline, grpo.loss_fn, grpo.weigh) == ("zscore", "ppo", "reply")
    assert grpo.kl_coef > 0
    assert (dr_grpo.baseline, dr_grpo.weigh, dr_grpo.kl_coef) == ("group", "rollout", 0)  # neither std nor length
    assert (rloo.baseline, rloo.loss_fn) == ("leave_one_out", "importance_sampling")
