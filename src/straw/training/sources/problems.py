"""Which problem comes next, and which groups are learned from: functions of the page, the step and the pass rates.

    in turn       0 1 2 3 | 0 1 2 3 | ...             going on where the last step stopped
    shuffled      2 0 3 1 | 1 3 0 2 | ...             each pass anew, by (seed, pass)
    pass_rate     drawn by p (1 - p) of each problem  (pass_rates.py)

With redraws a step goes on where groups were paid all alike: as many again, at other problems, at most so many times.
All of them are episodes and in the ledger; learned from are the first that differ, as many as a batch has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING

from straw.config import Page
from straw.seeds import seed_for
from straw.tasks.base import Task
from straw.training.sources.pass_rates import PassRates
from straw.training.step import without_advantages
from straw.types import End, Problem, Rollout

if TYPE_CHECKING:
    from straw.training.plan import Plan

Group = Sequence[Rollout]
FAR = 1 << 40  # places that no run comes to, where problems never come again


def num_asked(page: Page, task: Task) -> int | None:
    """Different problems; None where they never come again."""
    known = [count for count in (task.num_problems, page.problems.only_first) if count is not None]
    return min(known, default=None)


def index_at(plan: Plan, place: int) -> int:
    """Of the problem at this place of the run, counted from 0."""
    number = num_asked(plan.page, plan.task)
    if number is None or (plan.page.problems.only_first is None and plan.page.problems.problem_order == "in_turn"):
        return place  # a task goes round by itself
    pass_, left = divmod(place, number)
    return left if plan.page.problems.problem_order == "in_turn" else shuffled(number, plan.page.run.seed, pass_)[left]


@lru_cache(maxsize=4)
def shuffled(number: int, seed: int, pass_: int) -> tuple[int, ...]:
    indices = list(range(number))
    Random(seed_for(seed, "pass", pass_)).shuffle(indices)
    return tuple(indices)


def problems_of(plan: Plan, step: int, rates: PassRates | None = None) -> list[Problem]:
    """Those of a step, one for each group."""
    size = plan.page.algorithm.batch_size
    if plan.page.problems.curriculum != "none" and rates is not None:
        return chosen(plan, step, 0, size, rates)
    return [plan.task.problem(index_at(plan, (step - 1) * size + group)) for group in range(size)]


def redrawn(plan: Plan, step: int, number: int, count: int, rates: PassRates) -> list[Problem]:
    """For the groups that are drawn again the `number`-th time."""
    if plan.page.problems.curriculum != "none":
        return chosen(plan, step, number, count, rates)
    asked = num_asked(plan.page, plan.task)
    if asked is None:
        first = FAR + (step * plan.page.problems.redraws + number) * plan.page.algorithm.batch_size
        return [plan.task.problem(first + slot) for slot in range(count)]
    random = Random(seed_for(plan.page.run.seed, "again", step, number))
    return [plan.task.problem(random.randrange(asked)) for _ in range(count)]


def chosen(plan: Plan, step: int, number: int, count: int, rates: PassRates) -> list[Problem]:
    asked = num_asked(plan.page, plan.task)
    assert asked is not None
    random = Random(seed_for(plan.page.run.seed, "curriculum", step, number))
    return [plan.task.problem(index) for index in rates.draw(keys_of(plan.task, asked), count, random)]


KEYS: dict[int, tuple[Task, list[str]]] = {}  # of one task: of thousands of problems they take a while


def keys_of(task: Task, number: int) -> Sequence[str]:
    known = KEYS.get(number)
    if known is None or known[0] is not task:
        KEYS.clear()
        KEYS[number] = known = (task, [task.problem(index).key for index in range(number)])
    return known[1]


# --- groups that are paid alike ------------------------------------------------------------------


def has_variance(group: Group) -> bool:
    """By equality, not by a deviation that float noise could leave; one that failed is compared with nobody."""
    paid = [(one.reward, one.turn_rewards) for one in group if one.end is not End.FAILED]
    return any(one != paid[0] for one in paid)


def kept_of(plan: Plan, told: Sequence[Group]) -> list[int]:
    """The places of those that are learned from; all where nothing is drawn again."""
    if not plan.page.problems.redraws:
        return list(range(len(told)))
    size = plan.page.algorithm.batch_size
    differing = [place for place, group in enumerate(told) if has_variance(group)]
    alike = [place for place, group in enumerate(told) if not has_variance(group)]
    return sorted((differing + alike)[:size])


def only(places: Iterable[int], groups: Sequence[Group]) -> list[Group]:
    return [groups[place] for place in places]


def among(places: Sequence[int], groups: Sequence[Group], learned_from: Sequence[Group]) -> list[Group]:
    """All groups in their order: those that are learned from, and the others, which move nothing."""
    known = dict(zip(places, learned_from, strict=True))
    return [known.get(place, without_advantages(group)) for place, group in enumerate(groups)]
