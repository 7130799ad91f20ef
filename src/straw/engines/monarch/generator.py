"""What a generator process does: it samples with the weights it was shown last.

Its weights are the trainer's own bytes, mapped, so taking a new version is a matter of pointers. It never learns, and
keeps nothing that a fresh process could not make again: a conversation is given whole with every call, and what was
said already is kept only to save the reading.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from straw.config import Page
from straw.engines.base import Conversation, Reply, SamplingParams, Tokens
from straw.engines.local.build import load_engine, with_adapters
from straw.engines.monarch.shared import Handle, mapped


@dataclass(frozen=True, slots=True)
class Version:
    """Weights by number, and where they lie. `serial` counts every showing: an undone version had its number too."""

    number: int
    serial: int
    handle: Handle


@dataclass(frozen=True, slots=True)
class Sampling:
    """Replies to prompts, as `Engine.sample` is asked for them."""

    prompts: Sequence[Tokens]
    num_samples: int
    params: SamplingParams
    seeds: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Say:
    params: SamplingParams
    seeds: Sequence[int]


@dataclass(frozen=True, slots=True)
class Hear:
    tokens: Sequence[Tokens]


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation from its first word; the answer is to its last."""

    key: int
    prompt: Tokens
    num_rows: int
    turns: Sequence[Say | Hear]


class Generator:
    def __init__(self, page: Page, base: Handle | None) -> None:
        if page.engine.max_lag:
            os.nice(10)  # where all work at once the trainer is the one that the others will wait for
        self.engine = with_adapters(load_engine(page), page)
        parameters = dict(self.engine.model.named_parameters())
        for parameter in parameters.values():
            parameter.requires_grad_(False)  # nothing learns here
        for name, tensor in (mapped(base) if base is not None else {}).items():
            parameters[name].data = tensor
        self.serial: int | None = None  # of the weights it was shown
        self.talk: tuple[int, int, Conversation] | None = None  # key, turns done, and the conversation

    def sample(self, version: Version, job: Sampling) -> list[list[Reply]]:
        self._take(version)
        return self.engine.sample(job.prompts, job.num_samples, job.params, job.seeds)

    def converse(self, version: Version, job: Talk) -> list[Reply] | None:
        """Say or hear the last turn; turns before it that this process does not know are done again, to equal bits."""
        self._take(version)
        known = self.talk if self.talk is not None and self.talk[0] == job.key else None
        _, done, talk = known or (job.key, 0, self.engine.converse(job.prompt, job.num_rows))
        replies: list[Reply] | None = None
        for turn in job.turns[done:]:
            replies = talk.say(turn.params, turn.seeds) if isinstance(turn, Say) else talk.hear(turn.tokens)
        self.talk = (job.key, len(job.turns), talk)
        return replies

    def _take(self, version: Version) -> None:
        if version.serial == self.serial:
            return
        tensors = mapped(version.handle)
        for name, parameter in self.engine.trained.items():
            parameter.data = tensors[name]
        self.serial, self.engine.policy_version = version.serial, version.number
        self.talk = None
