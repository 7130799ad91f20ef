"""Engines of ranks for tests, on as many ranks as a test likes: that each wants a core is for pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from tests.engines.contract import CROSS_ENTROPY, prompts_of
from tests.small_runs import small_page

from straw.config import Page, with_values
from straw.engines.base import AdamParams, Engine, Loss
from straw.engines.local.build import load_engine, with_adapters
from straw.engines.local.engine import LocalEngine
from straw.engines.ranks.engine import RanksEngine
from straw.training.resolve.device import on_this_machine
from straw.types import Datum

STEP = AdamParams(learning_rate=1e-3, weight_decay=0.01, grad_clip=5.0)
POLICY = Loss(name="ppo", settings={"clip_low": 0.2, "clip_high": 0.2}, kl_coef=0.1, entropy_coef=0.01)


def page_of(*words: str, ranks: int = 1) -> Page:
    page = on_this_machine(small_page("warmup=none dtype=float32", *words).page)
    return with_values(page, {"engine": "ranks", "trainer_ranks": ranks, "answer_s": 5.0})


def local_engine(page: Page) -> LocalEngine:
    """The page's model, with weights that say something."""
    engine = with_adapters(load_engine(page), page.model)
    opinionated(engine)
    return engine


@torch.no_grad()
def opinionated(engine: LocalEngine) -> None:
    generator = torch.Generator().manual_seed(2)
    for parameter in engine.trained.values():
        parameter.add_(0.06 * torch.randn(parameter.shape, generator=generator))


def ranks_engine(page: Page) -> RanksEngine:
    return RanksEngine(page, local_engine(page))


def lessons(engine: Engine, count: int = 7) -> list[Datum]:
    """Groups of different sizes and replies of different lengths, one of them of no weight."""
    prompts = prompts_of(engine)[:3]
    data = []
    for number in range(count):
        tokens = engine.chat.encode_reply("3" * (1 + number % 4))
        size = len(tokens)
        weights = (0.0 if number == 2 else 1.0 / count,) * size
        advantages = tuple((-1.0) ** number * (1 + place) for place in range(size))
        told = {"weights": weights, "advantages": advantages, "logprobs": (-2.0,) * size}
        data.append(Datum(prompt=prompts[number % 3], tokens=tokens, **told))
    return data


def learn(engine: Engine, steps: int, loss: Loss = CROSS_ENTROPY) -> None:
    for _ in range(steps):
        engine.forward_backward(lessons(engine), loss)
        engine.optim_step(STEP)
    engine.publish()


def weights_of(engine: LocalEngine | RanksEngine) -> dict[str, torch.Tensor]:
    sampler = engine.sampler if isinstance(engine, RanksEngine) else engine
    return {name: p.detach().clone() for name, p in sampler.trained.items()}


def apart(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> float:
    assert ours.keys() == theirs.keys()
    return max(float((ours[name].double() - theirs[name].double()).abs().max()) for name in ours)


def files_in(folder: Path, names: Sequence[str] = ("weights.safetensors", "optimizer.safetensors")) -> list[bytes]:
    return [(folder / name).read_bytes() for name in names]
