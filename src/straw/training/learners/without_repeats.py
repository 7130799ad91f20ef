"""Rollouts that ask what was not asked before: of the policy's draws those that nobody was paid for yet.

    drawn     57   12   57   46   31        in the order of their seeds
    asked     57   12        46   31        a group of four

To be paid for an equal reply again tells nothing where pay does not vary. A draw that is passed over is no episode,
since nothing is told of it, and counted with the unpaid ones. Where the policy says little else it may repeat itself: a
group is filled with what it drew first. Every rollout is written by the policy, from seeds of its place, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from straw.engines.base import Engine
from straw.rollouts.collect import SeedKey, Turns, finish, paid_by_step, sample_turns
from straw.training.sources.base import Collector, Groups, NoRollouts
from straw.types import Problem

DRAWN_AGAIN = 4  # times a group, at once, where a first draw repeats something
Said = tuple[tuple[int, ...], ...]


class WithoutRepeats(NoRollouts):
    """`known` says what has been paid for at a problem; `passed_over` counts this step's draws that were not."""

    def __init__(self, collector: Collector, engine: Engine, known: Callable[[Problem], set[Said]]) -> None:
        self.collector, self.engine, self.known = collector, engine, known
        self.passed_over = 0

    def rollouts(self, step: int) -> Groups:
        plan, self.passed_over = self.collector.plan, 0
        problems = self.collector.problems(step)
        keys = [SeedKey(plan.page.run.seed, step, group) for group in range(len(problems))]
        asked: dict[str, set[Said]] = {problem.key: set(self.known(problem)) for problem in problems}
        groups, coins = {}, {}
        for group, (problem, key) in enumerate(zip(problems, keys, strict=True)):
            chosen = self.chosen(problem, key, asked[problem.key])
            groups[group] = [finish(self.engine.chat, plan.task, problem, turns) for turns in chosen]
            coins[group] = [key.coin(sample) for sample in range(len(chosen))]
        return paid_by_step(plan.channel, keys, groups, coins)

    def chosen(self, problem: Problem, key: SeedKey, asked: set[Said]) -> list[Turns]:
        """A group, whose replies are asked from now on."""
        size = self.collector.plan.page.algorithm.group_size
        drawn = self.drawn(problem, key, range(size))
        if len(new_ones(drawn, asked)) < size:
            drawn += self.drawn(problem, key, range(size, (1 + DRAWN_AGAIN) * size))
        new = new_ones(drawn, asked)[:size]
        again = [place for place in range(len(drawn)) if place not in new]
        self.passed_over += len(drawn) - size
        asked |= {said(drawn[place]) for place in new}
        return [drawn[place] for place in [*new, *again][:size]]

    def drawn(self, problem: Problem, key: SeedKey, samples: Sequence[int]) -> list[Turns]:
        plan = self.collector.plan
        seats = [[(key, sample) for sample in samples]]
        return sample_turns(self.engine, plan.task, [problem], seats, self.collector.sampling)[0]


def said(turns: Turns) -> Said:
    return tuple(turn.reply for turn, _ in turns)


def new_ones(drawn: Sequence[Turns], asked: set[Said]) -> list[int]:
    """Places of draws that were not asked before, nor drawn before in this group."""
    first: dict[Said, int] = {}
    for place, turns in enumerate(drawn):
        first.setdefault(said(turns), place)
    return [place for reply, place in first.items() if reply not in asked]
