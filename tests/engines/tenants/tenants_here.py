"""An engine with some adapters, and a LocalEngine for each of them: what sampling is compared with."""

from __future__ import annotations

import torch
from transformers import LlamaForCausalLM

from straw.engines.base import Reply, SamplingParams, Tokens
from straw.engines.local.adapters.lora import add_lora
from straw.engines.local.engine import LocalEngine
from straw.engines.local.models.tiny import make_embedded
from straw.engines.tenants.bank import Adapter
from straw.engines.tenants.engine import TenantEngine
from straw.engines.tenants.records import Sampled, Sampling, Sequence, Shape
from straw.engines.tenants.sampling.sampler import SamplerSettings
from straw.engines.tenants.sampling.served import sampler_of
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat

MODEL = "tiny-0.2M"
SHAPES = {
    "first": Shape(rank=4, seed=1, unembed=False),
    "second": Shape(rank=4, seed=2, unembed=False),
    "wider": Shape(rank=8, seed=3, unembed=False),
    "attention": Shape(rank=4, seed=4, unembed=False, mlp=False),
}
ATTENTION = "q_proj,k_proj,v_proj,o_proj"


def outspoken() -> LlamaForCausalLM:
    """Fresh weights, made larger, so that some replies are likelier than others."""
    model, _ = make_embedded(MODEL, 0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    return model


def chat() -> Chat:
    return Chat(character_tokenizer())


def tenants(shapes: dict[str, Shape], settings: SamplerSettings | None = None) -> TenantEngine:
    """Each tenant has learned something, and a snapshot of its own name."""
    engine = TenantEngine(outspoken(), chat())
    engine.sampler = sampler_of(engine, settings)
    for name, shape in shapes.items():
        engine.create(name, shape)
        adapter = adapter_of(engine, name)
        draw = torch.Generator().manual_seed(shape.seed)
        with torch.no_grad():
            for _, b in adapter.pairs.values():
                b.copy_(torch.randn(b.shape, generator=draw) / 20)
        engine.snapshot(name, name)
    return engine


def adapter_of(engine: TenantEngine, name: str) -> Adapter:
    adapter = engine.tenants.find(name).adapter
    assert adapter is not None
    return adapter


def local(engine: TenantEngine, name: str | None) -> LocalEngine:
    """PEFT's layers with a tenant's weights."""
    model = outspoken()
    if name is None:
        return LocalEngine(model, chat())
    shape, adapter = SHAPES[name], adapter_of(engine, name)
    adapted = add_lora(model, shape.rank, shape.alpha, "all-linear" if shape.mlp else ATTENTION, shape.seed)
    own = dict(model.named_parameters())
    with torch.no_grad():
        for layer, pair in adapter.pairs.items():
            for letter, tensor in zip("AB", pair, strict=True):
                own[f"{layer}.lora_{letter}.default.weight"].copy_(tensor)
    return LocalEngine(model, chat(), None, adapted)


def prompt_of(text: str) -> Tokens:
    return chat().encode(text)


def finish(engine: TenantEngine) -> dict[str, Sampled]:
    found: dict[str, Sampled] = {}
    while engine.num_rows:
        for key, result in engine.decode():
            assert isinstance(result, Sampled), result
            found[key] = result
    return found


def ask(engine: TenantEngine, weights: str | None, request: Sampling) -> Sampled:
    """Alone."""
    engine.begin("alone", weights, request)
    return finish(engine)["alone"]


def as_replies(sequences: tuple[Sequence, ...]) -> list[Reply]:
    return [Reply(one.tokens, tuple(one.logprobs.tolist()), one.stopped) for one in sequences]


def in_process(engine: LocalEngine, request: Sampling) -> list[Reply]:
    params = SamplingParams(
        max_tokens=request.max_tokens or 0, temperature=request.temperature, top_k=request.top_k, top_p=request.top_p,
        stop=request.stop | engine.chat.closes,
    )  # fmt: skip
    (replies,) = engine.sample([request.prompt], len(request.seeds), params, [request.seeds])
    return replies
