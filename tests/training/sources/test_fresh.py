"""What was paid is not paid again: by a sampler whose replies are written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest

from straw.engines.base import Reply, Sampler, SamplingParams, Tokens
from straw.seeds import seed_for
from straw.training.sources.fresh import AlreadyPaid, FreshSampler
from straw.types import Rollout

PROMPT, OTHER = (1, 2), (1, 3)
PARAMS = SamplingParams(max_tokens=1)


class Written(Sampler):
    """Replies by seed, and how often it was asked."""

    def __init__(self, by_seed: dict[int, int]) -> None:
        self.chat, self.policy_version = cast(Any, None), 7
        self.by_seed, self.asked = by_seed, [0]

    def converse(self, prompt: Tokens, num_rows: int) -> Any:
        return prompt, num_rows

    def sample(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]]
    ) -> list[list[Reply]]:
        self.asked.append(len(prompts) * num_samples)
        return [[Reply((self.by_seed[seed],), (0.0,), True) for seed in row] for row in seeds]


@dataclass
class Turn:
    prompt: Tokens
    reply: Tokens


@dataclass
class Said:
    turns: list[Turn]
    reward: float


def paid(*replies: int, reward: float = 0.5, prompt: Tokens = PROMPT) -> AlreadyPaid:
    found = AlreadyPaid(full=1.0)
    found.add([[cast(Rollout, Said([Turn(prompt, (reply,))], reward)) for reply in replies]])
    return found


def again(seeds: Sequence[int], *replies: int) -> dict[int, int]:
    """Those drawn behind a group of these seeds."""
    return {seed_for(seeds[number % len(seeds)], "again", number): reply for number, reply in enumerate(replies)}


def said(sampler: FreshSampler, seeds: Sequence[int], prompt: Tokens = PROMPT) -> list[int]:
    (row,) = sampler.sample([prompt], len(seeds), PARAMS, [seeds])
    return [reply.tokens[0] for reply in row]


def test_new_replies_are_taken_as_they_come_and_nothing_more_is_drawn() -> None:
    writer = Written({0: 10, 1: 11})
    fresh = FreshSampler(writer, paid(12), candidates=50)
    assert said(fresh, [0, 1]) == [10, 11]
    assert fresh.unpaid_draws == 0 and writer.asked[1:] == [2]
    assert fresh.policy_version == 7


def test_old_ones_and_second_ones_are_passed_over() -> None:
    seeds = [0, 1, 2]
    writer = Written({0: 10, 1: 11, 2: 11, **again(seeds, 10, 11, 12, 13, 14)})
    fresh = FreshSampler(writer, paid(10), candidates=8)
    assert said(fresh, seeds) == [11, 12, 13]
    assert fresh.unpaid_draws == 5


def test_where_all_are_old_the_first_are_paid_again() -> None:
    seeds = [0, 1, 2]
    writer = Written({0: 10, 1: 10, 2: 11, **again(seeds, 12, 10)})
    assert said(FreshSampler(writer, paid(10, 11), candidates=5), seeds) == [12, 10, 10]
    assert said(FreshSampler(writer, paid(10, 11, 12), candidates=5), seeds) == [10, 10, 11]


@pytest.mark.parametrize("candidates", [0, 1, 3])
def test_no_more_candidates_than_a_group_pass_over_nothing(candidates: int) -> None:
    fresh = FreshSampler(Written({0: 10, 1: 10, 2: 11}), paid(10), candidates)
    assert said(fresh, [0, 1, 2]) == [10, 10, 11]
    assert fresh.unpaid_draws == 0


def test_behind_a_full_pay_nothing_is_passed_over_but_at_other_prompts() -> None:
    found = paid(10, reward=1.0)
    writer = Written({0: 10, 1: 10, **again([0, 1], 11, 12)})
    assert said(FreshSampler(writer, found, 4), [0, 1]) == [10, 10]
    assert said(FreshSampler(writer, found, 4), [0, 1], OTHER) == [10, 11]


def test_conversations_are_left_alone() -> None:
    talk: object = FreshSampler(Written({}), paid(1), 9).converse(PROMPT, 3)
    assert talk == (PROMPT, 3)


def test_what_was_paid_goes_through_a_checkpoint() -> None:
    before = paid(10, 11)
    before.add([[cast(Rollout, Said([Turn(OTHER, (5, 6))], 1.0))]])
    after = AlreadyPaid(full=1.0)
    after.load_state_dict(before.state_dict())
    assert (after.replies, after.found) == (before.replies, before.found) == (
        {PROMPT: {(10,), (11,)}, OTHER: {(5, 6)}}, {OTHER}
    )  # fmt: skip
    assert not after.is_new(PROMPT, (10,)) and after.is_new(PROMPT, (12,)) and after.is_new(OTHER, (5, 6))
