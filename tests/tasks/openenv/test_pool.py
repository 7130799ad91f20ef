"""Sessions of a server that is pretended: how many are opened, which is taken, and what is said where there is none."""

from __future__ import annotations

from typing import Any

import pytest

from straw.tasks.openenv.local_server import LocalServer
from straw.tasks.openenv.pool import Pool, opened
from straw.tasks.openenv.sessions import Refused
from straw.tasks.openenv.web_socket import SocketGone


class Session:
    def __init__(self, number: int = 0) -> None:
        self.number, self.is_open = number, True

    def close(self) -> None:
        self.is_open = False


class Server:
    """Gives so many sessions, then raises what it is told to."""

    def __init__(self, most: int = 100, error: Exception | None = None) -> None:
        self.most, self.error, self.made = most, error or Refused("CAPACITY_REACHED", "full"), 0
        self.seconds: list[float] = []

    async def open(self, seconds: float) -> Any:
        self.seconds.append(seconds)
        if self.made == self.most:
            raise self.error
        self.made += 1
        return Session(self.made)

    def schema(self, seconds: float) -> Any:
        self.seconds.append(seconds)
        return {"action": {"number": len(self.seconds)}}


def pool_of(server: Server, *idle: Session) -> Pool:
    return Pool(server, idle=list(idle))  # type: ignore[arg-type]


def numbers(pool: Pool) -> list[int]:
    return [one.number for one in pool.idle]  # type: ignore[attr-defined]


def test_as_many_sessions_are_opened_as_are_missing() -> None:
    for missing, count in ((-1, 0), (0, 0), (1, 1), (2, 2), (3, 3), (7, 7), (8, 8)):
        server = Server()
        found, reason = opened(server, missing)  # type: ignore[arg-type]
        assert len(found) == server.made == count and reason is None
        assert all(one == 10.0 for one in server.seconds)


def test_the_first_session_is_asked_for_alone_and_then_as_many_as_there_are() -> None:
    """So a server that has few is asked in vain at most once more for each."""
    for most, tries in ((0, 1), (1, 2), (2, 4), (3, 4), (4, 8), (9, 16)):
        server = Server(most)
        found, reason = opened(server, 100)  # type: ignore[arg-type]
        assert len(found) == most and reason == "the server gives no more sessions: full"
        assert len(server.seconds) == tries


def test_a_server_that_goes_away_while_sessions_are_opened_is_told_and_those_it_gave_are_kept() -> None:
    found, reason = opened(Server(2, SocketGone("nobody is there")), 5)  # type: ignore[arg-type]
    assert (len(found), reason) == (2, "nobody is there")


def test_a_pool_is_filled_up_and_closed_sessions_are_replaced() -> None:
    server = Server()
    old, shut = Session(91), Session(92)
    shut.close()
    pool = pool_of(server, old, shut)
    assert pool.fill(3) == 3 and numbers(pool) == [91, 1, 2] and pool.reason is None
    assert pool.fill(2) == 2 and numbers(pool) == [91, 1, 2]  # those beyond stay


def test_a_pool_tells_how_many_there_are_and_why_no_more() -> None:
    pool: Any = pool_of(Server(2))
    assert pool.fill(5) == 2 and pool.reason == "the server gives no more sessions: full"
    assert pool.fill(1) == 1 and pool.reason is None
    gone = Pool(LocalServerThatIsGone())
    assert gone.fill(3) == 0 and gone.reason == "it died"
    with pytest.raises(SocketGone, match=r"^it died$"):
        gone.take()


class LocalServerThatIsGone(LocalServer):
    def __init__(self) -> None:
        self.closed = 0

    def running(self) -> Any:
        raise SocketGone("it died")

    def close(self) -> None:
        self.closed += 1


def test_the_session_that_waits_longest_is_taken_and_closed_ones_are_passed_over() -> None:
    server, shut = Server(), Session(90)
    shut.close()
    pool = pool_of(server, shut, Session(91), Session(92))
    taken: list[Any] = [pool.take(), pool.take(), pool.take()]
    assert [one.number for one in taken] == [91, 92, 1] and pool.idle == []
    pool.give_back(taken[1])
    pool.give_back(taken[0])
    assert numbers(pool) == [92, 91] and server.seconds == [10.0]


def test_where_the_last_answer_was_no_nobody_asks_again_at_once() -> None:
    pool = pool_of(server := Server(0))
    with pytest.raises(SocketGone, match=r"^the server gives no session: full$"):
        pool.take()
    pool.reason = "it was full"
    with pytest.raises(SocketGone, match=r"^it was full$"):
        pool.take()
    assert len(server.seconds) == 1


def test_what_a_server_says_of_actions_is_asked_once() -> None:
    pool = pool_of(server := Server())
    assert pool.schema() == pool.schema() == {"action": {"number": 1}} and server.seconds == [10.0]


def test_a_pool_closes_its_sessions_and_a_server_of_its_own() -> None:
    pool = pool_of(Server(), first := Session(1), second := Session(2))
    pool.close()
    assert pool.idle == [] and not first.is_open and not second.is_open
    own = LocalServerThatIsGone()
    Pool(own).close()
    assert own.closed == 1
