"""The engine's verbs on numbers that the model's own hidden states give, and both sides of its limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.engines.contract import lesson, prompts_of
from tests.engines.local.kinds import make_engine

from straw.engines.base import Loss, Reply, SamplingParams, Tokens
from straw.engines.local import engine as engine_module
from straw.engines.local.batches import read_rows
from straw.engines.local.engine import MAX_ROWS, LocalEngine, LocalSettings, spaced
from straw.engines.local.forward import attention
from straw.engines.local.forward.packing import Pack
from straw.errors import ConfigError
from straw.types import Datum

CPU = torch.device("cpu")
PROMPT = tuple(range(5, 15))  # ten tokens
TWO = SamplingParams(max_tokens=2)


@pytest.fixture
def engine() -> LocalEngine:
    return make_engine("embedded")


def datum(*tokens: int, prompt: Tokens = PROMPT) -> Datum:
    return Datum(prompt=prompt, tokens=tokens, weights=(1.0,) * len(tokens))


def states_of(engine: LocalEngine, tokens: Sequence[int]) -> torch.Tensor:
    """Hidden states of one text, alone."""
    pack = Pack([len(tokens)], [[]], CPU)
    with torch.no_grad():
        return engine.reader.hidden(torch.tensor(tokens), pack.positions, pack)


def test_settings_that_nobody_wrote_are_those_of_a_processor() -> None:
    assert LocalSettings() == LocalSettings(
        device="cpu", dtype="float32", tokens_per_microbatch=None, gradient_checkpointing=False, fast_llama=True,
        rows_at_once=None, generator="straw",
    )  # fmt: skip
    assert MAX_ROWS == 512


def test_an_engine_begins_at_version_0_and_its_weights_are_the_sampler_s(engine: LocalEngine) -> None:
    assert (engine.policy_version, engine.is_published, engine.changes) == (0, True, 0)
    assert not engine.model.training and not engine.is_made
    assert engine.trained_bytes == 4 * sum(p.numel() for p in engine.model.parameters())


# --- room


def with_room(engine: LocalEngine, room: int) -> LocalEngine:
    engine.model.config.max_position_embeddings = room
    return engine


def refused(call: Callable[[], Any], wanted: int, room: int) -> None:
    with pytest.raises(ConfigError, match=rf"reads {room} tokens, prompt and replies together; {wanted} are wanted"):
        call()


@pytest.mark.parametrize("rows_at_once", [None, 16])
def test_prompt_and_reply_may_fill_the_model_s_positions_to_the_last(
    rows_at_once: int | None, engine: LocalEngine
) -> None:
    engine.settings = replace(engine.settings, rows_at_once=rows_at_once)
    prompts, seeds = [PROMPT[:4], PROMPT], [range(17)] * 2
    assert len(with_room(engine, 12).sample(prompts, 17, TWO, seeds)) == 2
    refused(lambda: with_room(engine, 11).sample(prompts, 17, TWO, seeds), 12, 11)


def test_a_conversation_may_fill_the_model_s_positions_to_the_last(engine: LocalEngine) -> None:
    refused(lambda: with_room(engine, 9).converse(PROMPT, 2), 10, 9)
    talk = with_room(engine, 20).converse(PROMPT, 2)
    refused(lambda: talk.generate(replace(TWO, max_tokens=11), [0, 1]), 21, 20)
    talk.generate(replace(TWO, max_tokens=4), [0, 1])
    refused(lambda: talk.append([(7,), (7,) * 7]), 21, 20)
    talk.append([(7,), (7,) * 5])
    refused(lambda: talk.generate(TWO, [0, 1]), 21, 20)
    assert len(talk.generate(replace(TWO, max_tokens=1), [0, 1])) == 2


def test_data_may_fill_the_model_s_positions_to_the_last(engine: LocalEngine) -> None:
    data = [datum(20), datum(20, 21, 22)]
    assert len(with_room(engine, 13).logprobs(data)) == 2
    refused(lambda: with_room(engine, 12).logprobs(data), 13, 12)
    assert engine.logprobs([]) == []


def test_a_model_that_names_no_limit_has_none(engine: LocalEngine) -> None:
    engine.model.config = SimpleNamespace()
    assert engine.room is None
    engine.check_room(10**9)


# --- who samples


def counting(counted: list[int], count: Callable[..., int], real: Callable[..., Any]) -> Callable[..., Any]:
    """The real one, and `count` of what it is given is written down."""

    def called(*given: Any) -> Any:
        counted.append(count(*given))
        return real(*given)

    return called


def test_as_many_rows_as_may_decode_together_begin_together(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    slots = engine_module.Slots
    monkeypatch.setattr(engine_module, "Slots", counting(made, lambda *given: given[4], slots))
    engine.settings = replace(engine.settings, rows_at_once=20)
    for num_samples, in_slots in ((10, []), (11, [20])):
        made.clear()
        engine.sample([PROMPT, PROMPT[1:]], num_samples, TWO, [range(num_samples)] * 2)
        assert made == in_slots


@pytest.mark.parametrize(
    ("most", "num_samples", "together"), [(6, 2, [3, 2]), (5, 2, [2, 2, 1]), (4, 4, [1] * 5), (1, 3, [1] * 5)]
)
def test_prompts_are_sampled_as_many_at_a_time_as_their_rows_have_room(
    most: int, num_samples: int, together: list[int], engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "MAX_ROWS", most)
    made: list[int] = []
    rows = engine_module.Rows
    monkeypatch.setattr(engine_module, "Rows", counting(made, lambda *given: len(given[2]), rows))
    prompts, seeds = [PROMPT[at:] for at in range(5)], [range(10 * at, 10 * at + num_samples) for at in range(5)]
    found = engine.sample(prompts, num_samples, TWO, seeds)
    assert made == together
    monkeypatch.setattr(engine_module, "MAX_ROWS", 512)
    assert found == engine.sample(prompts, num_samples, TWO, seeds)


class Elsewhere:
    """A backend that writes down what it is asked."""

    def __init__(self, engine: LocalEngine) -> None:
        self.engine, self.log = engine, []  # type: ignore[var-annotated]

    def check(self, device: str) -> None:
        raise AssertionError("a backend that is there was found fit")

    def take(self, version: int) -> None:
        self.log.append(("take", version))

    def sample(self, prompts: Sequence[Tokens], num_samples: int, *rest: Any) -> list[list[Reply]]:
        self.log.append(("sample", len(prompts), num_samples))
        return [[Reply((1,), (-1.0,), True)] * num_samples for _ in prompts]

    def close(self) -> None:
        self.log.append(("close",))


def test_a_backend_takes_the_weights_once_for_every_change_and_no_prompts_ask_nobody(engine: LocalEngine) -> None:
    engine.settings = replace(engine.settings, generator="elsewhere")
    assert engine.sample([], 3, TWO, []) == [] and engine.backend is None
    backend = Elsewhere(engine)
    engine.backend = backend  # type: ignore[assignment]
    for _ in range(2):
        assert engine.sample([PROMPT], 3, TWO, [range(3)]) == [[Reply((1,), (-1.0,), True)] * 3]
    engine.add_noise([1], [0.1])
    engine.publish()
    engine.sample([PROMPT, PROMPT], 1, TWO, [[0], [1]])
    refused(lambda: with_room(engine, 11).sample([PROMPT], 1, TWO, [[0]]), 12, 11)
    engine.close()
    engine.close()
    said = [("take", 0), ("sample", 1, 3), ("sample", 1, 3), ("take", 1), ("sample", 2, 1), ("close",)]
    assert backend.log == said and engine.backend is None


def test_what_is_let_go_of_takes_no_memory(engine: LocalEngine) -> None:
    engine.policies.leave_start()
    backend = Elsewhere(engine)
    engine.backend = backend  # type: ignore[assignment]
    engine.let_go()
    assert backend.log == [("close",)]
    assert all(p.numel() == 0 for p in engine.model.parameters()) and engine.trained_bytes == 0
    assert not engine.policies.kept and not engine.optimizer.state


# --- what is read


def test_a_text_is_embedded_as_the_mean_of_its_states(engine: LocalEngine) -> None:
    texts = ["Name it.", "a"]
    for text, vector in zip(texts, engine.embed(texts), strict=True):
        wanted = states_of(engine, engine.chat.encode(text)).mean(0)
        np.testing.assert_allclose(vector, wanted.numpy(), atol=1e-5)


def test_texts_read_many_at_a_time_are_embedded_alike(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["Name it.", "a", "Name the secret, please."]
    alone = engine.embed(texts)
    monkeypatch.setattr(attention, "keeps_bits", lambda device: False)
    np.testing.assert_allclose(engine.embed(texts), alone, atol=1e-5)


def test_a_state_stands_before_its_token_and_the_first_on_the_prompt(engine: LocalEngine) -> None:
    data = [datum(20, 21, 22), datum(23), datum(24, 25, prompt=PROMPT[:4])]
    for one, found in zip(data, engine.states(data), strict=True):
        whole = states_of(engine, [*one.prompt, *one.tokens])
        wanted = whole[len(one.prompt) - 1 : -1]
        assert found.shape == wanted.shape and found.dtype == np.float64
        np.testing.assert_allclose(found, wanted.numpy(), atol=1e-5)


def test_layers_of_a_reply_are_means_behind_its_prompt_and_of_one_token_the_prompt_s_end(engine: LocalEngine) -> None:
    data = [datum(20, 21, 22), datum(23), datum(24, 25, 26, 27, prompt=PROMPT[:4])]
    for one, found in zip(data, engine.layers(data, 2), strict=True):
        tokens, pack = [*one.prompt, *one.tokens], Pack([len(one.prompt) + len(one.tokens)], [[]], CPU)
        with torch.no_grad():
            every = engine.reader.layers(torch.tensor(tokens), pack.positions, pack)
        own = slice(len(one.prompt), -1) if len(one.tokens) > 1 else slice(len(one.prompt) - 1, len(one.prompt))
        wanted = [every[layer][own].mean(0).numpy() for layer in spaced(len(every), 2)]
        np.testing.assert_allclose(found, np.stack(wanted), atol=1e-5)


def test_the_first_pair_of_a_datum_is_left_out_where_it_has_others() -> None:
    flat: Any = Pairs(owner=[0, 1, 2, 0, 2, 0], position=[0, 0, 0, 1, 1, 2], rows=[0, 0, 0, 1, 2, 3])
    assert read_rows(flat) == {0: [1, 3], 1: [0], 2: [2]}


class Pairs:
    def __init__(self, owner: list[int], position: list[int], rows: list[int]) -> None:
        self.owner, self.position, self.rows = owner, position, torch.tensor(rows)


def test_as_many_layers_as_there_are_and_the_last_of_all_when_one_is_asked_for() -> None:
    assert spaced(7, 2) == [2, 6] and spaced(7, 3) == [1, 3, 6] and spaced(2, 2) == [0, 1] and spaced(2, 3) == [0, 1]


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_the_likeliest_tokens_come_with_their_probabilities_the_most_likely_first(
    temperature: float, engine: LocalEngine
) -> None:
    data = [datum(20, 21), datum(22)]
    found = engine.likeliest(data, 3, temperature=temperature)
    assert [[len(one) for one in row] for row in found] == [[3, 3], [3]]
    with torch.no_grad():
        whole = engine.head.logits(states_of(engine, [*PROMPT, 20])) / temperature
    for place, at in ((0, len(PROMPT) - 1), (1, len(PROMPT))):
        p, tokens = whole[at].softmax(-1).topk(3)
        assert list(found[0][place]) == tokens.tolist()
        assert list(found[0][place].values()) == pytest.approx(p.tolist(), abs=1e-6)
    vocabulary = engine.head.weight.shape[0]
    (everything,) = engine.likeliest([datum(22)], vocabulary + 5)[0]
    assert len(everything) == vocabulary and sum(everything.values()) == pytest.approx(1.0, abs=1e-5)


# --- training


def test_a_kl_needs_tokens_that_were_drawn(engine: LocalEngine) -> None:
    soft = Datum(prompt=PROMPT, tokens=(20,), weights=(1.0,), soft_targets=({20: 0.5, 21: 0.5},))
    engine.check_loss([soft], Loss(name="cross_entropy"))
    engine.check_loss(lesson(engine), Loss(name="cross_entropy", kl_coef=0.1))
    with pytest.raises(ConfigError, match="soft targets are not: use kl_coef=0"):
        engine.check_loss([datum(20), soft], Loss(name="cross_entropy", kl_coef=0.1))


def test_prompts_are_kept_where_a_reading_has_the_same_bits_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make_engine("embedded")
    engine.keep_prompts()
    assert engine.kept is not None
    monkeypatch.setattr(attention, "keeps_bits", lambda device: False)
    other = make_engine("embedded")
    other.keep_prompts()
    assert other.kept is None


def test_prompts_are_kept_from_log_probabilities_of_the_current_weights_alone(engine: LocalEngine) -> None:
    engine.keep_prompts()
    assert engine.kept is not None
    long = prompts_of(engine)[2]
    data = [datum(20, 21, prompt=long)]
    engine.logprobs(data, "start")
    assert not engine.kept.known()
    engine.logprobs(data)
    assert set(engine.kept.known()) == {long}
