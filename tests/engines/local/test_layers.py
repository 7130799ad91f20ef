"""Hidden states by layer are those of transformers, and the start stays what it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from straw.engines.base import AdamParams, Loss
from straw.engines.local.engine import LocalEngine, LocalSettings, spaced
from straw.engines.local.forward.hf_reader import plainly
from straw.engines.local.models.tiny import make_embedded
from straw.text.chat.chat import Chat
from straw.types import Datum, Message


def made(fast_llama: bool = True) -> LocalEngine:
    model, tokenizer = make_embedded("tiny-0.2M", 0)
    return LocalEngine(model, Chat(tokenizer), LocalSettings(fast_llama=fast_llama))


def data_of(engine: LocalEngine) -> list[Datum]:
    prompt = engine.chat.opening([Message("user", "a number?")])
    replies = [engine.chat.encode_reply(text) for text in ("37", "5", "1024")]
    return [Datum(prompt=prompt, tokens=reply, weights=(1.0,) * len(reply)) for reply in replies]


def by_transformers(engine: LocalEngine, datum: Datum) -> np.ndarray:
    """[layers, width]: the mean over the reply but its last token."""
    tokens = torch.tensor([[*datum.prompt, *datum.tokens[:-1]]])
    with torch.no_grad(), plainly(engine.model) as model:
        states = model(input_ids=tokens, output_hidden_states=True).hidden_states[1:]
    return torch.stack([one[0, len(datum.prompt) :].mean(0) for one in states]).numpy()


@pytest.mark.parametrize("fast_llama", [True, False])
def test_layers_are_means_over_what_was_read_of_a_reply(fast_llama: bool) -> None:
    """The last one differs in the norm that transformers adds to it."""
    engine = made(fast_llama)
    data = data_of(engine)
    for datum, found in zip(data, engine.layers(data, 3), strict=True):
        assert found.shape == (3, 64)
        np.testing.assert_allclose(found[:2], by_transformers(engine, datum)[:2], atol=1e-5)


def test_layers_and_vectors_are_those_of_the_start_whatever_was_learned_since() -> None:
    engine = made()
    data = data_of(engine)
    layers, vectors = engine.layers(data, 2), engine.token_vectors([3, 5])
    before = engine.logprobs(data)
    engine.forward_backward(data, Loss(name="cross_entropy"))
    engine.optim_step(AdamParams(learning_rate=1e-2))
    engine.publish()
    learned = engine.logprobs(data)
    np.testing.assert_array_equal(engine.layers(data, 2), layers)
    np.testing.assert_array_equal(engine.token_vectors([3, 5]), vectors)
    with engine.at_start():
        assert engine.logprobs(data) == before
    assert engine.logprobs(data) == learned != before


def test_vectors_are_rows_of_the_input_embeddings() -> None:
    engine = made()
    weights = engine.model.get_input_embeddings().weight.detach().numpy()
    np.testing.assert_array_equal(engine.token_vectors([3, 5]), weights[[3, 5]])


def test_layers_are_spaced_evenly_with_the_last_of_all() -> None:
    assert spaced(30, 5) == [5, 11, 17, 23, 29] and spaced(3, 9) == [0, 1, 2] and spaced(4, 1) == [3]
