"""An algorithm of your own: a baseline, a loss, and the row that puts them together.

straw train secret N=16 algorithm=examples/my_algorithm.py:MEDIAN
straw train secret N=16 baseline=examples/my_algorithm.py:median_baseline
"""

from statistics import median

import torch

from straw.algorithms.registry import Algorithm


def median_baseline(rewards):
    """What each reward of a group is above the group's median."""
    return [reward - median(rewards) for reward in rewards]


def squared_ratio(batch, settings):
    """A policy gradient whose ratio is drawn to 1."""
    ratio = torch.exp(batch.logprobs - batch.sampler_logprobs)
    return (batch.weights * (-ratio * batch.advantages + 0.1 * (ratio - 1) ** 2)).sum()


MEDIAN = Algorithm(baseline=median_baseline, loss_fn=squared_ratio, weigh="reply")
