"""What is said about prompts and replies, with transformers' own logits as the judge."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.engines.tenants.tenants_here import adapter_of, ask, finish, outspoken, prompt_of, tenants
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from straw.engines.local.forward import lm_head
from straw.engines.tenants.engine import TenantEngine
from straw.engines.tenants.records import Array, Example, Sampling, Sequence, Shape, Tokens
from straw.engines.tenants.sampling import scores
from straw.errors import ConfigError
from straw.text.chat.chat import Chat

PROMPT = prompt_of("the secret is 7, and 7 is the secret")
LIMIT_NATS = 1e-4


@pytest.fixture(scope="module")
def engine() -> TenantEngine:
    return tenants({"whole": Shape(rank=4, seed=1), "attention": Shape(rank=2, seed=2, mlp=False, unembed=False)})


def judged(engine: TenantEngine, weights: str | None, tokens: Tokens) -> Array:
    """[N, V] log-probabilities in float64, of a model with the adapters merged into its matrices."""
    model = outspoken()
    head = deepcopy(model.lm_head)
    head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    model.lm_head = head  # apart from the embedding
    model.double()
    if weights is not None:
        adapter = adapter_of(engine, weights)
        for layer, (a, b) in adapter.pairs.items():
            model.get_submodule(layer).weight.data += adapter.scale * b.detach().double() @ a.detach().double()
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0]
    found: Array = logits.log_softmax(-1).numpy()
    return found


@pytest.mark.parametrize("weights", [None, "whole", "attention"])
@pytest.mark.parametrize("budget", [lm_head.BUDGET, 2000], ids=["at once", "in pieces"])
def test_prompt_top_k_and_targets(
    engine: TenantEngine, weights: str | None, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scores, "BUDGET", budget)
    targets = np.random.default_rng(0).integers(0, engine.facts.vocabulary, (len(PROMPT) - 1, 3))
    targets[4, 1] = targets[5, 0] = -1
    asked = Sampling(
        prompt=PROMPT, seeds=(0,), max_tokens=1, prompt_logprobs=True, topk_prompt_logprobs=4, target_tokens=targets
    )
    told, judge = ask(engine, weights, asked), judged(engine, weights, PROMPT)
    assert told.prompt_logprobs is not None and told.topk_prompt is not None and told.target_logprobs is not None
    assert told.prompt_logprobs.dtype == np.float32 and np.isnan(told.prompt_logprobs[0])
    own = judge[np.arange(len(PROMPT) - 1), PROMPT[1:]]
    assert np.abs(told.prompt_logprobs[1:] - own).max() < LIMIT_NATS
    likeliest = np.sort(judge[:-1], axis=1)[:, :-5:-1]
    assert told.topk_prompt.tokens.dtype == np.int32 and told.topk_prompt.tokens.shape == (len(PROMPT), 4)
    assert not told.topk_prompt.tokens[0].any() and (told.topk_prompt.logprobs[0] == -99999.0).all()
    assert np.abs(told.topk_prompt.logprobs[1:] - likeliest).max() < LIMIT_NATS
    assert np.abs(np.take_along_axis(judge[:-1], told.topk_prompt.tokens[1:], 1) - likeliest).max() < LIMIT_NATS
    of_targets = np.where(targets < 0, 0.0, np.take_along_axis(judge[:-1], targets.clip(0), 1))
    assert told.target_logprobs.shape == targets.shape
    assert np.abs(told.target_logprobs - of_targets).max() < LIMIT_NATS
    assert of_targets[4, 1] == told.target_logprobs[4, 1] == 0.0


@pytest.mark.parametrize("weights", [None, "whole"])
def test_alternatives_are_drawn_as_often_as_the_judge_finds_them_likely(
    engine: TenantEngine, weights: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    k, temperature, places = 1000, 1.7, np.arange(len(PROMPT) - 1)[:, None]
    asked = Sampling(prompt=PROMPT, seeds=(3,), max_tokens=1, temperature=temperature, prompt_alternatives=k)
    drawn, judge = ask(engine, weights, asked).alternatives, judged(engine, weights, PROMPT)[:-1]
    assert drawn is not None and drawn.tokens.shape == drawn.logprobs.shape == (len(PROMPT) - 1, k)
    assert np.abs(np.take_along_axis(judge, drawn.tokens, 1) - drawn.logprobs).max() < LIMIT_NATS  # at temperature 1
    hot = np.exp(judge / temperature)
    hot /= hot.sum(1, keepdims=True)
    often = np.zeros_like(hot)
    np.add.at(often, (places, drawn.tokens), 1 / k)
    by_chance = np.sqrt(hot * (1 - hot) / k).sum(1) * np.sqrt(2 / np.pi) / 2  # expected distance of k fair draws
    assert (np.abs(often - hot).sum(1) / 2 < 1.5 * by_chance).all()
    monkeypatch.setattr(scores, "BUDGET", 2000)
    again = ask(engine, weights, asked).alternatives
    assert again is not None and (again.tokens == drawn.tokens).all()
    cold = ask(engine, weights, replace(asked, temperature=0.0)).alternatives
    assert cold is not None and (cold.tokens == judge.argmax(1)[:, None]).all()


@pytest.mark.parametrize("weights", [None, "whole"])
def test_a_reply_s_log_probabilities_are_those_of_what_is_drawn_from(engine: TenantEngine, weights: str | None) -> None:
    asked = Sampling(
        prompt=PROMPT, seeds=(5,), max_tokens=12, temperature=0.7, top_k=6, topk_logprobs=8, end_token_stops=False
    )
    (reply,) = ask(engine, weights, asked).sequences
    judge = judged(engine, weights, (*PROMPT, *reply.tokens))[len(PROMPT) - 1 : -1] / 0.7
    sixth = np.sort(judge, axis=1)[:, -6:-5]
    kept = np.where(judge >= sixth, judge, -np.inf)
    kept -= np.log(np.exp(kept).sum(1, keepdims=True))
    assert reply.topk is not None and reply.topk.logprobs.shape == (12, 8)
    assert np.abs(reply.logprobs - kept[np.arange(12), reply.tokens]).max() < LIMIT_NATS
    assert np.abs(reply.topk.logprobs[:, :6] - np.sort(kept, axis=1)[:, :-7:-1]).max() < LIMIT_NATS
    assert (reply.topk.logprobs[:, 6:] == -99999.0).all()


def test_temperature_0_takes_the_likeliest(engine: TenantEngine) -> None:
    (reply,) = ask(engine, "whole", Sampling(prompt=PROMPT, seeds=(0,), max_tokens=8, temperature=0.0)).sequences
    judge = judged(engine, "whole", (*PROMPT, *reply.tokens))[len(PROMPT) - 1 : -1]
    assert judge.argmax(1).tolist() == list(reply.tokens)
    assert np.abs(reply.logprobs - judge.max(1)).max() < LIMIT_NATS


@pytest.mark.parametrize("weights", ["whole", "attention"])
def test_sampler_trainer_and_prompt_agree(engine: TenantEngine, weights: str) -> None:
    """To 1e-5 nats, for every token of a reply."""
    (reply,) = ask(engine, weights, Sampling(prompt=PROMPT, seeds=(3,), max_tokens=20)).sequences
    whole = (*PROMPT, *reply.tokens)
    told = ask(engine, weights, Sampling(prompt=whole, seeds=(0,), max_tokens=1, prompt_logprobs=True)).prompt_logprobs
    data = [Example(whole[:-1], {"target_tokens": np.array(whole[1:])})]
    pieces = engine.forward_backward(weights, data, "cross_entropy", {}, forward_only=True)
    try:
        while True:
            next(pieces)
    except StopIteration as end:
        (trained,) = end.value.logprobs
    assert told is not None and len(reply.tokens) > 3
    assert np.abs(told[1:] - trained).max() < 1e-5
    assert np.abs(reply.logprobs - trained[len(PROMPT) - 1 :]).max() < 1e-5


def test_a_prompt_is_read_once(engine: TenantEngine) -> None:
    """Among requests that come together, later, and after all of them are done; other weights read it again."""
    reader = engine.sampler.prompt_reader
    fresh = prompt_of("nobody asked this before")
    request = Sampling(prompt=fresh, seeds=(0, 1), max_tokens=6)
    before = reader.num_tokens_read
    engine.begin("a", "whole", request)
    engine.begin("b", "whole", request)
    engine.decode()
    engine.begin("c", "whole", request)
    found = finish(engine)
    after = ask(engine, "whole", Sampling(prompt=fresh, seeds=(0,), max_tokens=1, prompt_logprobs=True))
    assert reader.num_tokens_read - before == len(fresh)
    cached = [one.cached_prompt_tokens for one in (found["a"], found["b"], found["c"], after)]
    assert cached == [0, len(fresh), len(fresh), len(fresh)]
    ask(engine, "attention", request)
    assert reader.num_tokens_read - before == 2 * len(fresh)


def test_a_score_reads_the_prompt_and_makes_no_step(engine: TenantEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("a step")

    monkeypatch.setattr(engine.sampler, "_write", refuse)
    for seeds, max_tokens in (((0,), 1), ((), 5), ((0,), 0)):
        asked = Sampling(prompt=PROMPT, seeds=seeds, max_tokens=max_tokens, prompt_logprobs=True)
        told = ask(engine, None, asked)
        assert told.prompt_logprobs is not None
        assert [len(one.tokens) for one in told.sequences] == [max_tokens] * len(seeds)


def test_a_long_prompt_lets_the_others_write(engine: TenantEngine) -> None:
    """Its reading is spread over calls, and every call writes a token for who stands already."""
    engine.sampler.settings = type(engine.sampler.settings)(read_work=1e6)
    engine.begin("short", None, Sampling(prompt=PROMPT[:4], seeds=(1,), max_tokens=30, end_token_stops=False))
    while not engine.written("short")[0]:
        engine.decode()
    engine.begin("long", None, Sampling(prompt=PROMPT * 30, seeds=(1,), max_tokens=2))
    lengths = []
    while not (engine.written("long") and engine.written("long")[0]):
        engine.decode()
        lengths.append(len(engine.written("short")[0]))
    assert len(lengths) >= 3 and lengths == list(range(2, 2 + len(lengths)))
    engine.sampler.settings = type(engine.sampler.settings)()
    finish(engine)


def test_without_a_limit_a_reply_fills_the_model(engine: TenantEngine) -> None:
    room = engine.facts.max_context_length
    assert room is not None
    prompt = (PROMPT * 100)[: room - 5]
    (reply,) = ask(engine, None, Sampling(prompt=prompt, seeds=(0,), end_token_stops=False)).sequences
    assert len(reply.tokens) == 5 and not reply.stopped
    with pytest.raises(ConfigError, match="this model reads"):
        engine.begin("long", None, Sampling(prompt=(PROMPT * 100)[: room + 1], seeds=(0,), max_tokens=1))


@pytest.mark.parametrize(
    "asked",
    [
        {"prompt": ()}, {"prompt": (-1,)}, {"prompt": (10**6,)}, {"temperature": -1.0}, {"temperature": float("nan")},
        {"top_p": 0.0}, {"top_p": float("nan")}, {"top_k": -1}, {"max_tokens": -1}, {"stop_strings": ("",)},
        {"topk_logprobs": 10**6}, {"topk_prompt_logprobs": -1}, {"target_tokens": np.zeros((2, 2), np.int64)},
        {"target_tokens": np.full((len(PROMPT) - 1, 1), 10**6)}, {"target_tokens": np.zeros((len(PROMPT) - 1, 1))},
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_at_once(engine: TenantEngine, asked: dict[str, object]) -> None:
    request = Sampling(**{"prompt": PROMPT, "seeds": (0,), "max_tokens": 2, **asked})  # type: ignore[arg-type]
    with pytest.raises(ConfigError) as error:
        engine.begin("odd", None, request)
    assert "\n" not in str(error.value) and engine.num_rows == 0
    with pytest.raises(ConfigError, match="no weights"):
        engine.begin("odd", "nobody", Sampling(prompt=PROMPT, seeds=(0,)))


def stopped_by(engine: TenantEngine, **asked: object) -> Sequence:
    request = Sampling(prompt=PROMPT, seeds=(2,), max_tokens=40, end_token_stops=False, **asked)  # type: ignore[arg-type]
    return ask(engine, None, request).sequences[0]


def test_stops(engine: TenantEngine) -> None:
    """By id and by text; what stopped is the last that a reply has."""
    whole = stopped_by(engine)
    text = engine.chat.tokenizer.decode(list(whole.tokens))
    assert not whole.stopped and len(whole.tokens) == 40
    by_id = stopped_by(engine, stop=frozenset({whole.tokens[9]}))
    assert by_id.stopped and by_id.tokens == whole.tokens[: whole.tokens.index(whole.tokens[9]) + 1]
    by_text = stopped_by(engine, stop_strings=("never written", text[20:24]))
    assert by_text.stopped
    shortest = min(n for n in range(41) if text[20:24] in engine.chat.tokenizer.decode(list(whole.tokens[:n])))
    assert by_text.tokens == whole.tokens[:shortest]


def test_stop_strings_are_read_with_the_tokenizer_that_the_engine_has_by_then(engine: TenantEngine) -> None:
    """A server gives a model the tokenizer of its clients, in which some tokens have other texts."""
    before, whole = engine.chat, stopped_by(engine)
    core = Tokenizer(WordLevel({f"w{token}.": token for token in range(engine.facts.vocabulary)}, unk_token="w0."))
    engine.chat = Chat(PreTrainedTokenizerFast(tokenizer_object=core, eos_token=f"w{before.end}."))
    try:
        stopped = stopped_by(engine, stop_strings=(f"w{whole.tokens[9]}.",))
    finally:
        engine.chat = before
    assert stopped.stopped and stopped.tokens == whole.tokens[: whole.tokens.index(whole.tokens[9]) + 1]


def test_a_token_that_is_all_but_certain_is_told_as_finely_as_a_float_can() -> None:
    """Logits of a hundred have steps of 8e-6 in float32: taken from them, -1e-3 would be a multiple of these."""
    z = torch.full((1, 8), 90.0)
    z[0, 3] = 98.7
    prompt = SimpleNamespace(hidden=z, tokens=(1, 3))
    asked = Sampling(prompt=(1, 3), seeds=(0,), prompt_logprobs=True, topk_prompt_logprobs=1)
    told = scores.measured(prompt, asked, SimpleNamespace(logits=lambda hidden: hidden), np.zeros((1, 0)), 0, 1)  # type: ignore[arg-type]
    expected = z.double().log_softmax(-1)[0, 3]
    for name in ("own", "likeliest nats"):
        assert abs(float(told[name].flatten()[0] / expected) - 1) < 5e-4
