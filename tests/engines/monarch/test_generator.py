"""What a generator does with weights, without a process around it: looks at them, fetches them, takes them over."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch
from tests.engines.contract import prompts_of
from tests.small_runs import small_plan

from straw.engines.base import SamplingParams
from straw.engines.local.build import load_engine, with_adapters
from straw.engines.local.engine import LocalEngine
from straw.engines.local.halves import halved_weights
from straw.engines.monarch.generator import Generator, Sampling, Version
from straw.engines.monarch.memory.shared_memory import Handle, Shared, mapped
from straw.engines.monarch.weights.inflight_updates import Board, Fresh
from straw.engines.monarch.weights.weight_transfer import CHUNK, Fetched
from straw.errors import EngineLost

PARAMS = SamplingParams(max_tokens=12)


class Answer:
    def __init__(self, value: Any) -> None:
        self.value = value

    def get(self, timeout: float) -> Any:
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


class FakeSource:
    """Reads as a source does, at once, and counts the bytes; with `broken` it fails."""

    def __init__(self, *memories: Shared, broken: bool = False) -> None:
        self.tensors = {memory.handle.path: mapped(memory.handle) for memory in memories}
        self.num_bytes, self.names, self.broken = 0, set(), broken  # type: ignore[var-annotated]
        self.read = self

    def call_one(self, path: str, name: str, start: int, end: int, dtype: torch.dtype) -> Answer:
        if self.broken:
            return Answer(TimeoutError())
        part = self.tensors[path][name].view(-1)[start:end].to(dtype).view(torch.uint8).numpy().tobytes()
        assert len(part) <= CHUNK
        self.num_bytes += len(part)
        self.names.add(name)
        return Answer(part)


def page_of(words: str) -> Any:
    return small_plan("warmup=none engine=monarch", words).page


def begun(words: str) -> tuple[LocalEngine, Shared]:
    """An engine as a trainer would have it after a little change, and its weights in memory."""
    page = page_of(words)
    engine = with_adapters(load_engine(page), page.model)
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in engine.trained.values():
            weight.add_(0.05 * torch.randn_like(weight))
    return engine, Shared.holding({name: weight.detach() for name, weight in engine.trained.items()})


def job(engine: LocalEngine) -> Sampling:
    return Sampling(prompts_of(engine)[1:2], 20, PARAMS, [range(20)])


def sampled(engine: LocalEngine) -> Any:
    ours = job(engine)
    return engine.sample(ours.prompts, ours.num_samples, ours.params, ours.seeds)


@pytest.mark.parametrize("words", ["", "lora_rank=2", "dtype=bfloat16", "dtype=bfloat16 fast_llama=false"])
def test_weights_that_were_fetched_are_as_good_as_those_that_are_looked_at(words: str) -> None:
    engine, memory = begun(words)
    source = FakeSource(memory)
    fetching = Generator(page_of(f"{words} weights=pushed"), None, source)
    looking = Generator(page_of(words), None)
    version = Version(1, 1, memory.handle)
    assert fetching.sample(version, job(engine)) == looking.sample(version, job(engine)) == sampled(engine)
    memory.close()


@pytest.mark.parametrize("words", ["dtype=bfloat16", "dtype=bfloat16 lora_rank=2", "dtype=bfloat16 lora_rank=1"])
@pytest.mark.parametrize("weights", ["shared", "pushed"])
def test_weights_that_lie_rounded_in_memory_leave_the_bits_of_those_that_do_not(words: str, weights: str) -> None:
    """Two versions, so that the copy of the head is renewed: it stands beside the embedding it is tied to."""
    engine, memory = begun(words)
    names = halved_weights(engine)
    generator: Generator | None = None
    for serial in range(2):
        trained = {name: weight.detach() for name, weight in engine.trained.items()}
        rounded = Shared.like(trained, names)
        rounded.write(trained)
        source = FakeSource(rounded) if weights == "pushed" else None
        if generator is None:
            generator = Generator(page_of(f"{words} weights={weights}"), None, source)
        elif source is not None:
            generator.reach.source = source  # type: ignore[attr-defined]
        assert generator.sample(Version(serial, serial, rounded.handle), job(engine)) == sampled(engine)
        taken = {name: weight.dtype for name, weight in generator.engine.trained.items()}
        assert all((dtype == torch.bfloat16) == (name in names) for name, dtype in taken.items())
        assert generator.engine.head.weight.dtype == torch.bfloat16
        with torch.no_grad():
            for weight in engine.trained.values():
                weight.mul_(1.5)
        rounded.close()
    memory.close()


def test_only_what_trains_travels() -> None:
    engine, memory = begun("lora_rank=2")
    source = FakeSource(memory)
    generator = Generator(page_of("lora_rank=2 weights=pushed"), None, source)
    generator.take(Version(1, 1, memory.handle))
    assert all("lora_" in name for name in source.names)
    assert source.num_bytes == engine.trained_bytes < sum(p.nbytes for p in engine.model.parameters()) / 5
    generator.take(Version(1, 1, memory.handle))
    assert source.num_bytes == engine.trained_bytes  # it knows them already
    memory.close()


def test_where_matmuls_are_in_bfloat16_their_weights_travel_in_half_the_bytes() -> None:
    engine, memory = begun("dtype=bfloat16")
    halved = halved_weights(engine)
    source = FakeSource(memory)
    Fetched(source, 1.0, halved)(memory.handle)
    assert source.num_bytes == sum(p.nbytes // (1 + (name in halved)) for name, p in engine.trained.items())
    assert source.num_bytes < 0.6 * engine.trained_bytes
    assert halved_weights(begun("")[0]) == {}
    memory.close()


def test_large_weights_come_in_chunks_and_over_those_before() -> None:
    large = torch.arange(3 * CHUNK // 4 + 5, dtype=torch.float32)
    weights = {"large": large, "small": torch.ones(2, dtype=torch.int64)}
    memory = Shared.holding(weights)
    fetched = Fetched(FakeSource(memory), 1.0)
    first = fetched(memory.handle)
    assert all(torch.equal(first[name], weight) for name, weight in weights.items())
    memory.tensors["large"].fill_(7.0)
    second = fetched(memory.handle)
    assert second["large"] is first["large"] and float(first["large"].min()) == 7.0
    memory.close()


def test_a_trainer_that_gives_no_weights_is_lost_and_they_are_asked_for_again() -> None:
    engine, memory = begun("")
    source = FakeSource(memory, broken=True)
    generator = Generator(page_of("weights=pushed"), None, source)
    with pytest.raises(EngineLost, match=r"did not come from the trainer \(TimeoutError\)"):
        generator.take(Version(1, 1, memory.handle))
    source.broken = False
    assert generator.sample(Version(1, 1, memory.handle), job(engine)) == sampled(engine)
    memory.close()


# --- new weights between two tokens


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A generator with two slots: the weights of serial 0 and 1, which differ."""
    monkeypatch.setattr(os, "nice", lambda more: 0)
    engine, first = begun("")
    with torch.no_grad():
        for weight in engine.trained.values():
            weight.mul_(1.1)
    second = Shared.holding({name: weight.detach() for name, weight in engine.trained.items()})
    board = Board(1)
    handles: list[Handle] = [first.handle, second.handle]
    page = page_of("max_lag=1 pace=free fresh_weights=true")
    yield Generator(page, None, None, Fresh(board.memory.handle, handles, 0)), board, handles, engine
    for memory in (first, second, board):
        memory.close()


