"""Who draws tokens in place of straw's own sampler: tokens in, tokens out, log-probabilities of what was drawn.

    generator=straw          its own sampler: a reply has the same bits in any company, whenever it is asked for
    generator=transformers   transformers' continuous batching, in this process, on any device
    generator=vllm           vLLM, in a process of its own on the same CUDA card

An engine makes its backend when it first samples, calls `take` whenever its weights have changed, and then `sample`.
`is_exact` says that a reply is a function of prompt, seed and weights, bit for bit. Of a backend that is not, no bits
are promised anywhere: what it draws has to have the right distribution (its tests), the gate between sampler and
trainer allows for other kernels, and importance weights are truncated (`ratio_cap`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from straw.engines.base import Conversation, Done, Reply, SamplingParams, Tokens
from straw.errors import TrainingError
from straw.registry import find

if TYPE_CHECKING:
    from straw.engines.local.engine import LocalEngine

OWN = "straw"


class Backend:
    """It computes with the weights of `engine`, and learns nothing."""

    is_exact = False

    def __init__(self, engine: LocalEngine) -> None:
        self.engine = engine

    @staticmethod
    def check(device: str) -> None:
        """Refuse what is not installed, or cannot run on this device, before a model is loaded."""

    def take(self, version: int) -> None:
        """The engine's weights are others now."""

    def sample(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]],
        done: Done | None,
    ) -> list[list[Reply]]:  # fmt: skip
        """`num_samples` replies to each prompt; `done` is called for each as soon as it is known."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back memory, threads and processes."""


class Own(Backend):
    """straw's own sampler. The engine has it, so none is ever made."""

    is_exact = True


def is_exact(generator: str) -> bool:
    """Whether it promises bits; a name that nobody knows is refused."""
    return generator == OWN or bool(getattr(find("backends", generator), "is_exact", False))


class Reread(Conversation):
    """A conversation with a backend that keeps nothing between two calls: every turn reads all before it."""

    def __init__(self, engine: LocalEngine, prompt: Tokens, num_rows: int) -> None:
        self.engine, self.version = engine, engine.policy_version
        self.read = [prompt] * num_rows

    def generate(self, params: SamplingParams, seeds: Sequence[int]) -> list[Reply]:
        self._check(params.max_tokens)
        replies = [row[0] for row in self.engine.sample(self.read, 1, params, [[seed] for seed in seeds])]
        self.read = [read + reply.tokens for read, reply in zip(self.read, replies, strict=True)]
        return replies

    def append(self, tokens: Sequence[Tokens]) -> None:
        self._check(max(map(len, tokens)))
        self.read = [read + more for read, more in zip(self.read, tokens, strict=True)]

    def _check(self, num_more: int) -> None:
        self.engine.check_may_sample(max(map(len, self.read)) + num_more)
        if self.version != self.engine.policy_version:
            raise TrainingError(
                f"a conversation is held by one version; it began with {self.version} and the sampler has "
                f"{self.engine.policy_version}: begin a new one after publish()"
            )
