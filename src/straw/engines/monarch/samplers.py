"""Who writes replies, on many generators.

    Generators      all of them, with the weights of one version: work is cut into shares, and put together in order
    OneGenerator    one of them, with whatever weights are the newest

5 prompts for 2 generators are shares of 3 and 2; of fewer prompts than generators, the samples are shared out. A share
of more rows than are read at once is several pieces of work, so that a generator that dies takes no more with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

from straw.engines.base import Conversation, Reply, Sampler, SamplingParams, Tokens
from straw.engines.local.engine import MAX_ROWS
from straw.engines.monarch.generator import Append, Generate, Sampling, Talk, Version
from straw.engines.monarch.worker_pool import Pool
from straw.errors import ConfigError, TrainingError
from straw.text.chat.chat import Chat

if TYPE_CHECKING:
    from straw.engines.monarch.engine import MonarchEngine


class Generators(Sampler):
    """All of them, with the weights of one version."""

    def __init__(self, pool: Pool, chat: Chat, version: Version, rows_at_once: int | None = None) -> None:
        """`rows_at_once`: where replies follow one another in so many slots, a share is a single piece of work."""
        self.pool, self.chat, self.version, self.rows_at_once = pool, chat, version, rows_at_once
        self.policy_version = version.number

    @property
    def count(self) -> int:
        return len(self.pool.slots)

    def converse(self, prompt: Tokens, num_rows: int) -> Conversation:
        return MonarchConversation(self, prompt, num_rows)

    def sample(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]]
    ) -> list[list[Reply]]:
        if len(prompts) >= self.count:
            parts = shares(len(prompts), self.count * self._pieces(len(prompts), num_samples))
            jobs = [Sampling(prompts[a:b], num_samples, params, seeds[a:b]) for a, b in parts]
            return [row for part in self.pool.work("sample", self.version, jobs) for row in part]
        parts = shares(num_samples, self.count)
        jobs = [Sampling(prompts, b - a, params, [row[a:b] for row in seeds]) for a, b in parts]
        answers = self.pool.work("sample", self.version, jobs)
        return [[reply for part in answers for reply in part[row]] for row in range(len(prompts))]

    def _pieces(self, num_prompts: int, num_samples: int) -> int:
        """Of each generator's share: as many as the engine would read one after the other anyway."""
        if self.rows_at_once is not None:
            return 1
        together = max(1, MAX_ROWS // num_samples)
        return -(-num_prompts // (self.count * together))


class MonarchConversation(Conversation):
    """Rows in shares, one for each generator, who is given its share's whole history with every turn."""

    keys = count()

    def __init__(self, generators: Generators, prompt: Tokens, num_rows: int) -> None:
        self.generators, self.prompt = generators, prompt
        self.parts = shares(num_rows, generators.count)
        self.talks: list[list[Generate | Append]] = [[] for _ in self.parts]
        self.names = [next(self.keys) for _ in self.parts]

    def generate(self, params: SamplingParams, seeds: Sequence[int]) -> list[Reply]:
        parts = self._turn([Generate(params, seeds[start:end]) for start, end in self.parts])
        return [reply for part in parts for reply in part]

    def append(self, tokens: Sequence[Tokens]) -> None:
        self._turn([Append(tokens[start:end]) for start, end in self.parts])

    def _turn(self, turns: Sequence[Generate | Append]) -> list[Any]:
        for talk, turn in zip(self.talks, turns, strict=True):
            talk.append(turn)
        jobs = [
            Talk(name, self.prompt, end - start, tuple(talk))
            for name, (start, end), talk in zip(self.names, self.parts, self.talks, strict=True)
        ]
        return self.generators.pool.work("converse", self.generators.version, jobs)


class OneGenerator(Sampler):
    """One of them, which begins every piece of work with the newest weights; see `policy_version` afterwards."""

    def __init__(self, pool: Pool, chat: Chat, index: int) -> None:
        self.pool, self.chat, self.index = pool, chat, index
        self.policy_version = 0

    def sample(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]]
    ) -> list[list[Reply]]:
        work = self.pool.submit("sample", None, Sampling(prompts, num_samples, params, seeds), prefer=self.index)
        replies: list[list[Reply]] = work.answer.result()
        assert work.version is not None
        self.policy_version = work.version.number
        return replies

    def converse(self, prompt: Tokens, num_rows: int) -> Conversation:
        raise ConfigError("a conversation is held by one version, and pace=free has the newest: write pace=exact")


class Held(Conversation):
    """A conversation that ends with the version that began it, as the local engine's does."""

    def __init__(self, engine: MonarchEngine, talk: Conversation) -> None:
        self.engine, self.talk, self.version = engine, talk, engine.version

    def generate(self, params: SamplingParams, seeds: Sequence[int]) -> list[Reply]:
        self._check()
        return self.talk.generate(params, seeds)

    def append(self, tokens: Sequence[Tokens]) -> None:
        self._check()
        self.talk.append(tokens)

    def _check(self) -> None:
        if self.version != self.engine.version or not self.engine.is_published:
            raise TrainingError("a conversation is held by one version: begin a new one after publish()")


def shares(size: int, count: int) -> list[tuple[int, int]]:
    """[start, end) of at most `count` parts as even as can be.

    Example: shares(5, 2) == [(0, 3), (3, 5)] and shares(1, 2) == [(0, 1)]
    """
    count = max(1, min(size, count))
    edges = [size * part // count for part in range(count + 1)]
    return [(size - end, size - start) for start, end in pairwise(edges)][::-1]
