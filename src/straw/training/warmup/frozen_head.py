"""What adapters cannot reach: behind a frozen head some tokens cannot be said with certainty by anything.

Adapters leave the head, the last norm's gains and the embeddings as the warm-up left them. Whatever they do, what the
head reads is a direction times the gains, so the best direction for a token bounds its probability, and the product
over an answer's tokens bounds p(S). In a narrow embedded model, whose head saw nothing but its warm-up, answers whose
bound is below what 0.9 of the bits ask for are many; one that was taught on text has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import torch

from straw.engines.local.engine import LocalEngine
from straw.tasks.base import Enumerable
from straw.training.warmup.uniform import spread

ENOUGH = 0.9  # of the bits
STEPS, TINY = 200, 1e-4


@dataclass(frozen=True, slots=True)
class Reach:
    """How likely each token can become, and how many of the answers can be known well enough."""

    most: Mapping[str, float]
    within: int
    answers: int

    def line(self) -> str:
        dull = ", ".join(f"{p:.2f} for {token}" for token, p in self.most.items() if p < ENOUGH)
        return (
            f"adapters leave the head as it is, and the most that this one gives is {dull}: "
            f"{self.answers - self.within} of {self.answers} answers stay below {ENOUGH:g} of the bits. Take "
            "lora_rank=0 or a larger model."
        )


def reach(engine: LocalEngine, task: Enumerable) -> Reach:
    answers = [
        [token for reply in task.answer_at(index) for token in engine.chat.encode_reply(reply)]
        for index in spread(task.space)
    ]
    most = most_likely(engine, sorted({token for answer in answers for token in answer}))
    needed = task.space ** (ENOUGH - 1)
    within = sum(prod(most[token] for token in answer) >= needed for answer in answers)
    return Reach({engine.chat.tokenizer.decode([token]): p for token, p in most.items()}, within, len(answers))


def most_likely(engine: LocalEngine, tokens: Sequence[int]) -> dict[int, float]:
    """For each token the highest probability that a direction gives it: a climb that begins at the token's own row."""
    head, gains = engine.model.get_output_embeddings().weight.detach(), engine.model.model.norm.weight.detach()
    head = (head * gains).float().cpu()  # a gain is a stretch of the head as well
    wanted = torch.tensor(tokens)
    directions = as_read(head[wanted] - head.mean(dim=0) + TINY).requires_grad_()
    climb = torch.optim.Adam([directions], lr=0.05)
    with torch.enable_grad():
        for _ in range(STEPS):
            nats = torch.nn.functional.cross_entropy(as_read(directions) @ head.T, wanted, reduction="none")
            climb.zero_grad()
            nats.sum().backward()
            climb.step()
    return dict(zip(tokens, (-nats.detach()).exp().tolist(), strict=True))


def as_read(directions: torch.Tensor) -> torch.Tensor:
    """As long as the last norm makes everything."""
    return directions / directions.norm(dim=1, keepdim=True) * directions.shape[1] ** 0.5
