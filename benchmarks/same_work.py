"""Did both sides do the same work? Counted, and compared number by number on TRL's first step.

log-probabilities   straw's of TRL's tokens against the model's own plain forward: within 1e-4 nats
gradient            TRL's own against straw's, same replies and advantages: cosine above 0.99999
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from job import Job, Work, reward
from safetensors.torch import load_file
from torch import Tensor

from straw.engines.base import Loss
from straw.engines.local.engine import LocalEngine
from straw.engines.local.forward.hf_reader import plainly
from straw.types import Datum

LOGPROB_TOLERANCE = 1e-4
COSINE = 0.99999
ROWS = 16  # that the plain forward takes at once


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStep:
    """What TRL drew and trained on with the weights both sides begin with."""

    replies: tuple[tuple[int, ...], ...]
    advantages: tuple[float, ...]
    gradient: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    largest_gap: float  # nats
    cosine: float

    def differences(self) -> list[str]:
        found = []
        if not self.largest_gap <= LOGPROB_TOLERANCE:
            found.append(f"log-probabilities of TRL's tokens differ by {self.largest_gap:.1e} nats")
        if not self.cosine >= COSINE:
            found.append(f"the gradients point elsewhere: cosine {self.cosine:.7f}")
        return found


def differences(job: Job, work: Work) -> list[str]:
    """Where an account differs from the job; empty is good."""
    expected = {
        "prompt tokens": (len(work.prompt), len(job.prompt)),
        "the prompt": (work.prompt == job.prompt, True),
        "episodes": (len(work.replies), job.group_size),
        "reply lengths": ({len(reply) for reply in work.replies}, {job.reply_tokens}),
        "updates a round": (work.updates, work.steps),
        "rewards paid": (sum(work.rewards), sum(map(reward, work.replies))),
        "some advantages are not 0": (any(work.advantages), True),
        "they go with the rewards": (goes_with(work), True),
        "every weight tensor moved": (work.moved, 1.0),
        "dtypes": (work.dtypes, ("torch.float32",)),
        "threads": (work.threads, 1),
    }
    found = [f"{name}: {got}, not {wanted}" for name, (got, wanted) in expected.items() if got != wanted]
    if work.tokens_read > most_read(job):
        found.append(f"tokens read in a step: {work.tokens_read}, more than {most_read(job)}: no cache?")
    return found


def most_read(job: Job) -> int:
    """With a cache of keys and values, but a prompt for every reply: once to sample, once to train."""
    return 2 * job.group_size * (len(job.prompt) + job.reply_tokens)


def goes_with(work: Work) -> bool:
    """A reply that was paid stands above the mean."""
    return all((a > 0) == (reward(reply) > 0) for a, reply in zip(work.advantages, work.replies, strict=True))


def agreement(engine: LocalEngine, job: Job, first: FirstStep) -> Agreement:
    """To be asked before the engine's first update."""
    weight = 1.0 / sum(map(len, first.replies))
    data = [
        Datum(
            prompt=job.prompt,
            tokens=reply,
            weights=(weight,) * len(reply),
            advantages=(advantage,) * len(reply),
        )
        for reply, advantage in zip(first.replies, first.advantages, strict=True)
    ]
    ours = torch.tensor(engine.logprobs(data))
    gap = float((ours - plain_logprobs(engine, job, first.replies)).abs().max())
    with engine.undone():
        engine.forward_backward(data, Loss(name="importance_sampling"))
        mine = {name: p.grad for name, p in engine.trained.items() if p.grad is not None}
    return Agreement(largest_gap=gap, cosine=cosine(mine, load_file(first.gradient)))


@torch.no_grad()
def plain_logprobs(engine: LocalEngine, job: Job, replies: tuple[tuple[int, ...], ...]) -> Tensor:
    """Each reply behind its own copy of the prompt, through transformers alone."""
    out = []
    with plainly(engine.model) as model:
        for start in range(0, len(replies), ROWS):
            targets = torch.tensor(replies[start : start + ROWS])
            prompts = torch.tensor(job.prompt).expand(len(targets), -1)
            tokens = torch.cat([prompts, targets], dim=1)
            logits = model(input_ids=tokens, logits_to_keep=targets.shape[1] + 1).logits[:, :-1]
            out.append(logits.log_softmax(-1).gather(2, targets.unsqueeze(2)).squeeze(2))
    return torch.cat(out)


def cosine(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    if a.keys() != b.keys():
        raise RuntimeError(f"the sides train different tensors: {sorted(a.keys() ^ b.keys())[:5]}")
    dot, aa, bb = (
        sum(float(torch.dot(x[name].flatten().double(), y[name].flatten().double())) for name in a)
        for x, y in ((a, b), (a, a), (b, b))
    )
    return dot / (aa * bb) ** 0.5 if aa and bb else 0.0
