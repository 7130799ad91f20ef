"""Rows that begin with one prompt and go their own ways, on the engine of this process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from straw.engines.base import Conversation, Reply, SamplingParams, Tokens
from straw.engines.local.sampler import Rows
from straw.errors import TrainingError

if TYPE_CHECKING:
    from straw.engines.local.engine import LocalEngine


class LocalConversation(Conversation):
    """What was read stays in the keys, so all turns belong to the weights that read the first."""

    def __init__(self, engine: LocalEngine, rows: Rows) -> None:
        self.engine, self.rows, self.version = engine, rows, engine.policy_version

    def generate(self, params: SamplingParams, seeds: Sequence[int]) -> list[Reply]:
        with self._sampling(params.max_tokens):
            return self.rows.generate(params, [seeds])[0]

    def append(self, tokens: Sequence[Tokens]) -> None:
        with self._sampling(max(map(len, tokens))):
            self.rows.append([tokens])

    def keep(self, rows: Sequence[int]) -> bool:
        return self.rows.keep_rows(rows)

    def _sampling(self, num_more: int) -> AbstractContextManager[None]:
        if self.version != self.engine.policy_version:
            raise TrainingError(
                f"a conversation is held by one version; it began with {self.version} and the sampler has "
                f"{self.engine.policy_version}: begin a new one after publish()"
            )
        return self.engine.sampling(self.rows.longest + num_more)
