"""Which place of the run a group has, whoever draws it: seeds, problems and the choice of a source, by hand."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from straw.seeds import seed_for
from straw.training.sources import problems as problems_module
from straw.training.sources.base import Collector, NoRollouts
from straw.training.sources.pass_rates import PassRates, weight_of
from straw.training.sources.problems import (
    FAR,
    among,
    index_at,
    kept_of,
    num_asked,
    only,
    problems_of,
    redrawn,
    shuffled,
)
from straw.types import End, Grade, Message, Problem, Rollout, Turn


class Numbers:
    """A task whose problems are their numbers."""

    name, max_turns = "numbers", 1

    def __init__(self, num_problems: int | None = None) -> None:
        self.num_problems = num_problems

    def problem(self, index: int) -> Problem:
        return Problem(key=str(index), messages=(Message("user", "?"),), reference=("1",))


def plan_of(num_problems: int | None = None, **options: Any) -> Any:
    told = {
        "batch_size": 2, "group_size": 3, "redraws": 0, "only_first": None, "problem_order": "in_turn",
        "curriculum": "none", "seed": 7, "n_batches": 4, "max_lag": 0, "pace": "in_step", "device": "cpu",
        "generator": "straw", "num_generators": 1, **options,
    }  # fmt: skip
    page = SimpleNamespace(
        **dict.fromkeys(("algorithm", "problems", "run", "engine", "model"), SimpleNamespace(**told))
    )
    channel = SimpleNamespace(reads_replies=False)
    return SimpleNamespace(page=page, task=Numbers(num_problems), channel=channel, episodes_per_step=6, is_sft=False)


def rollout(reward: float = 0.0, key: str = "0", versions: tuple[int, ...] = (0,)) -> Rollout:
    turns = tuple(Turn(prompt=(1,), reply=(2,), logprobs=(-1.0,), policy_version=one) for one in versions)
    return Rollout(
        problem=Problem(key=key, messages=(Message("user", "?"),), reference=("1",)), turns=turns,
        replies=("1",) * len(turns), end=End.ANSWERED, grade=Grade(hits=(reward == 1,), well_formed=True),
        rewards={"paid": reward}, advantages=(reward,) * len(turns),
    )  # fmt: skip


ALIKE, DIFFERING = [rollout(0.5), rollout(0.5)], [rollout(0.0), rollout(1.0)]


class Drawn:
    """What a collector was asked for, in calls; groups differ by turns as `outcomes` says, then all are alike."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *outcomes: bool) -> None:
        self.calls: list[tuple[list[str], list[tuple[int, int, int]]]] = []
        remaining = list(outcomes)

        def collected(collector: Any, problems: Any, seed_keys: Any, sampler: Any) -> Any:
            self.calls.append(([one.key for one in problems], [(key.seed, key.step, key.group) for key in seed_keys]))
            return [DIFFERING if remaining and remaining.pop(0) else ALIKE for _ in seed_keys]

        monkeypatch.setattr(Collector, "collected", collected)


def collector_of(plan: Any) -> Collector:
    sampling: Any = SimpleNamespace(max_tokens=5)
    return Collector(plan, sampling)


SAMPLER: Any = None


def test_groups_of_several_steps_are_drawn_at_once_each_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Drawn(monkeypatch)
    found = collector_of(plan_of()).of_all([2, 3], SAMPLER)
    assert [len(groups) for groups in found] == [2, 2]
    assert drawn.calls == [(["2", "3", "4", "5"], [(7, 2, 0), (7, 2, 1), (7, 3, 0), (7, 3, 1)])]


