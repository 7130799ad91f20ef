"""vLLM's adapter keeps to the protocol of 0.32, as a double of it has it; the real one is for `make gpu`."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

import pytest
from tests.engines.backends.vllm_double import CALLS, installed
from tests.engines.contract import gap_to_trainer, learn, prompts_of
from tests.engines.local.kinds import make_engine

from straw.engines.backends.vllm import PICKLES, Vllm
from straw.engines.base import SamplingParams
from straw.engines.local.engine import LocalEngine
from straw.errors import ConfigError, EngineFailed


@pytest.fixture(params=["embedded", "llama", "lora"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalEngine]:
    installed(monkeypatch)
    monkeypatch.setattr(Vllm, "check", staticmethod(lambda device: None))  # there is no card; see below
    with make_engine(request.param, generator="vllm") as made:
        yield made


def test_each_version_is_taken_once_before_the_first_reply_and_reaches_every_weight(engine: LocalEngine) -> None:
    prompt, params = prompts_of(engine)[1], SamplingParams(max_tokens=4)
    round_trip = ["start", "update", "finish", "reset", "generate"]
    for version in range(3):
        (replies,) = engine.sample([prompt], 2, params, [range(2)])
        assert gap_to_trainer(engine, prompt, replies) <= 1e-4
        assert CALLS.made == ["made", "init", *(round_trip * (version + 1))]
        learn(engine, 3)
        engine.publish()
    with engine.undone():
        learn(engine)
        engine.publish()
    (replies,) = engine.sample([prompt], 1, params, [[0]])
    assert gap_to_trainer(engine, prompt, replies) <= 1e-4  # what was taken back was sent again
    engine.sample([prompt], 1, params, [[0]])
    assert CALLS.made[-2:] == ["generate", "generate"]  # nothing had changed


def test_every_reply_has_its_own_seed_its_temperature_and_its_end(engine: LocalEngine) -> None:
    prompts = prompts_of(engine)[:2]
    params = SamplingParams(max_tokens=6, temperature=0.7, stop=frozenset(range(0, 50_000, 4)))
    seeds = [[1, 2, 2**64 - 1], [1, 1, 3]]
    replies = engine.sample(prompts, 3, params, seeds)
    assert replies[1][0] == replies[1][1] and len({reply.tokens for row in replies for reply in row}) >= 4
    for prompt, row in zip(prompts, replies, strict=True):
        assert gap_to_trainer(engine, prompt, row, 0.7) <= 1e-4
        for reply in row:
            assert reply.stopped == (reply.tokens[-1] in params.stop) and not params.stop & set(reply.tokens[:-1])
    told: list[object] = []
    engine.sample_one_by_one(prompts, 3, params, seeds, lambda *facts: told.append(facts))
    assert told == [(at, row, replies[at][row]) for at in range(2) for row in range(3)]


def test_what_vllm_says_becomes_a_line(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    params = SamplingParams(max_tokens=1)
    engine.sample([(5, 6)], 1, params, [[0]])
    assert isinstance(engine.backend, Vllm)

    def full(*given: object, **named: object) -> None:
        raise RuntimeError("CUDA out of memory\nand so on")

    monkeypatch.setattr(engine.backend.llm, "generate", full)
    with pytest.raises(EngineFailed, match=r"^vLLM failed \(CUDA out of memory\)$"):
        engine.sample([(5, 6)], 1, params, [[0]])
    monkeypatch.setattr(engine.backend.llm, "update_weights", full)
    learn(engine)
    engine.publish()
    with pytest.raises(EngineFailed, match=r"^vLLM did not take version 1 \(CUDA out of memory\)$"):
        engine.sample([(5, 6)], 1, params, [[0]])


@pytest.mark.parametrize(
    ("there", "device", "allowed", "said"),
    [
        (None, "cuda", "1", r"pip install 'straw\[vllm\]'"),
        ("0.31.0", "cuda", "1", r"0\.32 and newer, below 0\.34; got 0\.31\.0"),
        ("0.34.1", "cuda", "1", r"got 0\.34\.1"),
        ("0.32.0", "cpu", "1", "got generator=vllm with device=cpu"),
        ("0.33.0", "cuda", "0", f"write {PICKLES}=1 in front"),
        ("0.33.0", "cuda:0", "0", f"write {PICKLES}=1 in front"),
        ("0.33.0", "cuda:1", "1", r"got device=cuda:1\. Write CUDA_VISIBLE_DEVICES=1 in front .* and device=cuda"),
    ],
)
def test_what_is_missing_is_named_in_a_line(
    there: str | None, device: str, allowed: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if there is None:
            raise metadata.PackageNotFoundError(name)
        return there

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setenv(PICKLES, allowed)
    with pytest.raises(ConfigError, match=said) as refused:
        Vllm.check(device)
    assert "\n" not in str(refused.value)
