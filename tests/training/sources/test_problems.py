"""Which problem comes next, by hand and by counting; groups that are drawn again; and the state of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.small_runs import Parts, small_plan, train

from straw.errors import ConfigError
from straw.runs.files.jsonl import read_lines
from straw.runs.reading import read_done, read_metrics
from straw.tasks.base import Task
from straw.training.sources.base import Collector
from straw.training.sources.pass_rates import PassRates, weight_of
from straw.training.sources.problems import has_variance, index_at, kept_of, keys_of, problems_of, redrawn
from straw.training.step import without_advantages
from straw.types import End, Grade, Rollout

MANY = "num_secrets=2 batch_size=2"


def indices(words: str, count: int) -> list[int]:
    plan = small_plan(words)
    return [index_at(plan, place) for place in range(count)]


def test_in_turn_a_task_goes_round_by_itself() -> None:
    assert indices("num_secrets=4", 6) == [0, 1, 2, 3, 4, 5]
    assert indices("num_secrets=4 only_first=3", 7) == [0, 1, 2, 0, 1, 2, 0]
    assert indices("kind=sum_digits only_first=2", 4) == [0, 1, 0, 1]


def test_a_pass_has_every_problem_once_and_each_is_another_order() -> None:
    found = indices("num_secrets=7 problem_order=shuffled", 70)
    passes = [tuple(found[first : first + 7]) for first in range(0, 70, 7)]
    assert all(sorted(one) == list(range(7)) for one in passes)
    assert len(set(passes)) > 8
    assert found == indices("num_secrets=7 problem_order=shuffled", 70)
    assert found != indices("num_secrets=7 problem_order=shuffled seed=1", 70)


def test_a_step_goes_on_where_the_last_one_stopped() -> None:
    plan = small_plan("num_secrets=4 batch_size=2 problem_order=shuffled")
    found = [one.key for step in (1, 2) for one in problems_of(plan, step)]
    assert sorted(found) == [f"secret-{key}" for key in range(4)]


# --- pass rates


def group(task: Task, key: int, hits: list[bool]) -> list[Rollout]:
    return [
        Rollout(problem=task.problem(key), turns=(), replies=(), end=End.ANSWERED,
                grade=Grade(hits=(hit,), well_formed=True))
        for hit in hits
    ]  # fmt: skip


def test_a_pass_rate_by_hand() -> None:
    task, rates = small_plan("num_secrets=4").task, PassRates(decay=0.5)
    rates.observe([group(task, 0, [True, False, False, False])])
    assert rates.rates == {"secret-0": 0.375}  # half of 1/2 and half of 1/4
    rates.observe([group(task, 0, [True] * 4), group(task, 1, [False] * 4)])
    assert rates.rates == {"secret-0": 0.6875, "secret-1": 0.25}
    again = PassRates(decay=0.5)
    again.load_state_dict(rates.state_dict())
    assert again.rates == rates.rates and rates.metrics()["problems_seen"].mean == 2


def test_problems_are_drawn_by_the_variance_of_right_and_wrong() -> None:
    """Weights .25, .01, .21 and, for one that nobody tried, .25."""
    rates = PassRates()
    rates.rates = {"a": 0.5, "b": 0.0, "c": 0.3}
    keys = ["a", "b", "c", "new"]
    assert [weight_of(rates.rates.get(key, 0.5)) for key in keys] == pytest.approx([0.25, 0.01, 0.21, 0.25])
    counts = Counter(rates.draw(keys, 1, Random(seed))[0] for seed in range(4000))
    shares = [counts[place] / 4000 for place in range(4)]
    assert shares == pytest.approx([0.25 / 0.72, 0.01 / 0.72, 0.21 / 0.72, 0.25 / 0.72], abs=0.03)


def test_a_draw_takes_no_problem_twice_while_others_are_left() -> None:
    found = PassRates().draw(["a", "b", "c"], 7, Random(0))
    assert sorted(found[:3]) == sorted(found[3:6]) == [0, 1, 2]


def test_a_curriculum_comes_to_ask_what_is_right_half_of_the_time(home: Path) -> None:
    """Of forty problems three are undecided and nobody knows of the others that they are not."""
    plan = small_plan("num_secrets=40 curriculum=pass_rate batch_size=2")
    rates = PassRates()
    rates.rates = {f"secret-{key}": 0.5 if key < 3 else 0.0 for key in range(40)}
    asked = Counter(one.key for step in range(1, 200) for one in problems_of(plan, step, rates))
    assert sum(asked[f"secret-{key}"] for key in range(3)) > 0.6 * sum(asked.values())


# --- groups that are drawn again


def drawn(words: str, steps: int = 3) -> tuple[Parts, list[Any]]:
    parts = Parts(f"{MANY} redraws=2 group_size=2 {words}")
    return parts, [Collector(parts.plan, parts.params).of(step, parts.engine) for step in range(1, steps + 1)]


def test_as_many_groups_again_as_are_paid_alike(home: Path) -> None:
    parts, steps = drawn("", steps=6)
    for groups in steps:
        left = 2 - sum(map(has_variance, groups[:2]))
        assert len(groups) == 2 + left + (left - sum(map(has_variance, groups[2 : 2 + left])))
        kept = kept_of(parts.plan, groups)
        assert len(kept) == 2
        assert [has_variance(groups[place]) for place in kept].count(True) == min(2, sum(map(has_variance, groups)))
    assert len({len(groups) for groups in steps}) > 1


def test_a_redraw_is_a_function_of_its_place(home: Path) -> None:
    (_, first), (parts, _) = drawn("", steps=4), drawn("", steps=1)
    alone = Collector(parts.plan, parts.params).of(3, parts.engine)
    assert [one.replies for group in alone for one in group] == [one.replies for group in first[2] for one in group]
    together = Collector(parts.plan, parts.params).of_all([2, 3], parts.engine)
    assert together == first[1:3]
    replies = [one.turns[0].logprobs for groups in first for group in groups for one in group]
    assert len(set(replies)) > len(replies) / 4  # seeds of their own


def test_problems_without_end_are_drawn_again_from_afar() -> None:
    plan = small_plan("kind=sum_digits group_size=2 batch_size=2 redraws=2")
    keys = [one.key for step in (1, 2) for number in (1, 2) for one in redrawn(plan, step, number, 2, PassRates())]
    asked = [one.key for step in range(1, 50) for one in problems_of(plan, step)]
    assert len(set(keys)) == 8 and not set(keys) & set(asked)


def test_every_draw_is_an_episode_and_in_the_ledger_and_moves_nothing_alike(home: Path, tmp_path: Path) -> None:
    words = f"{MANY} algorithm=dapo group_size=2 n_batches=4 eval_every=4 reward_type=binary"
    finished = train(tmp_path / "run", words)
    rollouts, rows = list(read_lines(finished.folder / "rollouts.jsonl")), read_metrics(finished.folder)
    assert len(rollouts) == rows[-1]["episodes"] == finished.episodes > 4 * 4
    done = read_done(finished.folder)
    assert done and done["episodes"] == finished.episodes
    assert sum(row.get("redrawn_groups", 0) for row in rows) == (finished.episodes - 16) / 2
    assert rows[-1]["ledger/capacity_bits"] == finished.episodes  # a bit each
    assert sum(any(one["advantages"]) for one in rollouts) <= 16


def test_what_is_not_learned_from_has_no_advantage(home: Path) -> None:
    _, (groups,) = drawn("", steps=1)
    assert all(one.advantages == (0.0,) for one in without_advantages(groups[0]))
    assert kept_of(small_plan(MANY), groups) == list(range(len(groups)))  # without redraws all are


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("curriculum=pass_rate kind=sum_digits", "never do; got curriculum=pass_rate. Write for example only_first"),
        ("problem_order=shuffled kind=sum_digits", "never do; got problem_order=shuffled"),
        ("curriculum=pass_rate problem_order=shuffled", "chooses problems by itself"),
        ("curriculum=pass_rate algorithm=sft", "goes by rollouts"),
        ("redraws=2 algorithm=surrogate", "nothing to a policy gradient alone"),
        ("redraws=2 group_size=1 batch_size=2", "a group of one has no variance"),
        ("curriculum=pass_rate engine=monarch max_lag=1", "with max_lag=1. Write max_lag=0"),
    ],
)
def test_who_has_no_choice_is_told_so(words: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        small_plan(words)


def test_passes_over_the_first_problems_are_counted() -> None:
    assert small_plan("num_secrets=9 only_first=4 batch_size=2 num_epochs=3").page.run.n_batches == 6


def test_what_is_said_of_pass_rates_is_how_many_are_known_and_their_mean() -> None:
    rates = PassRates()
    assert rates.metrics() == {}
    rates.observe([group(small_plan("num_secrets=4").task, key, [hit]) for key, hit in ((0, True), (1, False))])
    assert rates.rates == {"secret-0": pytest.approx(0.65), "secret-1": pytest.approx(0.35)}  # 0.7 of a half each
    rates.rates["secret-1"] = 0.05
    assert {name: one.mean for name, one in rates.metrics().items()} == {
        "problems_seen": 2, "pass_rate": pytest.approx(0.35)
    }  # fmt: skip


def test_a_group_is_alike_where_every_turn_was_paid_alike() -> None:
    (one,) = group(small_plan("num_secrets=4").task, 0, [True])
    paid = [replace(one, rewards={"a": 1.0}, turn_rewards=turns) for turns in ((1.0, 0.0), (0.0, 1.0))]
    assert has_variance(paid) and not has_variance([paid[0]] * 3) and not has_variance(paid[:1])


def test_one_that_failed_is_compared_with_nobody_so_it_makes_no_difference() -> None:
    (one,) = group(small_plan("num_secrets=4").task, 0, [True])
    right, wrong = replace(one, rewards={"a": 1.0}), replace(one, rewards={"a": 0.5})
    failed = replace(one, rewards={}, end=End.FAILED)
    assert not has_variance([failed, right, right]) and not has_variance([failed, failed])
    assert has_variance([failed, right, wrong])


def test_keys_are_those_of_the_task_that_is_asked() -> None:
    first, other = (small_plan(words).task for words in ("num_secrets=4", "kind=countdown"))
    assert list(keys_of(first, 3)) == [f"secret-{key}" for key in range(3)]
    assert list(keys_of(other, 3)) == [other.problem(index).key for index in range(3)]
    assert list(keys_of(first, 4)) == [f"secret-{key}" for key in range(4)]


def test_a_curriculum_chooses_what_is_drawn_again_too_by_places_of_its_own() -> None:
    plan, rates = small_plan("num_secrets=40 curriculum=pass_rate batch_size=4 group_size=2 redraws=2"), PassRates()
    rates.rates = {f"secret-{key}": 0.5 if key < 5 else 0.0 for key in range(40)}
    first = [one.key for step in range(1, 60) for one in problems_of(plan, step, rates)]
    again = [one.key for step in range(1, 60) for number in (1, 2) for one in redrawn(plan, step, number, 2, rates)]
    assert len(again) == 59 * 4 and again != first
    assert sum(key in {f"secret-{one}" for one in range(5)} for key in again) > 0.5 * len(again)
    assert [one.key for one in redrawn(plan, 3, 1, 2, rates)] == [one.key for one in redrawn(plan, 3, 1, 2, rates)]
