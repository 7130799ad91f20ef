"""What the trainer computes from a shared prefix is what a plain forward of every sequence by itself gives."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from random import Random

import pytest
import torch
from tests.engines.local.kinds import EACH, KINDS, make_engine
from torch import Tensor
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel
from transformers.models.auto import CONFIG_MAPPING

from straw.engines.base import AdamParams, Loss
from straw.engines.local.batches import flatten
from straw.engines.local.engine import LocalEngine, LocalSettings
from straw.engines.local.forward.hf_reader import plainly
from straw.types import Datum

Gradients = dict[str, Tensor]
Measured = tuple[list[list[float]], Gradients]

# --- data that are hard to pack ------------------------------------------------------------


def text(random: Random, length: int) -> tuple[int, ...]:
    return tuple(random.randrange(10, 100) for _ in range(length))


def datum(random: Random, prompt: tuple[int, ...], length: int, *, drawn: bool = True) -> Datum:
    """`drawn`: with the log-probabilities of a sampler, which was not quite this policy."""
    return Datum(
        prompt=prompt,
        tokens=text(random, length),
        weights=tuple(random.uniform(0.1, 1.0) for _ in range(length)),
        advantages=tuple(random.choice((-1.0, 0.5, 2.0)) for _ in range(length)),
        logprobs=tuple(random.uniform(-6, -4) for _ in range(length)) if drawn else (),
    )


def ragged() -> list[Datum]:
    """Prompts of 1, 7 and 23 tokens with 3, 2 and 1 replies of 1 to 20, in mixed order.

    One is a conversation: what the other side said, in the middle, is read and not trained.
    """
    random = Random(5)
    one, seven, long = (text(random, length) for length in (1, 7, 23))
    data = [
        datum(random, seven, 9),
        datum(random, one, 1),
        datum(random, long, 5),
        datum(random, one, 20),
        datum(random, seven, 1),
        datum(random, one, 4, drawn=False),
    ]
    talk = data[3]
    silent = tuple(0.0 if 6 <= place < 13 else weight for place, weight in enumerate(talk.weights))
    data[3] = replace(talk, weights=silent)
    return data


def soft() -> list[Datum]:
    """Distributions to learn, with some tokens that are learned as they are."""
    random = Random(6)
    prompt = text(random, 6)
    data = [datum(random, prompt, 4, drawn=False), datum(random, prompt, 3, drawn=False), datum(random, prompt[:2], 2)]
    targets = [{11: 0.5, 12: 0.25, 13: 0.25}, {40: 1.0}, {50: 0.9, 11: 0.1}, {60: 0.5, 61: 0.5}]
    return [replace(one, soft_targets=tuple(targets[: len(one.tokens)])) for one in data]


# --- the same by plain means ---------------------------------------------------------------


def plain(model: PreTrainedModel, data: Sequence[Datum], loss: Loss, start: PreTrainedModel | None = None) -> Measured:
    """One sequence after the other, in float64 where the architecture lets us, with the formulas written out."""
    model = deepcopy(model).double()
    logprobs, total = [], torch.zeros((), dtype=torch.float64)
    with plainly(model):
        for one in data:
            logp = forward(model, one, loss.temperature)
            theirs = forward(start, one, loss.temperature).detach() if start is not None else logp.detach()
            logprobs.append(picked(logp, one))
            total = total + sum(token_loss(logp[t], theirs[t], one, t, loss) for t in range(len(one.tokens)))
    total.backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.requires_grad and p.grad is not None}
    return logprobs, gradients


def forward(model: PreTrainedModel, one: Datum, temperature: float) -> Tensor:
    tokens = torch.tensor([[*one.prompt, *one.tokens[:-1]]])
    return (model(tokens).logits[0, len(one.prompt) - 1 :].double() / temperature).log_softmax(-1)


def picked(logp: Tensor, one: Datum) -> list[float]:
    return [float(logp[t, token].detach()) for t, token in enumerate(one.tokens)]


def token_loss(logp: Tensor, theirs: Tensor, one: Datum, t: int, loss: Loss) -> Tensor:
    token, weight = one.tokens[t], one.weights[t]
    if loss.name == "cross_entropy":
        target = one.soft_targets[t] if one.soft_targets else {token: 1.0}
        value = -sum((share * logp[v] for v, share in target.items()), start=torch.zeros(()))
    else:
        sampler = one.logprobs[t] if one.logprobs else float(logp[token].detach())
        ratio = torch.exp(logp[token] - sampler)
        value = -ratio * one.advantages[t]
        if loss.name == "ppo":
            clipped = ratio.clamp(1 - loss.settings["clip_low"], 1 + loss.settings["clip_high"])
            value = -torch.minimum(ratio * one.advantages[t], clipped * one.advantages[t])
    entropy = -(logp.exp() * logp).sum()
    d = theirs[token] - logp[token]
    return weight * (value - loss.entropy_coef * entropy + loss.kl_coef * (torch.exp(d) - d - 1))


def shared(engine: LocalEngine, data: Sequence[Datum], loss: Loss) -> Measured:
    """By straw: all of it at once, and what it left in the parameters."""
    engine.optimizer.zero_grad()
    out = engine.forward_backward(data, loss)
    gradients = {name: p.grad for name, p in engine.trained.items() if p.grad is not None}
    engine.optimizer.zero_grad()
    return [list(row) for row in out.logprobs], gradients


def distance(ours: Gradients, theirs: Gradients) -> float:
    """The largest relative error of a parameter's gradient."""
    assert ours.keys() == theirs.keys()
    return max(float((ours[name].double() - one).norm() / one.norm()) for name, one in theirs.items())


