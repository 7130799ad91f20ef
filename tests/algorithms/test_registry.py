from __future__ import annotations

from typing import Any

import pytest

from straw.algorithms import baselines
from straw.algorithms.baselines import BASELINES, Credit, OverBatch
from straw.algorithms.registry import (
    NAMED,
    OF_A_LEARNER,
    OF_BELIEFS,
    WEIGHINGS,
    algorithm_named,
    mark_of,
    section_of,
)
from straw.algorithms.row import Algorithm
from straw.config import Algorithm as Section
from straw.errors import ConfigError
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
    assert grpo.kl_coef == 0.04
    assert (dr_grpo.baseline, dr_grpo.weigh, dr_grpo.kl_coef) == ("group", "rollout", 0)  # neither std nor length
    assert (rloo.baseline, rloo.loss_fn) == ("leave_one_out", "importance_sampling")


def test_what_compares_rewards_of_one_group_needs_others_in_it() -> None:
    alone = {name for name, one in BASELINES.items() if not one.needs_others}
    assert alone == {"ema", "constant", "optimistic", "none"}
    assert not OverBatch(lambda groups: [list(group) for group in groups]).needs_others


def test_a_baseline_gives_one_advantage_for_each_reward(monkeypatch: pytest.MonkeyPatch) -> None:
    few = baselines.Baseline(of_group=lambda rewards, credit: rewards[:2])
    monkeypatch.setitem(BASELINES, "few", few)
    assert Credit(baseline="few").advantages([[1.0, 2.0], [3.0]]) == [[1.0, 2.0], [3.0]]
    with pytest.raises(
        ValueError, match=r"baseline=few gives one advantage for each reward, and gave \[\[1.0, 2.0\]\]"
    ):
        Credit(baseline="few").advantages([[1.0, 2.0, 3.0]])


def test_who_learns_towards_targets_and_who_has_advantages_of_its_own() -> None:
    assert {name for name, row in NAMED.items() if row.has_targets} == {
        "surrogate", "reward_aware", "regress", "expert_iteration", "es", "sft"
    }  # fmt: skip
    assert {name for name, row in NAMED.items() if row.by_advantages} == {"opd", "sdpo", "rltf_sd", "ppo_critic"}
    assert [name for name, row in NAMED.items() if row.has_teacher] == ["opd"]
    assert [name for name, row in NAMED.items() if row.is_supervised] == ["sft"]


def test_a_row_that_says_nothing_is_the_plain_policy_gradient_of_a_group() -> None:
    row = Algorithm()
    said = {"baseline": "group", "loss_fn": "importance_sampling", "weigh": "rollout", "kl_coef": 0.0}
    assert row.options("reinforce") == said and not row.has_targets
    assert not (row.is_supervised or row.by_advantages or row.has_teacher)


def test_functions_of_a_row_are_found_again_in_the_file_that_names_it() -> None:
    def mine(rewards: list[float]) -> list[float]:
        return rewards

    row = Algorithm(baseline=mine, weigh="token", also={"redraws": 3, "kl_coef": 0.5})
    assert row.options("/some:where/rows.py:MINE") == {
        "baseline": "/some:where/rows.py:mine", "loss_fn": "importance_sampling", "weigh": "token", "kl_coef": 0.5,
        "redraws": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "also"),
    [
        ("dapo", {"clip_low": 0.2, "clip_high": 0.28, "redraws": 3}),
        ("es", {"group_size": 32}),
        *((name, {"replay": 0}) for name in ("opd", "sdpo", "rltf_sd", "ppo_critic")),
    ],
)
def test_what_a_row_fixes_beside_baseline_loss_and_weights(name: str, also: Any) -> None:
    assert NAMED[name].also == also


@pytest.mark.parametrize(
    ("name", "values", "episodes_per_bit"),
    [
        ("surrogate", {"learning_rate": 1e-3, "most_updates": 30, "target_kl": 0.1, "pool": 256}, 12),
        ("reward_aware", {"learning_rate": 1e-3, "most_updates": 30, "target_kl": 0.02}, 12),
        ("regress", {"learning_rate": 1e-3}, 30),
        ("es", {"learning_rate": 1e-2, "sigma": 0.02}, 1000),
        ("sft", {"learning_rate": 3e-4}, 70),
    ],
)
def test_what_was_tuned_for_a_learner_and_how_long_a_bit_took_it(name: str, values: Any, episodes_per_bit: int) -> None:
    """Found on other secrets than those that are judged: another number was not."""
    tuning = NAMED[name].tuning
    assert tuning and (tuning.values, tuning.episodes_per_bit) == (values, episodes_per_bit)


def test_what_was_tuned_for_learners_of_others_and_for_answers_that_have_to_be_found() -> None:
    by_luck = NAMED["reward_aware"].tuning_by_luck
    found = [(one.values, one.episodes_per_bit) for one in (OF_A_LEARNER, OF_BELIEFS, by_luck) if one]
    assert found == [
        ({"learning_rate": 1e-3}, 12),
        ({"learning_rate": 1e-3, "most_updates": 8, "target_kl": 0.1}, 12),
        ({"learning_rate": 5e-4, "most_updates": 12, "target_kl": 0.02}, 12),
    ]


def test_a_learner_is_marked_beside_its_reward_and_a_policy_gradient_is_not() -> None:
    assert mark_of("reward_aware") == ", reward_aware" and mark_of("sdpo") == ", sdpo"
    assert mark_of("grpo") == mark_of("sft") == mark_of("nobody") == ""


class OfMine(Section):
    """Options that only a row of mine reads."""


@pytest.mark.parametrize(
    ("row", "section"),
    [(Algorithm(), Section), (Algorithm(Options=OfMine), OfMine), (NAMED["grpo"], Section)],
    ids=["nothing", "its own", "ours"],
)
def test_the_options_of_a_row_without_a_learner(row: Algorithm, section: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NAMED, "mine", row)
    assert section_of("mine") is section


def test_the_options_of_a_row_with_a_learner_go_before_the_learner_s_and_are_made_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learners = section_of("surrogate")
    assert learners is not Section and issubclass(learners, Section)

    class More(learners):  # type: ignore[valid-type, misc]
        """The learner's, and more."""

    monkeypatch.setitem(NAMED, "more", Algorithm(learner="surrogate", Options=More))
    monkeypatch.setitem(NAMED, "less", Algorithm(learner="surrogate", Options=OfMine))
    assert section_of("more") is More
    with pytest.raises(ConfigError, match=f"the Options of algorithm=less are a subclass of {learners.__name__}"):
        section_of("less")


@pytest.mark.parametrize("name", NAMED)
def test_a_row_is_found_by_its_name(name: str) -> None:
    assert algorithm_named(name) is NAMED[name]
