"""A worker for processes that are to be watched; it imports nothing that takes time."""

from __future__ import annotations

import os
import threading
import time

from straw.engines.local import heartbeat as pulse


class Patient:
    """Does what takes long, without an engine."""

    def beats(self, seconds: float) -> str:
        """Slow, and alive."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.05)
            pulse.beat()
        return "done"

    def waits(self) -> None:
        """Alive for the system, and yet nothing happens."""
        threading.Event().wait()

    def told(self, name: str) -> str | None:
        """What its environment says."""
        return os.environ.get(name)

    def raises(self) -> None:
        raise MemoryError("can't allocate memory: you tried to allocate 4 GB")
