from __future__ import annotations

import asyncio
import sys
import threading
import time

import pytest

from straw.tasks.environments import calling
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


def test_a_wait_that_fails_with_an_error_of_its_own_is_told_from_one_that_is_too_long() -> None:
    async def theirs() -> None:
        await asyncio.sleep(0)
        raise TimeoutError("theirs")

    call = Caller()
    with pytest.raises(TimeoutError, match="theirs"):
        call(theirs, 1.0)
    with pytest.raises(Hung):
        call(lambda: 3, -1.0)


def test_the_thread_keeps_nothing_alive_and_is_replaced_where_it_has_ended() -> None:
    call = Caller()
    first = call(threading.current_thread, 1.0)
    assert first.daemon and first.name == "environment"
    call.inbox.put(None)
    first.join(5)
    assert not first.is_alive()
    second = call(threading.current_thread, 1.0)
    assert second is not first and call(threading.current_thread, 1.0) is second


def test_a_call_has_its_time_and_a_grace_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly() -> str:
        time.sleep(0.1)
        return "done"

    for grace, seconds in ((5.0, 1.0), (0.01, 5.0)):
        monkeypatch.setattr(calling, "GRACE_S", grace)
        assert Caller()(slowly, seconds) == "done"


def test_a_wait_that_is_too_long_is_cancelled_in_its_thread_which_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "GRACE_S", 5.0)
    call, ended = Caller(), []

    async def forever() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(1)

    thread = call(threading.get_ident, 5.0)
    with pytest.raises(Hung):
        call(forever, 0.01)
    assert call(threading.get_ident, 5.0) == thread
    call(lambda: asyncio.sleep(0), 5.0)
    assert ended == [1]


def test_a_thread_that_was_left_behind_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "GRACE_S", 0.02)
    call = Caller()
    thread = call(threading.current_thread, 5.0)
    with pytest.raises(Hung):
        call(lambda: time.sleep(0.3), 0.01)
    assert call.thread is None
    assert call(threading.current_thread, 5.0) is not thread
    thread.join(5)
    assert not thread.is_alive()  # it ended when the system let it go
