"""The sampler of an engine with many tenants: names become weights, and weights become passes of the model.

base           a pass of its own, which is the plain model
adapters       one pass for all that stand beside the same layers, each row with its own
full weights   a pass for every version
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, cast

import torch

from straw.engines.local.forward.lm_head import Head
from straw.engines.local.forward.reader import Reader
from straw.engines.local.training.microbatch_budget import room_on
from straw.engines.tenants.bank import Adapter, Bank, Weights
from straw.engines.tenants.records import Facts
from straw.engines.tenants.sampling.mixed import Mixed
from straw.engines.tenants.sampling.sampler import SamplerSettings, TenantSampler
from straw.engines.tenants.sampling.stacks import Stack
from straw.engines.tenants.sampling.stop_strings import Decode
from straw.text.chat.chat import Chat


class Host(Protocol):
    """What of the engine its sampler needs."""

    reader: Reader
    head: Head
    device: torch.device
    chat: Chat
    facts: Facts
    bank: Bank | None

    def precision(self) -> AbstractContextManager[None]: ...

    def acting(self, weights: Weights | None) -> AbstractContextManager[None]: ...


class TenantRoutes:
    def __init__(self, host: Host) -> None:
        self.host = host
        self.stacks: dict[Hashable, dict[int, Stack]] = {}  # by lane and rank
        self.last: tuple[Hashable, list[Hashable], Mixed] | None = None

    def lane(self, version: Hashable) -> Hashable:
        return tuple(version.pairs) if isinstance(version, Adapter) else version

    def has_adapters(self, lane: Hashable) -> bool:
        return isinstance(lane, tuple)

    def reading(self, version: Hashable) -> AbstractContextManager[None]:
        return self.host.acting(cast(Weights | None, version))

    @contextmanager
    def writing(self, lane: Hashable, versions: Sequence[Hashable], num_fillers: int) -> Iterator[None]:
        """A filler has the first row's adapter: it has to have one."""
        if not isinstance(versions[0], Adapter) or self.host.bank is None:
            with self.reading(versions[0]):
                yield
            return
        with self.host.bank.acting(self._mixed(lane, [*versions, *[versions[0]] * num_fillers])):
            yield

    def _mixed(self, lane: Hashable, versions: list[Hashable]) -> Mixed:
        if self.last is None or self.last[:2] != (lane, versions):
            stacks = self.stacks.setdefault(lane, {})
            self.last = lane, versions, Mixed(cast(list[Adapter], versions), stacks, self.host.device)
        return self.last[2]

    def forget(self) -> None:
        """Nobody writes: no adapter is held any more."""
        self.stacks.clear()
        self.last = None


def sampler_of(host: Host, settings: SamplerSettings | None = None) -> TenantSampler:
    return TenantSampler(
        host.reader,
        host.head,
        host.device,
        end_tokens=host.chat.closes,
        text_of=text_of(host),
        room=host.facts.max_context_length,
        routes=TenantRoutes(host),
        precision=host.precision,
        settings=settings or settings_on(host.device),
    )


def settings_on(device: torch.device) -> SamplerSettings:
    """A card has the room that is free on it."""
    return SamplerSettings() if device.type == "cpu" else SamplerSettings(keys_room=room_on(device.type))


def text_of(host: Host) -> Decode:
    """Tokens as text, as the host's chat has them at that time: who serves a model gives it its clients' tokenizer."""
    return lambda tokens: decoded(host.chat, tokens)


def decoded(chat: Chat, tokens: list[int]) -> str:
    """Control tokens included; without the detours of transformers where there is a way."""
    backend = getattr(chat.tokenizer, "backend_tokenizer", None)
    if backend is not None:
        return str(backend.decode(tokens, skip_special_tokens=False))
    return str(chat.tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False))
