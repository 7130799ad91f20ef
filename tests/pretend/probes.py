"""Small pieces of work that together go through every place of the engine that makes a tensor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.engines.contract import STEP, datum, lesson, prompts_of
from tests.engines.local.kinds import make_engine
from tests.pretend.device import NAME, without_float64

from straw.engines.base import Loss, SamplingParams
from straw.engines.encoder import PACKAGE, ByFunction, minilm_folder
from straw.engines.encoder_bert import BertEncoder
from straw.engines.local import sampler
from straw.engines.local.forward import attention, lm_head
from straw.engines.local.models.in_transformers import in_transformers
from straw.engines.local.models.tiny import make_bare
from straw.training.warmup.frozen_head import most_likely
from straw.types import Datum

STOPS = frozenset(range(0, 200, 3))
PPO = Loss(name="ppo", settings={"clip_low": 0.2, "clip_high": 0.2}, kl_coef=0.1, entropy_coef=0.1)


def sampled() -> Any:
    """Two prompts of two lengths, and a conversation that hears something."""
    engine = make_engine("embedded", device=NAME)
    first, second, *_ = prompts_of(engine)
    told: list[Any] = []
    params = SamplingParams(max_tokens=3, stop=STOPS, top_p=0.9, top_k=20)
    engine.sample_one_by_one([first, second], 2, params, [[0, 1], [2, 3]], lambda *reply: told.append(reply))
    talk = engine.converse(first, 2)
    talk.generate(SamplingParams(max_tokens=2, temperature=0.0), [0, 1])
    talk.append([(3, 4), (5,)])
    return told, talk.generate(SamplingParams(max_tokens=2), [0, 1])


def read_padded() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "keeps_bits", lambda device: device.type != NAME)
        engine = make_engine("embedded", device=NAME)
        return engine.sample(list(prompts_of(engine)[:2]), 1, SamplingParams(max_tokens=1), [[0], [1]])


def in_slots() -> Any:
    engine = make_engine("embedded", device=NAME, rows_at_once=16)
    prompts = [prompts_of(engine)[0]] * 20
    return engine.sample(prompts, 1, SamplingParams(max_tokens=3, stop=STOPS), [[seed] for seed in range(20)])


def trained() -> Any:
    """Replies of two lengths, every term of the objective, and back from a checkpoint."""
    engine = make_engine("embedded", device=NAME, gradient_checkpointing=True)
    (replies,) = engine.sample([prompts_of(engine)[0]], 2, SamplingParams(max_tokens=3, stop=STOPS), [[0, 1]])
    data = [replace(datum(prompts_of(engine)[0], one), advantages=(1.0,) * len(one.tokens)) for one in replies]
    engine.forward_backward([*data, *lesson(engine)], PPO)
    engine.optim_step(STEP)
    with TemporaryDirectory() as folder:
        engine.save(Path(folder))
        engine.load(Path(folder))
        engine.set_reference(Path(folder))
        engine.forward_backward(data, PPO)
        engine.optim_step(STEP)
    return [engine.logprobs(lesson(engine), policy) for policy in ("current", "start", "reference")]  # type: ignore[arg-type]


def head_in_pieces() -> Any:
    """A vocabulary so large that a few positions are taken at a time."""
    engine = make_engine("embedded", device=NAME)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lm_head, "BUDGET", 2 * engine.head.weight.shape[0])
        engine.forward_backward(lesson(engine), PPO)
        return engine.logprobs(lesson(engine))


def of_replies() -> Any:
    """A loss of whole replies, states, noise, and a conversation that most rows leave."""
    engine = make_engine("embedded", device=NAME)
    data = [
        replace(one, advantages=(1.0,) * len(one.tokens), logprobs=(-1.0,) * len(one.tokens)) for one in lesson(engine)
    ]
    engine.forward_backward(data * 3, Loss(name="gspo", settings={"clip_low": 0.2, "clip_high": 0.2}))
    engine.optim_step(STEP)
    engine.add_noise([1, 2], [0.1, -0.1])
    engine.publish()
    talk = engine.converse(prompts_of(engine)[0], 40)
    talk.generate(SamplingParams(max_tokens=2), range(40))
    talk.keep([1, 5])
    talk.append([(3, 4), (5,)])
    said = talk.generate(SamplingParams(max_tokens=2), [0, 1])
    looked_at = [one.tolist() for one in (*engine.states(data), *engine.layers(data, 2), engine.token_vectors([3, 4]))]
    return said, looked_at, engine.likeliest(data, 3)


def by_modules() -> Any:
    """Of a prompt that is longer than the window."""
    engine = make_engine("gemma3", device=NAME)
    words = engine.chat.encode("Name the secret, please.")
    return engine.logprobs([Datum(prompt=words, tokens=(5, 6), weights=(1.0, 1.0))])


def by_own_llama() -> Any:
    """As its modules say it, and where those of transformers would, whose buffers are their own."""
    model = make_bare("tiny-0.2M", 0)[0].to(NAME)
    where = {buffer.device.type for buffer in in_transformers(model).buffers()}
    with torch.no_grad():
        return model(torch.arange(3, 9, device=NAME)).tolist(), where


def without_doubles() -> Any:
    with pytest.MonkeyPatch.context() as patch, without_float64():
        patch.setattr(sampler, "has_float64", lambda device: device.type != NAME)
        return sampled(), in_slots()


def embedded() -> Any:
    engine = make_engine("embedded", device=NAME)
    return engine.embed(["a", "the secret"])


@cache
def has_minilm() -> bool:
    return find_spec(PACKAGE) is not None


def encoded() -> Any:
    found = BertEncoder(minilm_folder(), NAME).encode(["a", "She has 3 apples."])
    return found.device.type, found.tolist()


def encoded_by_mine() -> Any:
    found = ByFunction(lambda texts: torch.ones(len(texts), 3, device=NAME)).encode(["a"])
    return found.device.type, found.tolist()


def head_climbed() -> Any:
    engine = make_engine("embedded", device=NAME)
    return most_likely(SimpleNamespace(model=engine.model), [3, 4])  # type: ignore[arg-type]


ALL: dict[str, Callable[[], Any]] = {
    "sampled": sampled, "in slots": in_slots, "trained": trained, "of replies": of_replies, "embedded": embedded,
    "by modules": by_modules, "read padded": read_padded, "by own llama": by_own_llama,
    "head in pieces": head_in_pieces,
    "without doubles": without_doubles, "encoded by mine": encoded_by_mine, "head climbed": head_climbed,
    **({"encoded": encoded} if has_minilm() else {}),
}  # fmt: skip
OWN = {
    "continuous_batching": ("in slots",),
    "encoder": ("encoded by mine",),
    "reading": ("sampled", "read padded"),
    "blocks": ("sampled", "read padded"),
    "llama": ("by own llama",),
    "in_transformers": ("by own llama",),
    "sampler": ("sampled", "in slots", "without doubles", "of replies"),
    "packing": ("sampled", "trained", "by modules"),
    "kv_cache": ("sampled", "in slots"),
    "frozen_head": ("head climbed",),
    "encoder_bert": ("encoded",),
    "attention": ("sampled", "by modules"),
    "self_check": ("sampled",),
    "engine": ("embedded", "sampled", "of replies"),
    "lm_head": ("trained", "by modules", "head in pieces"),
    "objective": ("trained", "of replies"),
    "train_state": ("trained", "by modules", "of replies"),
}


def names_for(file: str) -> tuple[str, ...]:
    """The probes that go through a file."""
    return OWN.get(Path(file).stem, ("trained", "by modules"))
