"""Ctrl-C and SIGTERM as a wish: the step that goes on is finished and kept. A second one stops at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from straw.text.shown.say import say

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignal:
    def __init__(self) -> None:
        self.was_heard = False
        self._before: dict[signal.Signals, Any] = {}
        self._say: Callable[[str], None] = say

    def listen(self, say: Callable[[str], None]) -> None:
        """From now on; signals reach the main thread only."""
        self._say = say
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hear) for number in SIGNALS}

    def ignore(self) -> None:
        """As it was before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.was_heard:
            raise KeyboardInterrupt
        self.was_heard = True
        self._say("stopping after this step, with a checkpoint; once more stops at once")
