"""The engine as a learner has it in the benchmark: every verb is a message to the process that holds the weights.

It samples, reads and learns like any other engine, and each call is counted over there: replies that are drawn here
without being paid for are no episodes but work. What has to do with files is not to be had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from straw.benchmark.wall import wire
from straw.engines.base import (
    AdamParams,
    Conversation,
    Engine,
    Loss,
    Policy,
    Reply,
    SamplingParams,
    Tokens,
    TrainOutput,
)
from straw.errors import TrainingError
from straw.text.chat.chat import Chat
from straw.types import Datum

Ask = Callable[[str, dict[str, Any]], Any]  # (verb, what it is called with) -> its value


class EngineAway(Engine):
    def __init__(self, ask: Ask, chat: Callable[[], Chat]) -> None:
        self.ask, self.make_chat = ask, chat
        self.policy_version = 0

    @cached_property
    def chat(self) -> Chat:  # type: ignore[override]
        """Made when somebody spells something: most learners never do."""
        return self.make_chat()

    def sample(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]]
    ) -> list[list[Reply]]:
        asked = {"prompts": prompts, "num_samples": num_samples, "params": wire.plain_params(params), "seeds": seeds}
        return [wire.replies_of(group) for group in self.ask("sample", asked)]

    def converse(self, prompt: Tokens, num_rows: int) -> Conversation:
        return ConversationAway(self.ask, self.ask("converse", {"prompt": prompt, "num_rows": num_rows}))

    def logprobs(
        self, data: Sequence[Datum], policy: Policy = "current", temperature: float = 1.0
    ) -> list[list[float]]:
        asked = {"data": wire.plain_data(data), "policy": policy, "temperature": temperature}
        found: list[list[float]] = self.ask("logprobs", asked)
        return found

    def forward_backward(self, data: Sequence[Datum], loss: Loss) -> TrainOutput:
        found = self.ask("forward_backward", {"data": wire.plain_data(data), "loss": wire.plain_loss(loss)})
        return TrainOutput([tuple(row) for row in found["logprobs"]], found["metrics"])

    def optim_step(self, params: AdamParams) -> dict[str, float]:
        found: dict[str, float] = self.ask("optim_step", {"params": asdict(params)})
        return found

    def publish(self) -> int:
        self.policy_version = int(self.ask("publish", {}))
        return self.policy_version

    def states(self, data: Sequence[Datum]) -> list[Any]:
        found = self.ask("states", {"data": wire.plain_data(data)})
        return [np.array(one, dtype=float) for one in found]

    def likeliest(
        self, data: Sequence[Datum], count: int, policy: Policy = "current", temperature: float = 1.0
    ) -> list[list[dict[int, float]]]:
        asked = {"data": wire.plain_data(data), "count": count, "policy": policy, "temperature": temperature}
        return [
            [{int(token): float(share) for token, share in one} for one in row] for row in self.ask("likeliest", asked)
        ]

    def add_noise(self, seeds: Sequence[int], scales: Sequence[float]) -> None:
        self.ask("add_noise", {"seeds": list(seeds), "scales": list(scales)})

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        found: list[list[float]] = self.ask("embed", {"texts": list(texts)})
        return found

    def layers(self, data: Sequence[Datum], count: int) -> list[Any]:
        asked = {"data": wire.plain_data(data), "count": count}
        return [np.array(one, np.float32) for one in self.ask("layers", asked)]

    def token_vectors(self, tokens: Sequence[int]) -> Any:
        return np.array(self.ask("token_vectors", {"tokens": list(tokens)}), np.float32)

    @contextmanager
    def at_start(self) -> Iterator[None]:
        self.ask("to_start", {})
        try:
            yield
        finally:
            self.ask("from_start", {})

    @contextmanager
    def undone(self) -> Iterator[None]:
        version = self.policy_version
        self.ask("hold", {})
        try:
            yield
        finally:
            self.ask("undo", {})
            self.policy_version = version

    def save(self, folder: Path, *, optimizer: bool = True) -> None:
        raise TrainingError("the benchmark keeps the weights where the secret is: a learner cannot save them")

    def load(self, folder: Path, *, optimizer: bool = True) -> None:
        raise TrainingError("a run of the benchmark begins where all begin: a learner cannot load weights")

    def save_base(self, folder: Path) -> None:
        self.save(folder)

    @property
    def trained_bytes(self) -> int:
        return int(self.ask("trained_bytes", {}))


class ConversationAway(Conversation):
    def __init__(self, ask: Ask, number: int) -> None:
        self.ask, self.number = ask, number

    def generate(self, params: SamplingParams, seeds: Sequence[int]) -> list[Reply]:
        asked = {"number": self.number, "params": wire.plain_params(params), "seeds": list(seeds)}
        return wire.replies_of(self.ask("generate", asked))

    def append(self, tokens: Sequence[Tokens]) -> None:
        self.ask("append", {"number": self.number, "tokens": list(tokens)})
