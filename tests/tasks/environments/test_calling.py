from __future__ import annotations

import asyncio
import sys
import threading
import time

import pytest

from straw.tasks.environments.calling import Caller, Hung


def test_a_call_gives_what_the_function_gives_or_raises() -> None:
    call = Caller()
    assert call(lambda: 3, 1.0) == 3
    with pytest.raises(ZeroDivisionError):
        call(lambda: 1 // 0, 1.0)
    with pytest.raises(TimeoutError):  # one of its own
        call(lambda: (_ for _ in ()).throw(TimeoutError("theirs")), 1.0)


def test_all_calls_are_made_by_one_thread() -> None:
    call = Caller()
    assert call(threading.get_ident, 1.0) == call(threading.get_ident, 1.0) != threading.get_ident()


def test_what_is_awaitable_is_awaited_on_one_loop() -> None:
    async def loop() -> asyncio.AbstractEventLoop:
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    call = Caller()
    assert call(loop, 1.0) is call(loop, 1.0)


def test_a_loop_that_never_ends_is_ended() -> None:
    call, spins = Caller(), []

    def forever() -> None:
        while True:
            try:
                spins.append(1)
                time.sleep(0.001)
            except Exception:  # an environment may catch all errors
                continue

    with pytest.raises(Hung):
        call(forever, 0.05)
    time.sleep(0.05)
    count = len(spins)
    time.sleep(0.05)
    assert len(spins) == count
    assert call(lambda: "and goes on", 1.0) == "and goes on"


def test_what_sits_in_the_system_is_left_behind_and_what_waits_is_cancelled() -> None:
    call, began = Caller(), time.monotonic()
    with pytest.raises(Hung):
        call(lambda: time.sleep(3), 0.05)
    with pytest.raises(Hung):
        call(lambda: asyncio.sleep(3), 0.05)
    with pytest.raises(Hung):
        call(lambda: 3, 0.0)  # no time is left
    if sys.gettrace() is None:  # where lines are traced, Python 3.11 waits until the other thread takes its exception
        assert time.monotonic() - began < 2
    assert call(lambda: 4, 1.0) == 4
