"""What holds a plan back: each part is made twice as good, by itself, and whichever brings most is the bottleneck.

A part that is busy for a twenty-fifth of the time cannot bring a fiftieth, and is not tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from straw.planning.costs import TILE, Costs
from straw.planning.layout import Layout
from straw.planning.simulation.outcome import Outcome
from straw.planning.simulation.run import simulate
from straw.planning.workload import Workload, mean_lengths

Case = tuple[Workload, Costs, Layout]
LEAST_SHARE, LEAST_GAIN = 0.04, 0.02
WRITING, TRAINING = ("call_s", "prompt_s", "token_s", "row_s"), ("train_s", "update_s")
MESSAGES, DIRECTING = ("message_s", "latency_s"), ("grade_s", "keep_s", "step_s")
WEIGHTS = ("weights_mb", "take_s", "show_s")
SAME = 1.15  # what looks alike within that: slow generators on too few processors, fixed costs of a small batch
RANK = {"processors": SAME, "batch": 1 / SAME}  # the former are named, the latter only where nothing else is


@dataclass(frozen=True, slots=True)
class Part:
    """`better`: the same plan with this part twice as good; `matters`: whether it could be of any use."""

    name: str
    better: Callable[[Workload, Costs, Layout], Case]
    matters: Callable[[Outcome, Workload, Layout], bool]
    words: Callable[[Workload, Costs, Layout], str]


def half(*names: str) -> Callable[[Workload, Costs, Layout], Case]:
    return lambda work, costs, layout: (work, costs.scaled(names, 0.5), layout)


PARTS = (
    Part("generators", half(*WRITING), lambda found, *_: found.waiting > 0.0,
         lambda work, costs, layout: f"generators: {layout.generators} do not write fast enough"),
    Part("trainer", half(*TRAINING), lambda found, *_: found.trainer_idle < 1.0 - LEAST_SHARE,
         lambda work, costs, layout: "the trainer: it learns from rollouts more slowly than they are written"),
    Part("messages", half(*MESSAGES), lambda found, *_: True,
         lambda work, costs, layout: f"controller messages: {messages(work, layout):,} a step"),
    Part("directing", half(*DIRECTING), lambda found, *_: found.directing_busy > LEAST_SHARE,
         lambda work, costs, layout: f"the directing process: it grades and keeps {work.rollouts:,} rollouts a step"),
    Part("weights", half(*WEIGHTS), lambda found, *_: found.sync_s > LEAST_SHARE * found.step_s,
         lambda work, costs, layout: f"weight pushes: {costs.weights_mb:,.0f} MB to {layout.others:,} other machines"
         if layout.others else "weights: to show and to take them"),
    Part("slowest", lambda work, costs, layout: (work, replace(costs, replies=mean_lengths(costs)), layout),
         lambda found, work, layout: found.waiting > 0.0,
         lambda work, costs, layout: "the slowest reply: everybody waits for it"),
    Part("processors", lambda work, costs, layout: (work, costs, replace(layout, cores=2 * layout.cores)),
         lambda found, work, layout: 2 + layout.on(0) > layout.cores or layout.on(layout.others) > layout.cores,
         lambda work, costs, layout: f"processors: {2 + layout.on(0):,} processes share {layout.cores:g}"),
    Part("batch", lambda work, costs, layout: (replace(work, groups=2 * work.groups), costs, layout),
         lambda found, work, layout: work.rollouts < TILE * layout.generators,
         lambda work, costs, layout: f"the batch: a step has {work.rollouts:,} rollouts for {layout.generators:,}"),
)  # fmt: skip


def messages(work: Workload, layout: Layout) -> int:
    """Pieces of work, and where weights travel one to every generator that they are there."""
    return min(layout.generators, work.rollouts) + (layout.generators if layout.others else 0)


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """`gains`: by how much more a plan would do with a part twice as good, by the part's name."""

    name: str
    words: str
    gains: dict[str, float]


def bottleneck_of(work: Workload, costs: Costs, layout: Layout, found: Outcome) -> Bottleneck:
    gains: dict[str, float] = {}
    as_it_is = simulate(work, costs, layout, is_quick=True).rollouts_per_s
    for part in PARTS:
        if part.matters(found, work, layout):
            better = simulate(*part.better(work, costs, layout), is_quick=True)
            gains[part.name] = better.rollouts_per_s / as_it_is - 1.0
    first = max(PARTS, key=lambda part: gains.get(part.name, 0.0) * RANK.get(part.name, 1.0))
    if gains.get(first.name, 0.0) < LEAST_GAIN:
        return Bottleneck("none", "nothing alone: no part would bring a fiftieth", gains)
    words = first.words(work, costs, layout)
    if first.name == "generators":
        more = simulate(work, costs, replace(layout, generators=2 * layout.generators), is_quick=True)
        if more.rollouts_per_s < (1.0 + LEAST_GAIN) * as_it_is:
            words += ", and more of them write no faster: a larger batch, or faster ones"
    return Bottleneck(first.name, words, gains)
