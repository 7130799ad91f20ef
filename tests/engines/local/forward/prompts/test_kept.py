"""What is kept of a prompt has the bits of one that is read alone, and goes when the weights change."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from straw.engines.base import AdamParams, Loss, SamplingParams
from straw.engines.local.batches import flatten
from straw.engines.local.engine import LocalEngine, LocalSettings
from straw.engines.local.forward.prompts.blocks import SAME_BITS
from straw.engines.local.forward.prompts.kept import MOST_BYTES, KeptPrompts
from straw.engines.local.forward.prompts.reading import read_prompts
from straw.engines.local.models.tiny import make_bare
from straw.text.chat.chat import Chat
from straw.types import Datum

CPU = torch.device("cpu")
PARAMS = SamplingParams(max_tokens=5)


def made(name: str = "tiny-0.2M") -> LocalEngine:
    model, tokenizer = make_bare(name, 0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)  # from the seed alone it says next to nothing
    return LocalEngine(model, Chat(tokenizer))


def keeping(engine: LocalEngine) -> KeptPrompts:
    engine.keep_prompts()
    assert engine.kept is not None
    return engine.kept


def prompt_of(engine: LocalEngine, length: int, first: int = 0) -> tuple[int, ...]:
    return tuple((7 * place + first) % 90 + 5 for place in range(length))


def answers(engine: LocalEngine, *prompts: tuple[int, ...], count: int = 9) -> list[Datum]:
    replies = [engine.chat.encode_reply(str(number)) for number in range(count)]
    return [Datum(prompt=p, tokens=reply, weights=(1.0,) * len(reply)) for p in prompts for reply in replies]


@torch.no_grad()
@pytest.mark.parametrize("name", ["tiny-0.2M", "tiny-1M"])
@pytest.mark.parametrize("length", [16, 17, 43, 63, 64, 65, 130])
def test_a_prompt_read_for_its_answers_has_the_bits_that_it_has_alone(name: str, length: int) -> None:
    engine = made(name)
    prompts = [prompt_of(engine, length), prompt_of(engine, length, 3)]
    alone, logits = zip(*(read_prompts(engine.reader, engine.head, [one], CPU) for one in prompts), strict=True)
    kept = keeping(engine)
    engine.logprobs(answers(engine, *prompts, count=64))
    assert set(kept.known()) == set(prompts)
    found, first = kept.read(prompts, CPU)
    for (one,), other in zip(alone, found, strict=True):
        assert one.prompt_lengths == other.prompt_lengths and list(one.kept) == list(other.kept)
        for mine, theirs in zip(one.kept.values(), other.kept.values(), strict=True):
            assert all(torch.equal(a, b) and a.stride() == b.stride() for a, b in zip(mine, theirs, strict=True))
    assert torch.equal(torch.cat(logits), first)


def test_a_long_prompt_is_not_kept_from_its_answers_since_a_sampler_reads_it_in_blocks() -> None:
    engine = made()
    kept = keeping(engine)
    long, short = prompt_of(engine, SAME_BITS + 1), prompt_of(engine, SAME_BITS)
    engine.logprobs(answers(engine, long))
    engine.logprobs(answers(engine, short))
    assert set(kept.known()) == {short}


@pytest.mark.parametrize("length", [5, 43])
def test_samples_and_log_probabilities_are_those_of_an_engine_that_keeps_nothing(length: int) -> None:
    plain, engine = made(), made()
    kept = keeping(engine)
    prompts = [prompt_of(engine, length), prompt_of(engine, length + 4), prompt_of(engine, length, 9)]
    seeds = [[row + 10 * place for row in range(6)] for place in range(3)]
    wanted = plain.sample(prompts, 6, PARAMS, seeds)
    data = answers(engine, *prompts[:1])
    for _ in range(2):
        assert engine.logprobs(data) == plain.logprobs(data)
        assert engine.sample(prompts, 6, PARAMS, seeds) == wanted
        assert engine.sample(prompts[1:], 6, PARAMS, seeds[1:]) == wanted[1:]
    assert set(kept.known()) == set(prompts)


def learned(engine: LocalEngine, folder: Path) -> Any:
    engine.forward_backward(answers(engine, prompt_of(engine, 20)), Loss(name="cross_entropy"))
    engine.optim_step(AdamParams(learning_rate=1e-1))
    engine.publish()
    return nullcontext()


def undone(engine: LocalEngine, folder: Path) -> Any:
    with engine.undone():
        learned(engine, folder)
        engine.sample([prompt_of(engine, 43)], 1, PARAMS, [[0]])
    return nullcontext()


def noisy(engine: LocalEngine, folder: Path) -> Any:
    return engine.noisy(3, 0.5)


def noise(engine: LocalEngine, folder: Path) -> Any:
    engine.add_noise([1], [0.5])
    engine.publish()
    return nullcontext()


def loaded(engine: LocalEngine, folder: Path) -> Any:
    other = made()
    learned(other, folder)
    other.save(folder / "other")
    engine.load(folder / "other")
    return nullcontext()


def at_start(engine: LocalEngine, folder: Path) -> Any:
    learned(engine, folder)
    engine.sample([prompt_of(engine, 43)], 1, PARAMS, [[0]])
    return engine.at_start()


def by_hand(engine: LocalEngine, folder: Path) -> Any:
    with torch.no_grad():
        for parameter in engine.model.parameters():
            parameter.add_(0.1)
    return nullcontext()


Change = Callable[[LocalEngine, Path], Any]


@pytest.mark.parametrize("change", [learned, undone, noisy, noise, loaded, at_start, by_hand])
def test_nothing_is_kept_of_other_weights(change: Change, tmp_path: Path) -> None:
    plain, engine = made(), made()
    keeping(engine)
    prompt = prompt_of(engine, 43)
    first = engine.sample([prompt], 8, PARAMS, [range(8)])
    assert first == plain.sample([prompt], 8, PARAMS, [range(8)])
    with change(engine, tmp_path), change(plain, tmp_path):
        wanted = plain.sample([prompt], 8, PARAMS, [range(8)])
        assert engine.sample([prompt], 8, PARAMS, [range(8)]) == wanted
        assert wanted != first or change in (undone, at_start)
    assert engine.sample([prompt], 8, PARAMS, [range(8)]) == plain.sample([prompt], 8, PARAMS, [range(8)])


def test_no_more_is_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = made()
    kept = keeping(engine)
    of_one = 2 * 3 * 64 * 43 * 4  # keys and values of three layers, 64 floats a token
    monkeypatch.setattr("straw.engines.local.forward.prompts.kept.MOST_BYTES", 2 * of_one)
    prompts = [prompt_of(engine, 43, first) for first in range(4)]
    found = engine.sample(prompts, 2, PARAMS, [[0, 1]] * 4)
    assert len(kept.known()) == 2 and kept.num_bytes == 2 * of_one
    assert engine.sample(prompts, 2, PARAMS, [[0, 1]] * 4) == found


def test_where_bits_depend_on_the_company_nothing_is_kept() -> None:
    model, tokenizer = make_bare("tiny-0.2M", 0)
    engine = LocalEngine(model, Chat(tokenizer), LocalSettings(dtype="bfloat16"))
    engine.keep_prompts()
    assert engine.kept is None


def test_only_new_prompts_of_one_length_and_of_a_tile_at_least_are_wanted() -> None:
    engine = made()
    kept = keeping(engine)

    def wants(*prompts: tuple[int, ...]) -> bool:
        data = answers(engine, *prompts, count=2)
        groups = [[2 * place, 2 * place + 1] for place in range(len(prompts))]
        return kept.wants(flatten(data, groups, CPU, every_token=True))

    one, other = prompt_of(engine, 16), prompt_of(engine, 16, 3)
    assert wants(one) and wants(one, other)
    assert not wants(prompt_of(engine, 15))
    assert not wants(one, prompt_of(engine, 17))
    engine.logprobs(answers(engine, one))
    assert not wants(one) and wants(one, other)
    engine.reader.is_by_token = False
    assert not wants(other)


def test_there_is_room_for_32_mebibytes_of_keys_and_values() -> None:
    assert MOST_BYTES == 32 * 2**20
