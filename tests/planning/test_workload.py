"""Who is given what: as the engine cuts it, and what its sampler computes for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.planning.made_costs import costs, work

from straw.engines.base import SamplingParams
from straw.engines.local.sampler import slots_to_keep
from straw.engines.monarch.samplers import Generators
from straw.planning import workload
from straw.planning.costs import TILE, Costs


class Pool:
    """Keeps what each generator would be given."""

    def __init__(self, count: int) -> None:
        self.slots, self.given = [None] * count, list[tuple[int, int]]()

    def work(self, method: str, version: Any, jobs: Any) -> list[Any]:
        self.given += [(len(job.prompts), job.num_samples) for job in jobs]
        return [[[None] * job.num_samples for _ in job.prompts] for job in jobs]


@pytest.mark.parametrize("generators", [1, 2, 3, 4, 7, 16, 64, 100])
@pytest.mark.parametrize(("groups", "size"), [(16, 4), (1, 64), (3, 100), (200, 8), (1000, 2)])
def test_a_step_is_cut_as_the_engine_cuts_it(
    generators: int, groups: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool: Any = Pool(generators)
    version: Any = type("Version", (), {"number": 0})()
    sampler = Generators(pool, None, version)  # type: ignore[arg-type]
    sampler.sample([(1,)] * groups, size, SamplingParams(max_tokens=1), [[0] * size] * groups)
    shapes: list[tuple[int, int]] = []
    monkeypatch.setattr(workload, "sampling_s", lambda work, costs, part: shapes.append(part.shape) or 0.0)
    pieces = workload.single_turn(work(), costs(), np.ones((groups, size)), generators)
    assert shapes == pool.given
    assert [piece.generator for piece in pieces] == [index % generators for index in range(len(pieces))]


def computed(lengths: list[list[int]]) -> tuple[int, int]:
    """Steps and rows that the sampler computes for replies of these lengths, by its own rule of who leaves."""
    prompts, width = len(lengths), max(len(lengths[0]), -(-TILE // len(lengths)))
    left = torch.tensor([[*row, *[0] * (width - len(row))] for row in lengths]).flatten()
    steps = rows = 0
    while bool((left > 0).any()):
        steps, rows = steps + 1, rows + len(left)
        left = (left - 1).clamp_min(0)
        if (kept := slots_to_keep(left > 0, prompts)) is not None:
            left, prompts = left[kept[1]], len(kept[0])
    return steps, rows


@settings(max_examples=60, deadline=None)
@given(
    groups=st.integers(1, 8), size=st.integers(1, 32), longest=st.integers(1, 80), seed=st.integers(0, 10**6)
)  # fmt: skip
def test_rows_that_are_computed_are_those_of_the_sampler_within_a_half(
    groups: int, size: int, longest: int, seed: int
) -> None:
    """Who is done leaves in bunches, and as many of every prompt, so the sampler computes some more."""
    lengths = np.random.default_rng(seed).integers(1, longest + 1, size=(groups, size))
    steps, rows = workload.together(lengths.ravel())
    true_steps, true_rows = computed(lengths.tolist())
    assert steps == true_steps
    assert 0.6 * true_rows <= rows <= true_rows


def test_replies_of_equal_length_are_computed_as_planned() -> None:
    assert workload.together(np.full(64, 10)) == (10, 640) == computed([[10] * 4] * 16)
    assert workload.together(np.full(4, 10)) == (10, 160) == computed([[10] * 4])


def test_in_slots_a_row_that_is_done_makes_room() -> None:
    assert workload.in_slots(np.array([5.0, 5, 5, 5, 20]), 2) == (30.0, 480.0)
    assert workload.in_slots(np.full(64, 10.0), 32) == (20.0, 640.0)


def test_all_groups_at_one_problem_are_read_together() -> None:
    (piece,) = next(iter(workload.rounds(work(is_one_problem=True), costs(token_s=0.0, prompt_s=1.0), 0, 1)))
    assert piece.seconds == 1.0
    (piece,) = next(iter(workload.rounds(work(), costs(token_s=0.0, prompt_s=1.0), 0, 1)))
    assert piece.seconds == 4.0


def test_a_conversation_is_a_round_for_a_turn_and_one_for_what_is_read() -> None:
    talk = costs(replies=((10, 20),), prompt_s=0.5)
    found = list(workload.conversation(talk, np.array([[10.0, 20.0]] * 4), 2))
    assert [[round(piece.seconds, 6) for piece in pieces] for pieces in found] == [
        [1.5, 1.5], [0.1, 0.1], [2.0, 2.0],
    ]  # fmt: skip
    short = list(workload.conversation(talk, np.array([[10.0, 0.0]] * 4), 2))
    assert len(short) == 1


def test_lengths_are_drawn_from_those_that_were_measured_and_by_the_step() -> None:
    some = costs(replies=((3,), (9,)))
    first, again = (workload.lengths_of(some, 5, 100) for _ in range(2))
    assert set(first.ravel().tolist()) == {3.0, 9.0}
    assert (first == again).all() and not (first == workload.lengths_of(some, 6, 100)).all()


def test_every_reply_in_the_mean_is_as_long_as_all_are_in_the_mean() -> None:
    assert workload.mean_lengths(costs(replies=((2,), (4,), (12,)))) == ((6,),)
    talk: Costs = costs(replies=((2, 4), (6,)))
    assert workload.mean_lengths(talk) == ((3, 3),)
