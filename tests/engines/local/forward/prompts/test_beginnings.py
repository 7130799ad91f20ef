"""What a reference read once is what it would read again, to the bit."""

from __future__ import annotations

from random import Random

import pytest
import torch
from tests.engines.local.kinds import make_engine

from straw.engines.base import Loss
from straw.engines.local.engine import LocalEngine
from straw.engines.local.forward.prompts import beginnings
from straw.types import Datum

pytestmark = pytest.mark.usefixtures("one_thread")
PROMPTS = [tuple(range(5, 5 + length)) for length in (20, 21, 33, 47)] + [tuple(range(9, 29)), tuple(range(3))]


def changed(kind: str = "embedded") -> LocalEngine:
    """Its weights are others than those of its start."""
    engine = make_engine(kind)
    engine.keep_prompts()
    move(engine, 1)
    return engine


def move(engine: LocalEngine, seed: int) -> None:
    engine.policies.leave_start()
    torch.manual_seed(seed)
    with torch.no_grad():
        for weight in engine.policies.trained.values():
            weight.add_(torch.randn_like(weight) * 0.02)
    engine.changes += 1


def data_of(chance: Random, prompts: list[tuple[int, ...]]) -> list[Datum]:
    found = []
    for prompt in prompts:
        for _ in range(chance.choice([3, 3, 7])):
            tokens = tuple(chance.randrange(3, 60) for _ in range(chance.randrange(1, 7)))
            found.append(Datum(prompt=prompt, tokens=tokens, weights=(1.0,) * len(tokens)))
    return found


def plainly(engine: LocalEngine, data: list[Datum], temperature: float = 1.0) -> list[list[float]]:
    kept, engine.kept = engine.kept, None
    try:
        return engine.logprobs(data, "reference", temperature)
    finally:
        engine.kept = kept


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many prompts were known, of each batch that began with known ones."""
    found: list[int] = []
    real = beginnings.read_behind
    monkeypatch.setattr(
        beginnings, "read_behind", lambda reader, flat, begun: found.append(len(begun)) or real(reader, flat, begun)
    )
    return found


@pytest.mark.parametrize("kind", ["embedded", "lora", "llama", "qwen2"])
def test_a_prompt_that_returns_is_read_once_and_nothing_changes(kind: str, reads: list[int]) -> None:
    engine, chance = changed(kind), Random(0)
    for number in range(40):
        alike = [PROMPTS[0], PROMPTS[4]]  # of one length, so they are read together where their groups are of one size
        data = data_of(chance, chance.choice([alike, chance.sample(PROMPTS, chance.choice([1, 2, 3]))]))
        assert engine.logprobs(data, "reference", 0.8) == plainly(engine, data, 0.8)
        if number % 10 == 9:
            move(engine, number)  # what trains; the reference stays
    assert len(reads) > 15 and 2 in reads


def test_a_penalty_has_the_same_bits(reads: list[int]) -> None:
    engine = changed()
    tokens = [(7, 9, 11), (8, 8), (20, 21, 22)]
    data = [
        Datum(prompt=PROMPTS[2], tokens=one, weights=(0.5,) * len(one), advantages=(1.0,) * len(one)) for one in tokens
    ]
    loss = Loss(name="importance_sampling", kl_coef=0.1)

    def gradients() -> list[torch.Tensor]:
        engine.model.zero_grad()
        engine.forward_backward(data, loss)
        return [p.grad.clone() for p in engine.model.parameters() if p.grad is not None]

    first, second = gradients(), gradients()
    assert reads == [1] and all(torch.equal(*pair) for pair in zip(first, second, strict=True))


def test_another_reference_reads_anew(reads: list[int]) -> None:
    engine, data = changed(), data_of(Random(1), [PROMPTS[2]])
    before = engine.logprobs(data, "reference")
    engine.policies.begin_here()
    after = engine.logprobs(data, "reference")
    assert reads == [] and after == plainly(engine, data) != before
    move(engine, 5)
    assert engine.logprobs(data, "reference") == after and reads == [1]


def test_only_the_reference_begins_so(reads: list[int]) -> None:
    engine, data = changed(), data_of(Random(2), [PROMPTS[2]])
    for _ in range(2):
        for policy in ("current", "start"):
            engine.logprobs(data, policy)  # type: ignore[arg-type]
    assert reads == [] and engine.beginnings.found == {}


def test_what_is_no_tile_or_of_two_lengths_is_read_whole(reads: list[int]) -> None:
    engine = changed()
    few = [Datum(prompt=PROMPTS[0], tokens=(7, 8), weights=(1.0, 1.0))]  # one token is read
    mixed = data_of(Random(3), PROMPTS[1:3])
    short = data_of(Random(4), [PROMPTS[5]])
    for data in (few, few, short, short):
        assert engine.logprobs(data, "reference") == plainly(engine, data)
    assert engine.beginnings.found == {} and reads == []
    assert engine.logprobs(mixed, "reference") == plainly(engine, mixed)


def test_there_is_room_for_so_much_and_no_more(monkeypatch: pytest.MonkeyPatch, reads: list[int]) -> None:
    engine = changed()
    first, second = (data_of(Random(seed), [PROMPTS[place]]) for seed, place in ((5, 0), (6, 3)))
    engine.logprobs(first, "reference")
    size = engine.beginnings.num_bytes
    assert size > 0
    monkeypatch.setattr(beginnings, "MOST_BYTES", size)
    for data in (second, second, first):
        assert engine.logprobs(data, "reference") == plainly(engine, data)
    assert list(engine.beginnings.found) == [PROMPTS[0]] and reads == [1]