def test_as_many_are_drawn_again_as_are_paid_alike_in_places_behind_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two groups one differs; neither does the one that is drawn again, and of the next it does."""
    drawn = Drawn(monkeypatch, True, False, False, True)
    found = collector_of(plan_of(redraws=3)).of(2, SAMPLER)
    assert [one is DIFFERING for one in found] == [True, False, False, True]
    first, second, third = drawn.calls
    assert first == (["2", "3"], [(7, 2, 0), (7, 2, 1)])
    assert second == ([str(FAR + (2 * 3 + 1) * 2)], [(7, 2, 2)])
    assert third == ([str(FAR + (2 * 3 + 2) * 2)], [(7, 2, 4)])


def test_nothing_is_drawn_again_more_often_than_a_page_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    for redraws, calls in ((0, 1), (1, 2), (3, 4)):
        drawn = Drawn(monkeypatch)
        assert len(collector_of(plan_of(redraws=redraws)).of(1, SAMPLER)) == 2 * calls == 2 * len(drawn.calls)


def test_groups_that_are_counted_through_the_run_have_the_places_of_their_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = Drawn(monkeypatch)
    collector_of(plan_of(num_problems=4, only_first=3)).of_groups([0, 1, 2, 5], SAMPLER)
    assert drawn.calls == [(["0", "1", "2", "2"], [(7, 1, 0), (7, 1, 1), (7, 2, 0), (7, 3, 1)])]


def test_where_nothing_is_sampled_there_is_nothing_to_say() -> None:
    nothing = NoRollouts()
    with nothing.opened():
        assert (nothing.rollouts(1), nothing.facts(), nothing.state()) == ([], {}, {})


# --- problems


def test_as_many_problems_are_asked_as_there_are_or_as_the_page_wants() -> None:
    for there_are, only_first, asked in ((None, None, None), (5, None, 5), (None, 3, 3), (5, 3, 3), (5, 9, 5)):
        plan = plan_of(there_are, only_first=only_first)
        assert num_asked(plan.page, plan.task) == asked


def test_a_shuffled_pass_is_a_function_of_seed_and_pass() -> None:
    indices = list(range(5))
    Random(seed_for(7, "pass", 2)).shuffle(indices)
    assert shuffled(5, 7, 2) == tuple(indices)
    plan = plan_of(5, problem_order="shuffled")
    assert [index_at(plan, 10 + place) for place in range(5)] == indices
    assert [index_at(plan_of(None, problem_order="shuffled"), place) for place in (0, 9)] == [0, 9]


def test_steps_ask_for_problems_one_behind_the_other() -> None:
    assert [[one.key for one in problems_of(plan_of(), step)] for step in (1, 2, 3)] == [
        ["0", "1"], ["2", "3"], ["4", "5"],
    ]  # fmt: skip


def test_a_curriculum_draws_by_seed_step_and_draw_and_without_rates_there_is_none() -> None:
    plan, rates = plan_of(5, curriculum="pass_rate"), PassRates()
    for number in (0, 2):
        random = Random(seed_for(7, "curriculum", 3, number))
        expected = [str(place) for place in rates.draw(["0", "1", "2", "3", "4"], 2, random)]
        drawn = redrawn(plan, 3, number, 2, rates) if number else problems_of(plan, 3, rates)
        assert [one.key for one in drawn] == expected
    assert [one.key for one in problems_of(plan, 3)] == ["4", "5"]


def test_problems_that_come_again_are_drawn_again_by_seed_step_and_draw() -> None:
    random = Random(seed_for(7, "again", 3, 2))
    expected = [str(random.randrange(3)) for _ in range(4)]
    assert [one.key for one in redrawn(plan_of(9, only_first=3), 3, 2, 4, PassRates())] == expected


def test_keys_of_a_task_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    task, asked = Numbers(3), list[int]()
    problem = task.problem

    def counted(index: int) -> Problem:
        asked.append(index)
        return problem(index)

    monkeypatch.setattr(task, "problem", counted)
    assert problems_module.keys_of(task, 3) == problems_module.keys_of(task, 3) == ["0", "1", "2"]  # type: ignore[arg-type]
    assert asked == [0, 1, 2]


def test_learned_from_are_the_first_that_differ_and_then_the_first_of_the_others() -> None:
    plan = plan_of(redraws=1)
    assert kept_of(plan, [ALIKE, DIFFERING, ALIKE, DIFFERING, DIFFERING]) == [1, 3]
    assert kept_of(plan, [ALIKE, ALIKE, ALIKE, DIFFERING]) == [0, 3]
    assert kept_of(plan, [ALIKE, ALIKE, ALIKE]) == [0, 1]
    assert kept_of(plan_of(), [ALIKE, DIFFERING, ALIKE]) == [0, 1, 2]


def test_others_stand_in_their_places_without_an_advantage() -> None:
    groups = [DIFFERING, ALIKE, [rollout(1.0)]]
    assert only([2, 0], groups) == [groups[2], groups[0]]
    learned = [[rollout(3.0)], [rollout(4.0)]]
    found = among([0, 2], groups, learned)
    assert (found[0], found[2]) == (learned[0], learned[1])
    assert [one.advantages for one in found[1]] == [(0.0,), (0.0,)] and len(found) == 3


# --- pass rates


def test_a_problem_that_is_always_right_or_never_is_still_drawn_with_a_hundredth() -> None:
    rates = (0.0, 1.0, 0.5, 0.25, 0.005)
    assert [weight_of(rate) for rate in rates] == pytest.approx([0.01, 0.01, 0.25, 0.1875, 0.01])


def test_rates_fall_by_what_a_page_says_and_by_seven_tenths_else() -> None:
    assert PassRates().decay == 0.7
    rates = PassRates(decay=0.25)
    rates.observe([[rollout(1.0), rollout(0.0), rollout(0.0), rollout(1.0)], [rollout(1.0, "1")]])
    assert rates.rates == {"0": 0.5, "1": 0.875}
    again = PassRates()
    again.load_state_dict({})
    assert again.rates == {} and rates.state_dict() == {"rates": rates.rates}


def test_a_draw_takes_every_problem_once_before_any_comes_again_whatever_its_weight() -> None:
    rates = PassRates()
    rates.rates = {"a": 0.5, "b": 0.0}
    for seed in range(20):
        found = rates.draw(["a", "b"], 4, Random(seed))
        assert sorted(found[:2]) == sorted(found[2:]) == [0, 1]
    assert rates.draw(["a", "b"], 0, Random(0)) == []
