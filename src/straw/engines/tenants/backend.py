"""The verbs of a base model with many tenants; one thread calls them, one at a time.

Long work is a generator that gives the thread back between its pieces, a `yield` after each micro-batch, so that a
token can be decoded for everybody in between; what it was asked for is returned at the end.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from straw.engines.base import AdamParams
from straw.engines.tenants.base_files import BaseFiles
from straw.engines.tenants.records import Example, Facts, Gradient, Sampled, Sampling, Shape
from straw.text.chat.chat import Chat

Pieces = Generator[None, None, Gradient]


class Backend(Protocol):
    """Errors that are the asker's fault are `ConfigError` or a subclass; their first line goes to the client."""

    chat: Chat
    facts: Facts

    # --- tenants -------------------------------------------------------------------------
    def create(self, tenant: str, shape: Shape) -> None: ...

    def forward_backward(
        self, tenant: str, data: Sequence[Example], loss: str, settings: Mapping[str, float], *, forward_only: bool
    ) -> Pieces:
        """Adds to the tenant's gradient, and leaves it as it was where anything is wrong with a datum."""
        ...

    def optim_step(self, tenant: str, params: AdamParams) -> dict[str, float]: ...

    def save(self, tenant: str, folder: Path, *, optimizer: bool) -> None:
        """A new folder: adapter_config.json and adapter_model.safetensors as PEFT has them, and what Adam knows."""
        ...

    def load(self, tenant: str, folder: Path, *, optimizer: bool) -> Shape:
        """Creates the tenant, or puts what was saved into it; the rank is the checkpoint's."""
        ...

    def unload(self, tenant: str) -> None: ...

    def base_files(self) -> BaseFiles:
        """The base as it was before anybody trained; asked for once, at the start."""
        ...

    # --- weights for sampling ----------------------------------------------------------------
    def snapshot(self, name: str, tenant: str) -> None:
        """Keeps the tenant's weights as they are now under this name; a name that exists is replaced."""
        ...

    def load_snapshot(self, name: str, folder: Path) -> None: ...

    def forget(self, name: str) -> None: ...

    # --- sampling ------------------------------------------------------------------------
    def begin(self, key: str, weights: str | None, request: Sampling) -> None:
        """Rows of this request join the others; `weights` is a snapshot's name, or None for the base."""
        ...

    def cancel(self, key: str) -> None: ...

    @property
    def num_rows(self) -> int:
        """Rows that write or wait to write."""
        ...

    def decode(self) -> list[tuple[str, Sampled | Exception]]:
        """One token for every row (new ones read their prompts first); the requests that are complete now."""
        ...

    def written(self, key: str) -> list[tuple[int, ...]]:
        """What each row of a request has written so far, for a reply that is streamed."""
        ...

    def rest(self) -> None:
        """Nobody asks for anything at the moment: what is kept for speed alone may go."""
        ...
