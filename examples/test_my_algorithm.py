"""What my_algorithm.py promises: python -m pytest examples/test_my_algorithm.py"""

import sys
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parent))

import torch
from my_algorithm import MEDIAN, median_baseline, squared_ratio


def test_a_reward_is_compared_with_the_median_of_its_group():
    assert median_baseline([0.0, 1.0, 3.0]) == [-1.0, 0.0, 2.0]


def test_what_was_better_becomes_likelier():
    logprobs = torch.zeros(2, requires_grad=True)
    batch = SimpleNamespace(
        logprobs=logprobs, sampler_logprobs=torch.zeros(2), weights=torch.ones(2), advantages=torch.tensor([1.0, -1.0])
    )
    squared_ratio(batch, {}).backward()
    assert logprobs.grad.tolist() == [-1.0, 1.0]


def test_the_row_names_both():
    assert (MEDIAN.baseline, MEDIAN.loss_fn) == (median_baseline, squared_ratio)
