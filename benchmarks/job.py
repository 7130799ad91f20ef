"""The job that both sides do, and the account that each gives of it.

    64 episodes of exactly 8 tokens on one prompt of 60, then one update:
    AdamW, gradient norm clipped at 1, no KL, float32, one thread

A reply whose tokens have an even sum is paid 1, any other 0; advantages are the group's z-scores. An account
(`Work`) is read off a side's own tensors and optimiser, never off its settings; straw's come with each step.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from straw.engines.local.training.adamw import AdamW

BETAS = (0.9, 0.999)
TEXT = (
    "The river had been rising since noon, and nobody in the village slept. Old Marta carried her clocks up the "
    "stairs one by one; the miller counted his sacks twice, lost count, and began again with a piece of chalk. "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    model: str
    text: str
    prompt: tuple[int, ...]  # the tokens of `text`
    steps_per_round: int
    group_size: int = 64
    reply_tokens: int = 8
    learning_rate: float = 1e-5
    grad_clip: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one side did in a round, the last step in detail."""

    steps: int
    updates: int  # counted by the optimiser itself
    tokens_read: int  # by the model in a step, prompts included
    prompt: tuple[int, ...]
    replies: tuple[tuple[int, ...], ...]
    rewards: tuple[float, ...]  # as paid; TRL shuffles the episodes afterwards, replies and advantages together
    advantages: tuple[float, ...]
    moved: float  # share of the weight tensors that a round changed
    optimizer: str
    dtypes: tuple[str, ...]
    threads: int


@dataclass(frozen=True, slots=True)
class Clock:
    """What this process has used up."""

    cpu_s: float
    kernel_s: float  # the part of cpu_s that the system took, mostly for fresh memory
    wall_s: float

    @classmethod
    def now(cls) -> Clock:
        return cls(time.process_time(), os.times().system, time.perf_counter())

    def since(self, start: Clock) -> Clock:
        return Clock(self.cpu_s - start.cpu_s, self.kernel_s - start.kernel_s, self.wall_s - start.wall_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A round's cost; `phases` are CPU-seconds a step, where a side knows them."""

    spent: Clock
    work: Work
    phases: dict[str, float] = field(default_factory=dict)

    @property
    def episodes_per_cpu_s(self) -> float:
        return self.work.steps * len(self.work.replies) / self.spent.cpu_s

    @property
    def episodes_per_s(self) -> float:
        return self.work.steps * len(self.work.replies) / self.spent.wall_s


def reward(reply: Sequence[int]) -> float:
    return 1.0 if sum(reply) % 2 == 0 else 0.0


def prompt_of(tokenizer: PreTrainedTokenizerBase, num_tokens: int) -> tuple[str, tuple[int, ...]]:
    """A text of exactly so many tokens, and those tokens."""
    tokens = tokenizer.encode(TEXT * (1 + num_tokens // 10), add_special_tokens=False)[:num_tokens]
    text = tokenizer.decode(tokens, clean_up_tokenization_spaces=False)
    if tokenizer.encode(text, add_special_tokens=False) != tokens:
        raise ValueError(f"the prompt must survive decoding; its first {num_tokens} tokens do not: change TEXT")
    return text, tuple(tokens)


def describe(settings: Mapping[str, object], grad_clip: float) -> str:
    """Those of an AdamW that act."""
    names = ("lr", "betas", "eps", "weight_decay")
    return f"AdamW {' '.join(f'{name}={settings[name]}' for name in names)} grad_clip={grad_clip}"


def num_updates(optimizer: torch.optim.Optimizer | AdamW) -> int:
    return max((int(state["step"]) for state in optimizer.state.values()), default=0)


class TokenCount:
    """How many tokens a model has read, counted where they are embedded."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.total = 0
        model.get_input_embeddings().register_forward_pre_hook(self._add)

    def _add(self, module: torch.nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
        self.total += arguments[0].numel()


def fingerprints(parameters: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    """The first numbers of every weight tensor."""
    return [p.detach().flatten()[:64].clone() for p in parameters]


def share_moved(before: Sequence[torch.Tensor], after: Sequence[torch.Tensor]) -> float:
    return sum(not torch.equal(a, b) for a, b in zip(before, after, strict=True)) / len(before)
