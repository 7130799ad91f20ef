"""What a generator process does: it samples with the weights it was shown last.

Its weights are the trainer's own bytes, mapped, so taking a new version is a matter of pointers; where memory is not
shared it fetches a copy of them (see `source`). It never learns, and keeps nothing that a fresh process could not make
again: a conversation is given whole with every call, and what was said already is kept only to save the reading.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from straw.config import Page
from straw.engines.base import Conversation, Reply, SamplingParams, Tokens
from straw.engines.local.build import load_worker
from straw.engines.local.halves import halve_frozen, halved_weights
from straw.engines.local.heap import give_back_heap
from straw.engines.monarch.memory.shared_memory import Handle, mapped
from straw.engines.monarch.weights.inflight_updates import Fresh, FreshReader, Lookout


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
class Generate:
    params: SamplingParams
    seeds: Sequence[int]


@dataclass(frozen=True, slots=True)
class Append:
    tokens: Sequence[Tokens]


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation from its first word; the answer is to its last."""

    key: int
    prompt: Tokens
    num_rows: int
    turns: Sequence[Generate | Append]


class Generator:
    def __init__(self, page: Page, base: Handle | None, source: Any = None, fresh: Fresh | None = None) -> None:
        """`source`: whom to ask for weights, where none can be looked at; `fresh`: where newer ones are announced."""
        if page.engine.max_lag:
            os.nice(10)  # where all work at once the trainer is the one that the others will wait for
        self.engine = load_worker(page)
        parameters = dict(self.engine.model.named_parameters())
        for parameter in parameters.values():
            parameter.requires_grad_(False)  # nothing learns here
        self.halved = halve_frozen(self.engine)
        self.reach = mapped if source is None else self._fetched(source, page.engine.load_s)
        beneath = self.reach(base) if base is not None else {}
        for name, tensor in beneath.items():
            put(parameters[name], tensor)
        self.halved.renew([parameters[name] for name in beneath])
        self.halved.keep_packed_alone(changing=self.engine.trained.values())
        self.lookout = Lookout(fresh) if fresh is not None else None
        if self.lookout is not None:
            self.engine.reader = FreshReader(self.engine.reader, self._freshen)
        self.has_first_weights = True  # those it was made with
        self.serial: int | None = None  # of the weights it was shown
        self.talk: tuple[int, int, Conversation] | None = None  # key, turns done, and the conversation

    def sample(self, version: Version, job: Sampling) -> list[list[Reply]]:
        self.take(version)
        return self.engine.sample(job.prompts, job.num_samples, job.params, job.seeds)

    def converse(self, version: Version, job: Talk) -> list[Reply] | None:
        """The last turn; turns before it that this process does not know are done again, to equal bits."""
        self.take(version)
        known = self.talk if self.talk is not None and self.talk[0] == job.key else None
        _, done, talk = known or (job.key, 0, self.engine.converse(job.prompt, job.num_rows))
        replies: list[Reply] | None = None
        for turn in job.turns[done:]:
            replies = talk.generate(turn.params, turn.seeds) if isinstance(turn, Generate) else talk.append(turn.tokens)
        self.talk = (job.key, len(job.turns), talk)
        return replies

    def take(self, version: Version, job: None = None) -> None:
        """Sample with these weights from now on."""
        self.engine.policy_version = version.number
        if version.serial == self.serial:
            return
        self.serial, self.talk = None, None
        self._look_at(version.serial, version.handle)

    def _look_at(self, serial: int, handle: Handle) -> None:
        tensors = self.reach(handle)
        for name, parameter in self.engine.trained.items():
            put(parameter, tensors[name])
        self.halved.renew(list(self.engine.trained.values()))
        if self.has_first_weights:
            give_back_heap()  # that nobody reads any more
            self.has_first_weights = False
        self.serial = serial
        self.engine.changes += 1
        if self.lookout is not None:
            self.lookout.took(serial)

    def _freshen(self) -> None:
        """Between two tokens; a reply goes by the number of the version that began it."""
        if self.lookout is not None and self.serial is not None and (newer := self.lookout.newer_than(self.serial)):
            self._look_at(*newer)

    def _fetched(self, source: Any, deadline_s: float) -> Callable[[Handle], dict[str, Tensor]]:
        from straw.engines.monarch.weights.weight_transfer import Fetched

        return Fetched(source, deadline_s, halved_weights(self.engine))


def put(parameter: Tensor, tensor: Tensor) -> None:
    """What was mapped is used where it lies; a device takes a copy into memory of its own."""
    if parameter.device == tensor.device:
        parameter.data = tensor
        return
    if parameter.dtype != tensor.dtype:
        parameter.data = parameter.data.to(tensor.dtype)  # once: then its memory stays where it is
    parameter.data.copy_(tensor)
