"""The many words for one batch, and how many batches a run has.

batch_size              the one number that the rest of straw reads: groups in a batch
samples_per_step        rollouts in a batch                             = batch_size * group_size
problems_at_once (bs)   groups in a micro step, accumulation (gc) of them a batch
num_epochs              passes over the problems, which become n_batches
"""

from __future__ import annotations

from collections.abc import Collection
from math import log2

from straw.algorithms.row import Algorithm
from straw.config import Page, Tuning, Values
from straw.errors import ConfigError


def batch_values(page: Page, named: Collection[str]) -> Values:
    """Other words become batch_size; a batch of digits has as many rollouts as there are generators."""
    return micro_values(page, named) or sample_values(page, named)


def micro_values(page: Page, named: Collection[str]) -> Values:
    """A batch is problems_at_once groups, accumulation times."""
    algorithm = page.algorithm
    if algorithm.problems_at_once is None and algorithm.accumulation is None:
        return {}
    wanted = (algorithm.problems_at_once or 1) * (algorithm.accumulation or 1)
    has_samples = algorithm.samples_per_step is not None
    if has_samples or ("batch_size" in named and algorithm.batch_size != wanted):
        other = "samples_per_step" if has_samples else "batch_size"
        raise ConfigError(
            f"a batch is problems_at_once groups (bs), accumulation times (gc), {wanted} here; got "
            f"{other}={getattr(algorithm, other)} as well. Leave one of them out."
        )
    return {"batch_size": wanted, "problems_at_once": None, "accumulation": None}


def sample_values(page: Page, named: Collection[str]) -> Values:
    algorithm, wanted = page.algorithm, page.algorithm.samples_per_step
    if wanted is None:
        if not page.task.is_asked_by_generators or "batch_size" in named:
            return {}
        return {"batch_size": -(-page.engine.num_generators // algorithm.group_size)}
    has_other = "batch_size" in named and algorithm.batch_size * algorithm.group_size != wanted
    if wanted % algorithm.group_size or has_other:
        with_batch = f" and batch_size={algorithm.batch_size}" if "batch_size" in named else ""
        raise ConfigError(
            f"samples_per_step is batch_size groups of group_size; got samples_per_step={wanted} with "
            f"group_size={algorithm.group_size}{with_batch}. Leave batch_size out, and choose a multiple of group_size."
        )
    return {"batch_size": wanted // algorithm.group_size, "samples_per_step": None}


def num_batches(page: Page, named: Collection[str], num_problems: int | None) -> int | None:
    """num_epochs becomes n_batches; what is left over of a pass begins no batch."""
    run = page.run
    if run.num_epochs is None:
        return run.n_batches
    if num_problems is None:
        raise ConfigError(
            f"num_epochs counts passes over all problems, and those of {page.task.kind} never repeat; got "
            f"num_epochs={run.num_epochs}. Write n_batches."
        )
    wanted = max(1, run.num_epochs * num_problems // page.algorithm.batch_size)
    if "n_batches" in named and run.n_batches not in (None, wanted):
        raise ConfigError(
            f"num_epochs={run.num_epochs} of {num_problems} problems are {wanted} batches of "
            f"{page.algorithm.batch_size}; got n_batches={run.n_batches}. Leave one of them out."
        )
    return wanted


SOME_BATCHES = 100  # where nobody knows how long a task takes
LUCK, LEARNERS_LUCK = 6.0, 1.5  # times N: six times the mean of a uniform guesser; who tries nothing twice


def enough_batches(page: Page, row: Algorithm, tuning: Tuning, is_luck: bool) -> int:
    """Time to find a listed answer by luck grows with their number, by a reward that says more with its bits."""
    space = page.task.space
    if space is None:
        return SOME_BATCHES
    N = page.task.num_guesses or space
    if is_luck or tuning.episodes_per_bit is None:
        episodes = (LEARNERS_LUCK if row.has_targets else LUCK) * N
    else:
        episodes = tuning.episodes_per_bit * log2(N)
    return max(1, round(episodes / (page.algorithm.group_size * page.algorithm.batch_size)))


MEASUREMENTS, LONGEST_WAIT = 40, 100  # of a run; steps from one to the next: the study's
READ_FOR_ONE = 25  # answers that are read at half the cost of an episode's rollout and update


def measured_every(page: Page, num_answers: int | None) -> int:
    """Often enough to draw a curve, and never so often that measuring costs more than half of what learning does.

    `num_answers`: how many are read in a measurement of bits; None: accuracy, whose replies have to be written first.
    Example: 96 steps of 4 rollouts, 64 answers -> every 2 steps.
    """
    if num_answers is None:
        return LONGEST_WAIT
    by_length = int(page.run.n_batches or 0) // MEASUREMENTS
    by_cost = -(-num_answers // (READ_FOR_ONE * page.algorithm.group_size * page.algorithm.batch_size))
    return min(LONGEST_WAIT, max(1, by_length, by_cost))