def gap(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> float:
    return max(abs(a - b) for one, other in zip(ours, theirs, strict=True) for a, b in zip(one, other, strict=True))


def close(ours: Measured, theirs: Measured, limit: float = 1e-5) -> bool:
    return gap(ours[0], theirs[0]) <= 1e-4 and distance(ours[1], theirs[1]) <= limit


def allowed(engine: LocalEngine) -> float:
    """Over the thirty layers of a real model float32 strays: transformers' own way is 2e-4 from float64 there."""
    return 1e-5 if engine.model.config.num_hidden_layers < 10 else 3e-4


@pytest.fixture(scope="module", params=EACH)
def engine(request: pytest.FixtureRequest) -> LocalEngine:
    return make_engine(request.param)


IMPORTANCE = Loss(name="importance_sampling")
PPO = Loss(name="ppo", settings={"clip_low": 0.2, "clip_high": 0.3})
CASES = {
    "importance sampling": (ragged, IMPORTANCE),
    "ppo": (ragged, PPO),
    "entropy and temperature": (ragged, Loss(name="importance_sampling", entropy_coef=0.3, temperature=0.7)),
    "soft targets": (soft, Loss(name="cross_entropy", entropy_coef=0.1)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_of_a_shared_prefix_is_that_of_the_plain_forward(case: str, engine: LocalEngine) -> None:
    make, loss = CASES[case]
    data = make()
    _, gradients = shared(engine, data, loss)
    logprobs, expected = plain(engine.model, data, loss)
    ours = (engine.logprobs(data, temperature=loss.temperature), gradients)
    assert close(ours, (logprobs, expected), allowed(engine))


def test_the_loss_sees_the_same_logprobs_and_leaves_out_what_does_not_train(engine: LocalEngine) -> None:
    data = ragged()
    seen, _ = shared(engine, data, IMPORTANCE)
    there = engine.logprobs(data)
    trained = [
        [lp if w else 0.0 for lp, w in zip(row, d.weights, strict=True)] for row, d in zip(there, data, strict=True)
    ]
    assert gap(seen, trained) <= 1e-5
    assert seen[3][6:13] == [0.0] * 7 and there[3][6] != 0.0


def test_kl_to_the_start_has_the_gradient_of_its_formula(engine: LocalEngine) -> None:
    data, loss = ragged(), Loss(name="cross_entropy", kl_coef=0.5, temperature=1.3)
    with engine.undone():
        start = deepcopy(engine.model)
        start.set_attn_implementation("eager")
        engine.forward_backward(data, CROSS_ENTROPY)
        engine.optim_step(AdamParams(learning_rate=1e-3))
        _, gradients = shared(engine, data, loss)
        _, expected = plain(engine.model, data, loss, start)
        assert distance(gradients, expected) <= allowed(engine)
        _, without = plain(engine.model, data, replace(loss, kl_coef=0.0))
        assert distance(gradients, without) > 0.01  # so the test would see it missing


# --- cut into micro-batches ----------------------------------------------------------------

CROSS_ENTROPY = Loss(name="cross_entropy")


@pytest.mark.parametrize("max_tokens", [1, 12, 30, 60])
@pytest.mark.parametrize("kind", KINDS)
def test_micro_batches_change_neither_gradient_nor_order(kind: str, max_tokens: int) -> None:
    data, whole, cut = ragged(), make_engine(kind), make_engine(kind, tokens_per_microbatch=max_tokens)
    ours, theirs = shared(cut, data, PPO), shared(whole, data, PPO)
    assert close(ours, theirs)
    assert gap(cut.logprobs(data), whole.logprobs(data)) <= 1e-5


def test_metrics_are_sums_so_that_micro_batches_do_not_change_them() -> None:
    data = ragged()
    one, many = (make_engine("embedded", tokens_per_microbatch=size).forward_backward(data, PPO) for size in (9999, 20))
    assert one.metrics == pytest.approx(many.metrics, rel=1e-5)
    assert one.metrics["weight"] == pytest.approx(sum(sum(datum.weights) for datum in data))


# --- computed again instead of kept --------------------------------------------------------


def kept_bytes(engine: LocalEngine, data: Sequence[Datum]) -> int:
    """What autograd keeps for the way back, each storage once."""
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    weights = {p.untyped_storage().data_ptr() for p in engine.model.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        flat = flatten(data, [[0, 4], [1, 3, 5], [2]], engine.device, every_token=False)
        engine._measure(flat, 1.0)
    return sum(size for pointer, size in storages.items() if pointer not in weights)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_checkpointing_keeps_less_and_changes_nothing(kind: str) -> None:
    data = ragged()
    keeping, forgetting = make_engine(kind), make_engine(kind, gradient_checkpointing=True)
    assert close(shared(forgetting, data, PPO), shared(keeping, data, PPO))
    assert kept_bytes(forgetting, data) < 0.6 * kept_bytes(keeping, data)
    assert not forgetting.model.training


# --- what other architectures ask of attention ---------------------------------------------

TINY = {
    "vocab_size": 101,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
OTHERS: dict[str, dict[str, object]] = {
    "mistral": {"sliding_window": 8},  # said once for all layers; read by the hand-written Llama
    "gemma2": {  # caps on scores and on logits, and layers with and without a window
        "head_dim": 4,
        "query_pre_attn_scalar": 4,
        "sliding_window": 8,
        "attn_logit_softcapping": 3.0,
        "final_logit_softcapping": 4.0,
    },
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 4},  # learned positions, and dropouts by default
    "phi": {},  # a head with a bias
    "granite": {"logits_scaling": 3.0, "attention_multiplier": 0.4, "residual_multiplier": 0.7},
}


def other_model(kind: str) -> PreTrainedModel:
    config: PretrainedConfig = CONFIG_MAPPING[kind](**{**TINY, **OTHERS[kind]})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return AutoModelForCausalLM.from_config(config)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("kind", OTHERS)
def test_other_architectures_are_read_right_too(kind: str, checkpointing: bool) -> None:
    chat = make_engine("embedded").chat
    engine = LocalEngine(other_model(kind), chat, LocalSettings(gradient_checkpointing=checkpointing))
    data, loss = ragged(), Loss(name="importance_sampling", entropy_coef=0.1, temperature=1.5)
    _, gradients = shared(engine, data, loss)
    logprobs, expected = plain(engine.model, data, loss)
    assert close((engine.logprobs(data, temperature=1.5), gradients), (logprobs, expected))


# --- less precisely ------------------------------------------------------------------------


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_is_near_float32(kind: str, checkpointing: bool) -> None:
    data = ragged()
    fine, coarse = make_engine(kind), make_engine(kind, dtype="bfloat16", gradient_checkpointing=checkpointing)
    (there, gradients), (here, rough) = shared(fine, data, IMPORTANCE), shared(coarse, data, IMPORTANCE)
    assert 0 < gap(here, there) <= 0.5
    assert all(gradient.dtype == torch.float32 for gradient in rough.values())
    whole = torch.cat([gradient.flatten() for gradient in gradients.values()])
    error = torch.cat([rough[name].flatten() for name in gradients]) - whole
    assert float(error.norm() / whole.norm()) <= 0.1
