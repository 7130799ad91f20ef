"""What a generator promises that is not exact: the right distribution, its own log-probabilities, the newest weights.

Of the contract (`tests.engines.contract`) all that says nothing of bits, judged by the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType
from typing import Any

import pytest
from tests.engines.contract import Contract, gap_to_trainer

from straw.engines.base import Engine, SamplingParams


def slow(test: Any) -> Any:
    """A mark belongs to a function, and that one is everybody's: a copy gets it."""
    copy = FunctionType(test.__code__, test.__globals__, test.__name__, test.__defaults__, test.__closure__)
    copy.__dict__.update({name: list(value) for name, value in vars(test).items()})
    return pytest.mark.slow(copy)


class Inexact:
    """With a fixture `made`: an engine whose generator it is."""

    @pytest.fixture
    def engine(self, made: Engine) -> Iterator[Engine]:
        with made.undone():
            yield made

    test_stop_token = Contract.test_a_stop_token_ends_the_reply_and_belongs_to_it
    test_update = Contract.test_an_update_reaches_trainer_and_sampler
    test_unpublished = Contract.test_nothing_is_sampled_between_a_step_and_its_publication
    test_logprobs = slow(Contract.test_the_sampler_says_the_logprobs_that_the_trainer_computes)
    test_first_tokens = slow(Contract.test_first_tokens_come_as_often_as_their_probability_says)
    test_cut_off = slow(Contract.test_what_is_cut_off_is_shared_out_among_the_rest)
    test_greedy = slow(Contract.test_greedy_takes_the_likeliest_token_and_says_its_own_logprob)
    test_conversation = slow(Contract.test_the_trainer_reads_a_conversation_as_the_sampler_held_it)

    def test_it_draws_from_the_distribution_and_says_its_logprobs(self, engine: Engine) -> None:
        """The distribution test that stands in for equal bits; at other temperatures with the slow ones."""
        Contract.test_first_tokens_come_as_often_as_their_probability_says(self, engine, 1.0)  # type: ignore[arg-type]
        (replies,) = engine.sample([(5, 6, 7)], 4, SamplingParams(max_tokens=8), [range(4)])
        assert len(set(replies)) == 4
        assert gap_to_trainer(engine, (5, 6, 7), replies) <= 1e-4

    def test_each_reply_is_handed_over_once(self, engine: Engine) -> None:
        prompts, params = [(5, 6, 7), (8, 9, 10, 11)], SamplingParams(max_tokens=5, stop=frozenset(range(0, 400, 3)))
        told: list[tuple[int, int, object]] = []
        engine.sample_one_by_one(prompts, 3, params, [range(3)] * 2, lambda *facts: told.append(facts))
        assert sorted(place[:2] for place in told) == [(at, row) for at in range(2) for row in range(3)]

    def test_replies_come_back_in_the_order_of_their_prompts(self, engine: Engine) -> None:
        params = SamplingParams(max_tokens=3, temperature=0.0)
        prompts = [tuple(range(3, 3 + length)) for length in (2, 60, 5, 33)]
        together = engine.sample(prompts, 2, params, [range(2)] * 4)
        for prompt, replies in zip(prompts, together, strict=True):
            (alone,) = engine.sample([prompt], 2, params, [range(2)])
            assert [reply.tokens for reply in replies] == [reply.tokens for reply in alone]
