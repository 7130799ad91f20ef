"""The actor: it makes a worker and calls its methods. What a worker raises comes back as words, the actor lives on."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monarch.actor import Actor, endpoint

from straw.engines.local import heartbeat as pulse
from straw.engines.monarch.processes.heartbeat import HeartHandle, beating
from straw.engines.monarch.processes.identity import mine
from straw.engines.monarch.processes.log import take_over
from straw.errors import StrawError

Failure = tuple[str, str]  # the name of its class and what it says
Answer = tuple[Failure | None, Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a process is told at its birth."""

    name: str
    umask: int | None  # of the files that it makes; behind the wall there is another
    log: str  # where Monarch is to write
    heart: HeartHandle


class Host(Actor):
    """One message at a time, in the order of their coming."""

    def __init__(self, setting: Setting) -> None:
        name_process(f"straw-{setting.name}")
        take_over(setting.log)
        if setting.umask is not None:
            os.umask(setting.umask)
        pulse.watch(beating(setting.heart))
        self.worker: Any = None

    @endpoint
    def identity(self) -> Answer:
        return None, mine()

    @endpoint
    def make(self, worker: Callable[..., Any], given: tuple[Any, ...]) -> Answer:
        """Not at birth: what it needs takes seconds to import, and by then the process has to be known."""
        return answered(lambda: setattr(self, "worker", worker(*given)))

    @endpoint
    def call(self, method: str, given: tuple[Any, ...]) -> Answer:
        return answered(lambda: getattr(self.worker, method)(*given))


def name_process(name: str) -> None:
    """As it is called by ps and top; where the system has another way, not at all."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(name[:15])


def answered(act: Callable[[], Any]) -> Answer:
    try:
        return None, act()
    except StrawError as error:
        return (type(error).__name__, str(error)), None
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return ("WorkerRaised", f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"), None