def test_new_weights_are_taken_between_two_tokens(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    generator, board, handles, engine = fresh
    before = generator.sample(Version(0, 0, handles[0]), job(engine))[0]
    reads = []
    real = generator.engine.reader.before

    def show_at_the_fifth() -> None:
        reads.append(1)
        if len(reads) == 5:
            board.show(1)
        real()

    monkeypatch.setattr(generator.engine.reader, "before", show_at_the_fifth)
    assert board.taken(0) == 0
    during = generator.sample(Version(0, 0, handles[0]), job(engine))[0]
    assert board.taken(0) == 1
    assert [reply.tokens[:5] for reply in during] == [reply.tokens[:5] for reply in before]
    assert [reply.logprobs[:5] for reply in during] == [reply.logprobs[:5] for reply in before]
    assert all(a.logprobs[5] != b.logprobs[5] for a, b in zip(during, before, strict=True))
    after = generator.sample(Version(1, 1, handles[1]), job(engine))[0]
    assert [reply.tokens[:5] for reply in after] != [reply.tokens[:5] for reply in before]
    assert generator.engine.policy_version == 1


def test_without_news_a_fresh_generator_writes_what_any_other_does(fresh: Any) -> None:
    generator, board, handles, engine = fresh
    board.show(1)
    assert generator.sample(Version(1, 1, handles[1]), job(engine)) == sampled(engine)
