"""Small engines with tenants, data for them, and a judge: transformers and PEFT in float64, one example at a time."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import PeftModel
from tests.engines.local.small_models import make_small
from torch import Tensor

from straw.engines.base import AdamParams
from straw.engines.tenants.engine import TenantEngine, TenantSettings
from straw.engines.tenants.records import Array, Example, Gradient, Shape
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat

ADAM = AdamParams(learning_rate=1e-2, eps=1e-12, grad_clip=0.0)
CHAT = Chat(character_tokenizer())


def engine_of(kind: str = "llama", **settings: Any) -> TenantEngine:
    return TenantEngine(make_small(kind), CHAT, TenantSettings(**settings), name=kind)


def perturbed(engine: TenantEngine, name: str, shape: Shape) -> None:
    """A tenant whose B are no longer zero, so that every gradient has something to say."""
    engine.create(name, shape)
    noise = torch.Generator().manual_seed(shape.seed)
    for p in engine.tenants.find(name).trained.values():
        p.data = p.data + 0.05 * torch.randn(p.shape, generator=noise)


def drained(pieces: Generator[None, None, Gradient]) -> Gradient:
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            found: Gradient = end.value
            return found


def backward(
    engine: TenantEngine, name: str, data: list[Example], loss: str, settings: Mapping[str, float] | None = None,
    forward_only: bool = False,
) -> Gradient:  # fmt: skip
    return drained(engine.forward_backward(name, data, loss, settings or {}, forward_only=forward_only))


def gradients(engine: TenantEngine, name: str) -> dict[str, Tensor]:
    return {key: p.grad.clone() for key, p in engine.tenants.find(name).trained.items() if p.grad is not None}


def weights(engine: TenantEngine, name: str) -> dict[str, Tensor]:
    return {key: p.detach().clone() for key, p in engine.tenants.find(name).trained.items()}


def equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def apart(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """Relative distance of two gradients as wholes, in float64."""
    assert one.keys() == other.keys()
    flat = [torch.cat([side[key].double().flatten() for key in sorted(one)]) for side in (one, other)]
    return float((flat[0] - flat[1]).norm() / flat[1].norm())


# --- data


def group(
    seed: int, prompt: int = 9, replies: tuple[int, ...] = (4, 1, 6, 3), width: int | None = None
) -> list[Example]:
    """Replies to one prompt, as reinforcement learning sends them; `width`: soft targets of so many."""
    rng = np.random.default_rng(seed)
    asked = tuple(rng.integers(1, 80, prompt).tolist())
    return [one_reply(rng, asked, length, width) for length in replies]


def one_reply(rng: np.random.Generator, prompt: tuple[int, ...], length: int, width: int | None) -> Example:
    tokens = (*prompt, *rng.integers(1, 80, length - 1).tolist())
    shape = (len(tokens),) if width is None else (len(tokens), width)
    trains = np.zeros(shape, bool)
    trains[len(prompt) - 1 :] = True
    inputs: dict[str, Array] = {"target_tokens": rng.integers(0, 80, shape)}
    inputs["logprobs"] = np.where(trains, rng.uniform(-6, -1, shape), 0).astype(np.float32)
    inputs["advantages"] = np.where(trains, rng.normal(size=shape), 0).astype(np.float32)
    return Example(tokens, inputs)


def weighed(data: list[Example], zeros: float = 0.0) -> list[Example]:
    """The same for cross_entropy, weights instead of advantages; some cells empty, as sparse ones come."""
    return [
        Example(e.tokens, {k: v for k, v in emptied(e, zeros).items() if k in ("target_tokens", "weights")})
        for e in data
    ]


def emptied(example: Example, zeros: float) -> dict[str, Array]:
    rng = np.random.default_rng(example.num_tokens)
    keep = rng.random(example.inputs["target_tokens"].shape) >= zeros
    kept = {name: (values * keep).astype(values.dtype) for name, values in example.inputs.items()}
    return {**kept, "weights": np.abs(kept["advantages"])}


def sparse(data: list[Example], zeros: float) -> list[Example]:
    return [Example(e.tokens, {k: v for k, v in emptied(e, zeros).items() if k != "weights"}) for e in data]


# --- the judge


class Judge:
    """A fresh copy of the base with the tenant's adapters as PEFT reads them, everything in float64."""

    def __init__(self, engine: TenantEngine, name: str, folder: Path, kind: str) -> None:
        engine.save(name, folder / "judged", optimizer=False)
        model = make_small(kind)
        model.set_attn_implementation("eager")
        self.model = PeftModel.from_pretrained(model, str(folder / "judged"), is_trainable=True).double().eval()

    def logprobs(self, example: Example) -> Tensor:
        tokens = torch.tensor(example.tokens).unsqueeze(0)
        logp = self.model(input_ids=tokens, use_cache=False).logits[0].log_softmax(-1)
        targets = torch.from_numpy(example.inputs["target_tokens"])
        wide = targets if targets.dim() == 2 else targets.unsqueeze(1)
        return logp.gather(1, wide).view(targets.shape)

    def gradients(self) -> dict[str, Tensor]:
        return {
            name.removeprefix("base_model.model.").replace(".default", ""): p.grad
            for name, p in self.model.named_parameters()
            if p.grad is not None
        }
