"""What the pool knows of a process, wherever it is: one of this machine (`process`), or of another (`hosts.remote`)."""

from __future__ import annotations

from typing import Any, Protocol


class Running(Protocol):
    name: str
    pid: int | None  # where it is, for people
    place: dict[str, object]  # where that is, for people; nothing: here

    async def start(self) -> None:
        """Return when the worker is made."""

    async def call(self, method: str, *given: Any, loads: bool = False) -> Any: ...

    async def trouble(self) -> str:
        """Why it has to be given up, as soon as it has to be."""
        ...

    def kill(self) -> None: ...

    async def stop(self, deadline_s: float = 2.0) -> None: ...

    async def bury(self, deadline_s: float = 0.0) -> None: ...
