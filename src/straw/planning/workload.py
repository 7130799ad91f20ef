"""What a step asks of generators: who is given which rollouts, and what that costs.

    exact     every step is cut into shares, one for each generator, as `engines.monarch.samplers` cuts it
    free      pieces of some groups, for whoever has nothing to do, as `training.sources.free` cuts them

How long a reply is, is drawn from those that were measured, by the number of the step: the same for any number of
generators, so that plans can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from straw.config import Page
from straw.engines.local.engine import MAX_ROWS
from straw.engines.monarch.samplers import shares
from straw.errors import ConfigError
from straw.planning.costs import TILE, Costs

BLOCK = 256
Lengths = np.ndarray  # [rollouts, turns] tokens of each reply; 0 where a rollout was over


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Of a page, what decides how long a step takes."""

    groups: int
    group_size: int
    max_lag: int = 0
    is_free: bool = False
    updates: int = 1  # optimizer steps of a batch
    rows_at_once: int | None = None
    device: str = "cpu"
    is_one_problem: bool = False  # then all groups are read together

    @property
    def rollouts(self) -> int:
        return self.groups * self.group_size

    @property
    def slots(self) -> int:
        """Of memory for versions (see `engines.monarch.trainer`)."""
        return max(2, self.max_lag + 1)

    @property
    def pace(self) -> str:
        return "free" if self.is_free else f"{self.max_lag} ahead" if self.max_lag else "exact"


def workload_of(page: Page, num_problems: int | None) -> Workload:
    algorithm, engine = page.algorithm, page.engine
    return Workload(
        groups=algorithm.batch_size, group_size=algorithm.group_size, max_lag=engine.max_lag,
        is_free=engine.pace == "free" and engine.max_lag > 0, updates=algorithm.updates_per_batch,
        rows_at_once=engine.rows_at_once, device=page.model.device.partition(":")[0],
        is_one_problem=num_problems == 1,
    )  # fmt: skip


def check_is_planned(page: Page, is_supervised: bool) -> None:
    """A page that has no generators has nothing to plan."""
    if is_supervised:
        raise ConfigError(
            f"a plan is about generators, and algorithm={page.algorithm.algorithm} has none: supervised learning "
            "samples nothing. Take a page that learns from rewards."
        )
    if page.engine.engine not in ("local", "monarch"):
        raise ConfigError(
            f"a plan is about generators of engine=monarch, and engine={page.engine.engine} has none: leave engine out"
        )
    if page.engine.fresh_weights:
        raise ConfigError("a plan knows no weights that change between two tokens: leave fresh_weights=true out")


def lengths_of(costs: Costs, step: int, count: int) -> Lengths:
    """Of the rollouts of a step."""
    known = as_array(costs.replies)
    return known[np.random.default_rng(step).integers(len(known), size=count)]


@lru_cache(maxsize=64)
def lengths_in_block(costs: Costs, block: int, group_size: int) -> Lengths:
    """Of the first turns of BLOCK groups: drawn one by one they would take most of a plan's time."""
    return lengths_of(costs, block, BLOCK * group_size)[:, 0].reshape(BLOCK, group_size)


@lru_cache(maxsize=8)
def as_array(replies: tuple[tuple[int, ...], ...]) -> Lengths:
    known = np.zeros((len(replies), max(map(len, replies))))
    for row, turns in zip(known, replies, strict=True):
        row[: len(turns)] = turns
    return known


def mean_lengths(costs: Costs) -> tuple[tuple[int, ...], ...]:
    """Every reply as long as all are in the mean: nobody waits for the slowest."""
    turns = [max(1, round(costs.mean_tokens / costs.max_turns))] * costs.max_turns
    return (tuple(turns),)


@dataclass(frozen=True, slots=True)
class Piece:
    """Of work, for one generator."""

    generator: int
    seconds: float


Round = list[Piece]  # pieces that are done at once; the next round begins when the last of them is answered


def rounds(work: Workload, costs: Costs, step: int, generators: int) -> Iterator[Round]:
    """A step in exact pace: one round of single turns, or one for every turn of every problem."""
    groups = 1 if work.is_one_problem else work.groups
    lengths = lengths_of(costs, step, work.rollouts).reshape(groups, work.rollouts // groups, costs.max_turns)
    if costs.max_turns == 1:
        yield single_turn(work, costs, lengths[:, :, 0], generators)
        return
    for group in lengths:
        yield from conversation(costs, group, generators)


def single_turn(work: Workload, costs: Costs, lengths: Lengths, generators: int) -> Round:
    """Whole groups where there are enough of them, else every group's rollouts are shared out."""
    groups, size = lengths.shape
    if groups < generators:
        parts = [lengths[:, start:end] for start, end in shares(size, generators)]
    else:
        pieces = 1 if work.rows_at_once else -(-groups // (generators * max(1, MAX_ROWS // size)))
        parts = [lengths[start:end] for start, end in shares(groups, generators * pieces)]
    return [Piece(i % generators, sampling_s(work, costs, part)) for i, part in enumerate(parts)]


def sampling_s(work: Workload, costs: Costs, lengths: Lengths) -> float:
    """Of a generator, for these groups."""
    flat = lengths.ravel()
    if work.rows_at_once is not None and work.rows_at_once < flat.size:
        return costs.decoding(len(lengths), *in_slots(flat, max(TILE, work.rows_at_once)))
    return costs.decoding(len(lengths), *together(flat))


def together(flat: Lengths) -> tuple[float, float]:
    """Tokens of the longest, and of all rows that are computed: those that are done leave, down to TILE."""
    longest = float(flat.max())
    if flat.size <= TILE:
        return longest, TILE * longest
    return longest, TILE * longest + float(np.sort(flat)[: flat.size - TILE].sum())


def in_slots(flat: Lengths, slots: int) -> tuple[float, float]:
    """Where a row that is done gives its slot to the next."""
    ends = np.zeros(slots)
    for length in flat:
        ends[ends.argmin()] += length
    return float(ends.max()), max(float(flat.sum()), TILE * float(ends.max()))


def conversation(costs: Costs, group: Lengths, generators: int) -> Iterator[Round]:
    """All rollouts at one problem take their turns together."""
    parts = shares(len(group), generators)
    last = int((group > 0).sum(1).max())
    for turn in range(last):
        talking = [group[start:end, turn] for start, end in parts]
        yield [
            Piece(i, costs.decoding(turn == 0, part.max(), max(TILE, part.size) * part.max()))
            for i, part in enumerate(talking)
        ]
        if turn < last - 1:  # what is answered is read, and those of other turns wait for it
            yield [Piece(i, costs.decoding(0, 1, max(TILE, end - start))) for i, (start, end) in enumerate(parts)]


def piece_of_groups(work: Workload, costs: Costs, numbers: Sequence[int]) -> tuple[float, int]:
    """In free pace: seconds of a generator, and rollouts."""
    lengths = np.stack(
        [lengths_in_block(costs, number // BLOCK, work.group_size)[number % BLOCK] for number in numbers]
    )
    lengths = lengths.reshape(1, -1) if work.is_one_problem else lengths
    return sampling_s(work, costs, lengths), lengths.size
