"""What was read of a prompt is not read again for another that begins like it, and nothing shows it but the pace."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from tests.engines.tenants.tenants_here import SHAPES, as_replies, ask, finish, in_process, local, tenants

from straw.engines.base import Tokens
from straw.engines.tenants.engine import TenantEngine
from straw.engines.tenants.records import Sampled, Sampling
from straw.engines.tenants.sampling.keys import beginnings
from straw.engines.tenants.sampling.sampler import SamplerSettings

NOTHING_KEPT = SamplerSettings(prompts_room=0)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def forgetful() -> TenantEngine:
    """It reads every prompt from nothing."""
    return tenants(SHAPES, NOTHING_KEPT)


def some(random: Random, length: int) -> Tokens:
    return tuple(random.randrange(5, 60) for _ in range(length))


def request_for(prompt: Tokens, turn: int) -> Sampling:
    targets = np.full((len(prompt) - 1, 2), 7)
    return Sampling(
        prompt=prompt, seeds=(turn, turn + 1), max_tokens=8, prompt_logprobs=True, topk_prompt_logprobs=3,
        target_tokens=targets, topk_logprobs=2,
    )  # fmt: skip


def the_same(one: Sampled, other: Sampled) -> bool:
    assert one.prompt_logprobs is not None and other.prompt_logprobs is not None
    assert one.topk_prompt is not None and other.topk_prompt is not None
    assert one.target_logprobs is not None and other.target_logprobs is not None
    return (
        as_replies(one.sequences) == as_replies(other.sequences)
        and one.prompt_logprobs.tobytes() == other.prompt_logprobs.tobytes()
        and one.topk_prompt.logprobs.tobytes() == other.topk_prompt.logprobs.tobytes()
        and one.target_logprobs.tobytes() == other.target_logprobs.tobytes()
    )


@pytest.mark.parametrize("weights", [None, "first", "narrow"])
def test_every_turn_of_a_conversation_has_the_bits_of_a_reading_from_nothing(
    weights: str | None, forgetful: TenantEngine
) -> None:
    engine, random, num_cached = tenants(SHAPES), Random(3), []
    prompt = some(random, 60)
    for turn in range(8):
        request = request_for(prompt, turn)
        found, expected = ask(engine, weights, request), ask(forgetful, weights, request)
        assert expected.cached_prompt_tokens == 0
        assert the_same(found, expected)
        num_cached.append(found.cached_prompt_tokens)
        prompt = (*prompt, *found.sequences[0].tokens, *some(random, random.randrange(3, 90)))
    assert num_cached[0] == 0 and num_cached == sorted(num_cached) and num_cached[-1] > 200
    assert engine.sampler.prompt_reader.num_tokens_read < forgetful.sampler.prompt_reader.num_tokens_read


def test_long_prompts_have_the_local_engine_s_bits(forgetful: TenantEngine) -> None:
    for length in (193, 400):
        request = Sampling(prompt=some(Random(length), length), seeds=(1, 2, 3), max_tokens=5)
        assert as_replies(ask(forgetful, "first", request).sequences) == in_process(local(forgetful, "first"), request)


def test_only_the_same_version_s_keys_are_used() -> None:
    engine = tenants(SHAPES)
    prompt = some(Random(1), 100)
    assert ask(engine, "first", Sampling(prompt=prompt, seeds=(0,), max_tokens=1)).cached_prompt_tokens == 0
    longer = Sampling(prompt=(*prompt, *prompt), seeds=(0,), max_tokens=1)
    assert ask(engine, "second", longer).cached_prompt_tokens == 0
    assert ask(engine, None, longer).cached_prompt_tokens == 0
    assert ask(engine, "first", longer).cached_prompt_tokens == 96


def test_groups_of_games_at_once_and_little_memory_change_no_bit(forgetful: TenantEngine) -> None:
    room = 400_000
    engine, random = tenants(SHAPES, SamplerSettings(keys_room=room, prompts_room=room, read_work=5e6)), Random(8)
    games = [some(random, 70)] * 4 + [some(random, 70)] * 4
    for turn in range(4):
        for number, prompt in enumerate(games):
            engine.begin(str(number), "first", request_for(prompt, number))
        found = finish(engine)
        for number, prompt in enumerate(games):
            assert the_same(found[str(number)], ask(forgetful, "first", request_for(prompt, number)))
        games = [
            (*prompt, *found[str(n)].sequences[0].tokens, *some(random, 30 + turn)) for n, prompt in enumerate(games)
        ]
        kept = engine.sampler.prompts
        assert kept.held_bytes == 0 and 0 < kept.free_bytes <= room
        assert kept.free_bytes == sum(prompt.num_bytes for prompt in kept.free.values())


def test_what_is_not_kept_any_more_is_not_found_any_more() -> None:
    engine = tenants(SHAPES)
    kept = engine.sampler.prompts
    for number in range(6):
        ask(engine, "first", Sampling(prompt=some(Random(number % 3), 100 + number), seeds=(0,), max_tokens=1))
    assert len(kept.beginnings) == 9
    kept.limit(kept.free_bytes - 1)
    assert len(kept.beginnings) == 9 and len(kept.free) == 5  # of two that begin alike the later one is found
    kept.limit(0)
    assert kept.free_bytes == 0 and len(kept.beginnings) == 0


def test_equal_hashes_of_other_tokens_are_seen_through(
    monkeypatch: pytest.MonkeyPatch, forgetful: TenantEngine
) -> None:
    monkeypatch.setattr(beginnings, "codes", lambda tokens: [0] * (len(tokens) // beginnings.BLOCK))
    engine = tenants(SHAPES)
    for number in range(4):
        request = request_for(some(Random(number), 100), number)
        assert the_same(ask(engine, None, request), ask(forgetful, None, request))
    assert engine.sampler.prompt_reader.num_tokens_read == 400


def test_prompts_of_one_length_that_wait_are_read_together_and_none_of_them_counts_as_read_before(
    forgetful: TenantEngine,
) -> None:
    engine, random = tenants(SHAPES), Random(4)
    begins = some(random, 20)
    prompts = [(*begins, *some(random, 40)) for _ in range(6)] + [some(random, 50), some(random, 61)]
    for number, prompt in enumerate([*prompts, prompts[0]]):
        asks = number == 2
        engine.begin(str(number), "first", Sampling(prompt=prompt, seeds=(number,), max_tokens=5, prompt_logprobs=asks))
    found = finish(engine)
    assert engine.sampler.prompt_reader.num_tokens_read == 20 + 6 * 40 + 50 + 61
    for number, prompt in enumerate(prompts):
        expected = ask(forgetful, "first", Sampling(prompt=prompt, seeds=(number,), max_tokens=5))
        assert as_replies(found[str(number)].sequences) == as_replies(expected.sequences)
        assert found[str(number)].cached_prompt_tokens == 0
    assert found["8"].cached_prompt_tokens == 60
    alone = ask(forgetful, "first", Sampling(prompt=prompts[2], seeds=(2,), max_tokens=5, prompt_logprobs=True))
    assert alone.prompt_logprobs is not None and found["2"].prompt_logprobs is not None
    assert found["2"].prompt_logprobs.tobytes() == alone.prompt_logprobs.tobytes()
