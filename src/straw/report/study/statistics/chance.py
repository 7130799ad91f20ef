"""Whether luck alone could make the differences between conditions: permutation tests, exact for any number of runs.

    ranks        what a run stands for beside all the others: a time by the log-rank test, a height by its place
    urn          the runs that change places: those of one secret (and one seed) where every condition has them, if so
                 few places can be unlikely at all, or else all runs
    p            how often runs that change places differ as much

Runs of one seed guess alike until they are paid differently, so that two conditions that share their seeds may be
nearly one sample twice. Within a secret and a seed they tell what they differ by; as two samples of all runs the test
would be right as well, but blind. Where so few runs have so few ways to change places that none could be unlikely,
nothing is asked.

Example: 1 2 3 against 7 8 9 has 20 ways to lie, of which 2 are as far apart: p = 0.1, and no three runs a side can do
better; four a side can: 2 / 70.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from math import comb, factorial
from typing import NamedTuple

import numpy as np

from straw.report.study.load_runs import Array, Seen
from straw.report.study.statistics.times import Times

DRAWS, FEWEST_DRAWS, ROOM = 9999, 999, 5_000_000
MANY = 150  # runs: with more the distribution is known well enough without drawing
UNLIKELY = 0.05
CLOSE = 1e-9


class Ranked(NamedTuple):
    """All runs of some conditions: what each stands for, which condition it is of, and which urn it lies in."""

    scores: Array
    group: np.ndarray
    urn: np.ndarray

    @property
    def num_groups(self) -> int:
        return int(self.group.max()) + 1

    @property
    def sizes(self) -> Array:
        return np.bincount(self.group).astype(float)

    def only(self, groups: Sequence[int]) -> Ranked:
        """Some of the conditions, in that order, with what their runs stood for among all."""
        place = {one: number for number, one in enumerate(groups)}
        kept = np.array([one in place for one in self.group])
        group = np.array([place[one] for one in self.group[kept]])
        return Ranked(self.scores[kept], group, self.urn[kept])


def same_pace(*samples: Times, unlikely: float = UNLIKELY) -> float | None:
    """The p that all of them take equally long; None where so few runs could not tell."""
    return chance_of(ranked_times(samples, unlikely), unlikely)


def ranked_times(samples: Sequence[Times], unlikely: float = UNLIKELY) -> Ranked:
    shared = equally_watched(samples)
    scores = log_rank_scores(*(np.concatenate(parts) for parts in zip(*shared, strict=True)))
    return ranked(scores, [one.runs for one in samples], unlikely)


def ranked_heights(samples: Sequence[Array], runs: Sequence[Sequence[Seen]], unlikely: float = UNLIKELY) -> Ranked:
    """The highest first; equals share their places."""
    from scipy.stats import rankdata

    return ranked(rankdata(np.concatenate(samples)), runs, unlikely)


def ranked(scores: Array, runs: Sequence[Sequence[Seen]], unlikely: float) -> Ranked:
    """In the smallest urns by which anything could be so unlikely."""
    group = np.repeat(np.arange(len(runs)), [len(some) for some in runs])
    found = [Ranked(np.asarray(scores - scores.mean()), group, urn) for urn in urns_of(runs)]
    return next((one for one in found if can_tell(one, unlikely)), found[-1])


def equally_watched(samples: Sequence[Times]) -> list[tuple[Array, np.ndarray]]:
    """Nobody is watched longer than the others: what came later in one of them would have been missed in another."""
    watched = [one.episodes[~one.happened] for one in samples]
    until = min((float(some.max()) for some in watched if len(some)), default=np.inf)
    return [(np.minimum(one.episodes, until), one.happened & (one.episodes <= until)) for one in samples]


def log_rank_scores(times: Array, happened: np.ndarray) -> Array:
    """1 for one that happened, less the hazard that all had passed by then: their sums are the log-rank test."""
    _, place, count = np.unique(times, return_inverse=True, return_counts=True)
    at_risk = np.cumsum(count[::-1])[::-1]
    events = np.bincount(place, weights=happened.astype(float))
    passed = np.cumsum(events / at_risk)
    return np.asarray(happened - passed[place])


def urns_of(runs: Sequence[Sequence[Seen]]) -> Iterator[np.ndarray]:
    """By secret and seed where all conditions have the same ones, by secret where they have those, and one for all."""
    for keys in (
        [[(run.secret, run.seed) for run in some] for some in runs],
        [[(run.secret, "") for run in some] for some in runs],
    ):
        if len({tuple(sorted(some)) for some in keys}) == 1:
            yield numbered([key for some in keys for key in some])
    yield np.zeros(sum(map(len, runs)), dtype=int)


def numbered(keys: Sequence[Hashable]) -> np.ndarray:
    places = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([places[key] for key in keys])


# --- the test ------------------------------------------------------------------------------------


def chance_of(runs: Ranked, unlikely: float = UNLIKELY) -> float | None:
    """The p of all conditions together."""
    if not can_tell(runs, unlikely) or np.ptp(runs.scores) < CLOSE:
        return None
    precision = np.asarray(np.linalg.pinv(covariance(runs)), dtype=float)
    sums = sums_of(runs.scores[None], runs)
    if len(runs.scores) > MANY:
        from scipy.stats import chi2

        return float(chi2.sf(distance(sums, precision)[0], runs.num_groups - 1))
    return share(distance(sums_of(shuffled(runs), runs), precision), distance(sums, precision)[0])


def chance_of_range(runs: Ranked) -> float:
    """The p that the highest and the lowest mean lie as far apart."""
    drawn = np.ptp(sums_of(shuffled(runs), runs) / runs.sizes, axis=1)
    return share(drawn, float(np.ptp(sums_of(runs.scores[None], runs) / runs.sizes)))


def can_tell(runs: Ranked, unlikely: float) -> bool:
    """Whether any outcome of so many runs would be unlikely enough."""
    return runs.num_groups > 1 and least_chance(runs) <= unlikely


def least_chance(runs: Ranked) -> float:
    """Of all ways to deal the runs of each urn to the conditions, how many look like the most extreme one."""
    ways, sizes = 1, runs.sizes.astype(int)
    for urn in np.unique(runs.urn):
        left = 0
        for count in np.bincount(runs.group[runs.urn == urn], minlength=runs.num_groups):
            left += int(count)
            ways *= comb(left, int(count))
    names = factorial(runs.num_groups) if len(set(sizes)) == 1 else 1
    return min(1.0, names / ways)


def share(drawn: Array, seen: float) -> float:
    """What was seen counts among the draws, so that nothing is ever impossible."""
    return float((1 + (drawn >= seen - CLOSE).sum()) / (1 + len(drawn)))


def distance(sums: Array, precision: Array) -> Array:
    return np.asarray(np.einsum("ni,ij,nj->n", sums, precision, sums))


def sums_of(scores: Array, runs: Ranked) -> Array:
    """For each row of scores the sum of every condition."""
    return np.stack([scores[:, runs.group == one].sum(axis=1) for one in range(runs.num_groups)], axis=1)


def shuffled(runs: Ranked) -> Array:
    """Rows in which the runs of each urn have changed places; the same ones in every report."""
    rng = np.random.default_rng(0)
    rows = np.tile(runs.scores, (min(DRAWS, max(FEWEST_DRAWS, ROOM // len(runs.scores))), 1))
    for urn in np.unique(runs.urn):
        there = np.flatnonzero(runs.urn == urn)
        rows[:, there] = rng.permuted(rows[:, there], axis=1)
    return rows


def covariance(runs: Ranked) -> Array:
    """Of the sums, over all ways to deal the runs of each urn."""
    spread = np.zeros((runs.num_groups, runs.num_groups))
    for urn in np.unique(runs.urn):
        there = runs.urn == urn
        scores, count = runs.scores[there], int(there.sum())
        if count > 1:
            part = np.bincount(runs.group[there], minlength=runs.num_groups) / count
            spread += count * scores.var(ddof=1) * (np.diag(part) - np.outer(part, part))
    return spread
