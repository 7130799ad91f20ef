"""Turns that are sent as what was said have the bits of a conversation of the local engine."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from tests.engines.tenants.made import engine_of
from tests.engines.tenants.tenants_here import SHAPES, as_replies, ask, finish, local, tenants

from straw.engines.base import Reply, SamplingParams, Tokens
from straw.engines.tenants.engine import TenantEngine
from straw.engines.tenants.records import Sampling
from straw.engines.tenants.sampling.sampler import SamplerSettings
from straw.errors import ConfigError

ROWS, TURNS = 6, 4
SETTINGS = {
    "much room": SamplerSettings(),
    "nothing kept": SamplerSettings(prompts_room=0),
    "little room": SamplerSettings(keys_room=600_000, prompts_room=100_000, read_work=3e6),
}


pytestmark = pytest.mark.usefixtures("one_thread")


def some(random: Random, length: int) -> Tokens:
    return tuple(random.randrange(5, 60) for _ in range(length))


Said = tuple[Tokens, tuple[int, ...], int, Reply]  # all before a reply, its turns, its seed, the reply


def spoken(engine: TenantEngine, weights: str, opening: Tokens, random: Random) -> list[list[Said]]:
    """By turn and row, from the local engine; replies and messages of any length, a message before the first reply."""
    here = local(engine, weights)
    talk, stop = here.converse(opening, ROWS), frozenset(range(5, 9))
    texts, turns = [opening] * ROWS, [(len(opening),)] * ROWS
    first = [some(random, random.randrange(1, 30)) for _ in range(ROWS)]
    talk.append(first)
    texts = [text + more for text, more in zip(texts, first, strict=True)]
    turns = [(*lengths, 0, len(more)) for lengths, more in zip(turns, first, strict=True)]
    found: list[list[Said]] = []
    for turn in range(TURNS):
        seeds = [100 * turn + row for row in range(ROWS)]
        params = SamplingParams(max_tokens=(30, 1, 3, 20)[turn], stop=stop | here.chat.closes)
        replies = talk.generate(params, seeds)
        found.append(list(zip(texts, turns, seeds, replies, strict=True)))
        heard = [some(random, random.randrange(0, 50) if turn else 7) for _ in range(ROWS)]
        talk.append(heard)
        texts = [text + one.tokens + more for text, one, more in zip(texts, replies, heard, strict=True)]
        turns = [
            (*lengths, len(one.tokens), len(more)) for lengths, one, more in zip(turns, replies, heard, strict=True)
        ]
    return found


def request_for(said: Said) -> Sampling:
    text, turns, seed, reply = said
    num_tokens = len(reply.tokens) if not reply.stopped else 40
    return Sampling(prompt=text, turns=turns, seeds=(seed,), max_tokens=num_tokens, stop=frozenset(range(5, 9)))


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("opening", [20, 130])
def test_all_turns_have_the_bits_of_a_local_conversation(name: str, opening: int) -> None:
    engine, random = tenants(SHAPES, SETTINGS[name]), Random(opening)
    begins, other = some(random, opening), some(random, 40)
    for said in spoken(engine, "first", begins, random):
        for row, one in enumerate(said):
            engine.begin(f"{row}", "first", request_for(one))
            engine.begin(f"other {row}", "first", Sampling(prompt=(begins, other)[row % 2], seeds=(3,), max_tokens=9))
        found = finish(engine)
        for row, (_, _, _, reply) in enumerate(said):
            assert as_replies(found[f"{row}"].sequences) == [reply]
    assert engine.sampler.places.used == 0 and not engine.sampler.places.lanes


def test_only_what_was_said_last_is_read() -> None:
    engine = tenants(SHAPES)
    said = spoken(engine, "first", some(Random(0), 70), Random(1))
    before = 0
    for turn, rows in enumerate(said):
        sampled = ask(engine, "first", request_for(rows[0]))
        text, turns, _, reply = rows[0]
        assert as_replies(sampled.sequences) == [reply]
        new = sum(turns[-2:]) if turn else len(text)
        assert engine.sampler.prompt_reader.num_tokens_read - before == new
        assert sampled.cached_prompt_tokens == len(text) - new
        before += new
    again = ask(engine, "first", request_for(said[-1][0]))
    assert engine.sampler.prompt_reader.num_tokens_read == before
    assert again.cached_prompt_tokens == len(said[-1][0][0])


def test_turns_that_are_none_are_refused() -> None:
    engine = tenants({})
    for turns in ((3,), (10, 1), (4, 3, 2), (0, 5, 5), (4, 3, 3, 0, 0), (4, -1, 7), (10, 0, 0)):
        with pytest.raises(ConfigError, match="turns are an opening"):
            engine.begin("one", None, Sampling(prompt=tuple(range(5, 15)), turns=turns, seeds=(0,)))
    with pytest.raises(ConfigError, match="leave turns out"):
        engine.begin(
            "one", None, Sampling(prompt=tuple(range(5, 15)), turns=(4, 3, 3), seeds=(0,), prompt_logprobs=True)
        )


@pytest.mark.parametrize(
    "kind, settings, nats",
    [
        ("llama", {}, 1e-4), ("qwen2", {}, 1e-4), ("gemma3", {}, 1e-4), ("qwen2", {"fast_llama": False}, 1e-4),
        ("llama", {"dtype": "bfloat16"}, 0.1),
    ],
)  # fmt: skip
def test_what_is_said_means_the_same_as_one_prompt(kind: str, settings: dict[str, object], nats: float) -> None:
    """In other models and precisions, where the bits are nobody's promise."""
    engine, random = engine_of(kind, **settings), Random(5)
    prompt, turns = some(random, 90), (40, 7, 13, 1, 29)
    asked = Sampling(prompt=prompt, seeds=(1,), max_tokens=4, temperature=0.0, topk_logprobs=20)
    (plain,), (spoken,) = (ask(engine, None, one).sequences for one in (asked, replace(asked, turns=turns)))
    assert plain.topk is not None and spoken.topk is not None
    places = [list(spoken.topk.tokens[0]).index(token) for token in plain.topk.tokens[0][:10]]
    assert spoken.topk.logprobs[0][places] == pytest.approx(plain.topk.logprobs[0][:10], abs=nats)
