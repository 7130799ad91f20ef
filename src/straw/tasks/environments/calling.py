"""Other people's functions, called with a limit of time: what does not come back in time is ended, or left behind.

    call = Caller()
    call(lambda: environment.guess(50), seconds=30)        its result, its exception, or Hung

All calls are made by one thread, one after the other, so that what an environment opened in one call it finds in the
next. One that is too late gets an exception from within, which ends any loop of Python; what sits in a call of the
operating system is left to itself, in a thread that keeps nothing alive. What is awaitable is awaited there.
"""

from __future__ import annotations

import asyncio
import ctypes
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any

GRACE_S = 0.2  # for a thread to end in


class Hung(Exception):
    """It did not come back in time."""


class Left(Exception):
    """What it raised ends a program, such as sys.exit(): one of somebody else ends neither this thread nor the run."""


class Ended(BaseException):
    """Raised inside a call that is too late: nothing that catches errors catches it."""


@dataclass(slots=True)
class Job:
    """One call and what came of it."""

    function: Callable[[], Any]
    seconds: float
    done: Event = field(default_factory=Event)
    result: Any = None
    error: BaseException | None = None


class Caller:
    """One at a time, whoever asks."""

    def __init__(self) -> None:
        self.one_at_a_time = Lock()
        self.thread: Thread | None = None
        self.inbox: SimpleQueue[Job | None] = SimpleQueue()

    def __call__(self, function: Callable[[], Any], seconds: float) -> Any:
        with self.one_at_a_time:
            if seconds <= 0:
                raise Hung
            if self.thread is None or not self.thread.is_alive():
                self.inbox = SimpleQueue()
                self.thread = Thread(target=work, args=(self.inbox,), name="environment", daemon=True)
                self.thread.start()
            job = Job(function, seconds)
            self.inbox.put(job)
            if not job.done.wait(seconds + GRACE_S):
                self.leave_behind()
                raise Hung
        if isinstance(job.error, TimeoutError) and job.seconds < 0:
            raise Hung
        if job.error is not None:
            raise job.error
        return job.result

    def leave_behind(self) -> None:
        thread, self.thread = self.thread, None
        self.inbox.put(None)
        if thread is not None and thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Ended))
            thread.join(GRACE_S)


def work(inbox: SimpleQueue[Job | None]) -> None:
    """In a thread of its own, until it is ended or told that nothing more comes."""
    loop = asyncio.new_event_loop()
    try:
        while (job := inbox.get()) is not None:
            do(job, loop)
    except Ended:
        return
    finally:
        loop.close()


def do(job: Job, loop: asyncio.AbstractEventLoop) -> None:
    try:
        job.result = job.function()
        if inspect.isawaitable(job.result):
            job.result = loop.run_until_complete(awaited(job))
    except Ended:
        raise
    except Exception as error:  # handed to whoever asked
        job.error = error
    except BaseException as error:
        said = str(error)
        job.error = Left(f"{type(error).__name__}: {said}" if said else type(error).__name__)
    job.done.set()


async def awaited(job: Job) -> Any:
    """A wait that is too long is cancelled, and told from a TimeoutError of its own by seconds below 0."""
    task = asyncio.ensure_future(job.result)
    done, _ = await asyncio.wait([task], timeout=job.seconds)
    if not done:
        task.cancel()
        job.seconds = -1.0
        raise TimeoutError
    return task.result()


CALL = Caller()
