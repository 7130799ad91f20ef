"""What writes replies for OpenAI's clients: the server's own work, or a made one in a test."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from straw.engines.tenants.records import Sampled, Sampling, Tokens


@dataclass(frozen=True, slots=True)
class Served:
    """A name that a request may give: the base model, a run (its newest weights), a checkpoint's tinker:// path."""

    name: str
    created: int = 0  # seconds since 1970
    owned_by: str = "straw"


class Completer(Protocol):
    """`weights` is a name of `models`; one that is not there is a BadRequest of 404. `owner` is whose key asks."""

    def models(self, owner: str) -> Sequence[Served]: ...

    async def complete(self, owner: str, weights: str, request: Sampling) -> Sampled: ...

    def stream(self, owner: str, weights: str, request: Sampling) -> AsyncGenerator[list[Tokens] | Sampled, None]:
        """What each reply holds so far, whenever there is more, and at the end all that was asked for.

        Closing it early (`aclose`) cancels the request.
        """
        ...
