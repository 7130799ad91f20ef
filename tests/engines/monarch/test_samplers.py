"""How work is cut: into even shares, and into pieces that are no larger than what is read at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from straw.engines.base import SamplingParams
from straw.engines.local.engine import MAX_ROWS
from straw.engines.monarch.generator import Sampling, Version
from straw.engines.monarch.memory.shared_memory import Handle
from straw.engines.monarch.samplers import Generators


class FakePool:
    """Two generators that answer with the prompt and the seed of each sample."""

    slots = (0, 1)

    def __init__(self) -> None:
        self.jobs: list[Sampling] = []

    def work(self, method: str, version: Version, jobs: list[Sampling]) -> list[list[list[Any]]]:
        self.jobs += jobs
        return [
            [[(prompt, seed) for seed in seeds] for prompt, seeds in zip(job.prompts, job.seeds, strict=True)]
            for job in jobs
        ]


def sampled(num_prompts: int, num_samples: int, rows_at_once: int | None = None) -> list[int]:
    """The prompts in each piece of work; the answers are in order however it is cut."""
    pool: Any = FakePool()
    generators = Generators(pool, SimpleNamespace(), Version(1, 1, Handle("", 0, {})), rows_at_once)  # type: ignore[arg-type]
    prompts = [(prompt,) for prompt in range(num_prompts)]
    seeds = [[100 * prompt + sample for sample in range(num_samples)] for prompt in range(num_prompts)]
    answers: Any = generators.sample(prompts, num_samples, SamplingParams(max_tokens=1), seeds)
    assert answers == [[(prompt, seed) for seed in row] for prompt, row in zip(prompts, seeds, strict=True)]
    return [len(job.prompts) for job in pool.jobs]


@pytest.mark.parametrize(
    ("num_prompts", "num_samples", "pieces"),
    [(5, 4, [3, 2]), (1, 6, [1, 1]), (256, 4, [128, 128]), (1319, 1, [330, 330, 330, 329])],
)
def test_a_large_share_is_several_pieces_of_work(num_prompts: int, num_samples: int, pieces: Any) -> None:
    assert sampled(num_prompts, num_samples) == pieces
    assert all(size * num_samples <= MAX_ROWS for size in pieces)


def test_where_replies_follow_one_another_in_places_a_share_is_one_piece() -> None:
    assert sampled(1319, 1, rows_at_once=64) == [660, 659]
