"""The desk: takes requests in, hands each model's on in order, and gives results out as often as they are asked for.

    submit     journalled, then answered with a request's id, which is MODEL/SEQ: sent twice, it is the same request
    refuse     a request that cannot be read has used its number all the same
    retrieve   the result, or nothing after half a minute: the client asks again
    recover    after a restart, what was accepted and not done is handed on again

All of it runs in the thread of the event loop. What is done is read from the journal, so memory holds only what waits.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic, time
from typing import Any

from straw.server.desk.line import Line
from straw.server.desk.settings import Settings
from straw.server.keeping.journal import Journal
from straw.server.keeping.rows import Model, Outcome, Request
from straw.server.wire.refused import BadRequest
from straw.server.work.outcomes import failed

LOST = (
    "a request before this one never arrived whole (a body that was too large, or a connection that broke), so this "
    "one was not done: make the calls since then again"
)
UNKEPT = 4096  # results that a full disk did not take


@dataclass(eq=False)
class Pending:
    """An accepted request that is not done. `read`: its body as a record, if there was room to keep it."""

    request: Request
    read: Any
    size: int
    done: asyncio.Future[Outcome] | None = None


class Desk:
    """`hand_on` gives a request to the thread that computes."""

    def __init__(self, journal: Journal, settings: Settings, hand_on: Callable[[Request, Any], None]) -> None:
        self.journal, self.settings, self.hand_on = journal, settings, hand_on
        self.pending: dict[str, Pending] = {}
        self.lines: dict[str, Line[Request]] = {}
        self.unkept: OrderedDict[str, tuple[str, Outcome]] = OrderedDict()
        self.bytes_read = 0

    # --- in

    def submit(self, request: Request, body: bytes, read: Any) -> str:
        """In its model's order. The same id again is the same request."""
        if self.is_known(request):
            return request.id
        line = self.line(request.place)
        if request.seq < line.next:
            raise BadRequest(f"seq_id {request.seq} of this model is done, and its result has aged: go on", 410)
        if line.is_too_far(request.seq):
            raise BadRequest(f"seq_id {request.seq} is far ahead of {line.next}, which is next: count one by one")
        if self.keep(request, body, read):
            self.begin(line.put(request.seq, request, monotonic()))
        else:
            self.begin(line.use([request.seq], monotonic()))
        return request.id

    def submit_unordered(self, request: Request, body: bytes, read: Any) -> str:
        """A sample: nothing waits for anything."""
        if not self.is_known(request) and self.keep(request, body, read):
            self.begin([request])
        return request.id

    def is_known(self, request: Request) -> bool:
        if request.id in self.pending or request.id in self.unkept:
            return True
        found = self.journal.outcome(request.id)
        if found is None:
            return False
        if found[1] is not None and found[1].form == "refused":
            status, _, detail = found[1].data.decode().partition(" ")
            raise BadRequest(detail, int(status))
        return True

    def keep(self, request: Request, body: bytes, read: Any) -> bool:
        """On the disk, and then in memory. False where the disk takes no more: its result says so."""
        if len(self.pending) >= self.settings.most_pending:
            raise BadRequest(f"{len(self.pending):,} requests wait already: send this one again later", 429)
        try:
            self.journal.accept(request, body)
        except sqlite3.OperationalError as problem:
            self.give_unkept(request, failed(f"the server cannot write to its journal ({problem})", "server"))
            return False
        size = len(body)
        if self.bytes_read + size > self.settings.most_bytes_read:
            read, size = None, 0
        self.bytes_read += size
        self.pending[request.id] = Pending(request, read, size)
        return True

    def begin(self, requests: Iterable[Request]) -> None:
        for request in requests:
            waiting = self.pending[request.id]
            self.hand_on(request, waiting.read)
            waiting.read = None  # the one who computes holds it now

    def refuse(self, request: Request, error: BadRequest) -> None:
        """Its number is used, unless the same request may come again and fit then."""
        if error.status in (408, 429) or request.id in self.pending or self.journal.outcome(request.id) is not None:
            return
        line = self.line(request.place)
        if request.seq < line.next or line.is_too_far(request.seq):
            return
        self.journal.accept(request, None, Outcome("refused", f"{error.status} {error.detail}".encode()))
        self.begin(line.use([request.seq], monotonic()))

    def line(self, model: str) -> Line[Request]:
        """As it stands in memory, or in the journal."""
        if (line := self.lines.get(model)) is None:
            line = self.lines[model] = self.line_from_journal(model)
        return line

    def line_from_journal(self, model: str) -> Line[Request]:
        found = self.journal.model(model)
        line: Line[Request] = Line(next=found.floor if found else 0)
        numbers = self.journal.numbers_from(model, line.next)
        line.use(numbers, monotonic())  # those ahead of a gap are put back by `recover`
        return line

    # --- out

    async def retrieve(self, id: str, owner: str) -> Outcome | None:
        """None after a time without a result. 404 or 410 for a request that nobody accepted."""
        waiting = self.pending.get(id)
        if waiting is None:
            return self.found(id, owner)
        if waiting.request.owner != owner:
            raise self.unknown(id)
        if waiting.done is None:
            waiting.done = asyncio.get_running_loop().create_future()
        await asyncio.wait([waiting.done], timeout=self.settings.poll_s)
        return waiting.done.result() if waiting.done.done() else None

    def found(self, id: str, owner: str) -> Outcome:
        found = self.unkept.get(id) or self.journal.outcome(id)
        if found is None or found[0] != owner or found[1] is None or found[1].form == "refused":
            raise self.unknown(id)
        return found[1]

    def unknown(self, id: str) -> BadRequest:
        """Sampling is sent again by the client after 410; training cannot be."""
        return BadRequest("this server knows no such request, or its result has aged", 410 if ":sample:" in id else 404)

    def finished(self, id: str, outcome: Outcome, is_kept: bool = True) -> None:
        waiting = self.pending.pop(id, None)
        if waiting is None:
            return
        self.bytes_read -= waiting.size
        if not is_kept:
            self.give_unkept(waiting.request, outcome)
        if waiting.done is not None and not waiting.done.done():
            waiting.done.set_result(outcome)

    def give_unkept(self, request: Request, outcome: Outcome) -> None:
        self.unkept[request.id] = (request.owner, outcome)
        while len(self.unkept) > UNKEPT:
            self.unkept.popitem(last=False)

    # --- time

    def recover(self) -> int:
        """What was accepted before the server died, handed on in the order of its numbers; how many."""
        found = self.journal.pending()
        for request in found:
            self.pending[request.id] = Pending(request, None, 0)
        models = {one.place for one in found if self.journal.model(one.place) is not None}
        for request in sorted(found, key=lambda one: one.seq):
            line = self.line(request.place) if request.place in models else None
            if line is None or request.seq < line.next:
                self.begin([request])
            else:
                line.used.discard(request.seq)
                self.begin(line.put(request.seq, request, monotonic()))
        return len(found)

    def give_up_gaps(self) -> int:
        """Requests behind a number that was lost get an error; how many."""
        total = 0
        for model, line in self.lines.items():
            lost = line.give_up(monotonic(), self.settings.gap_s)
            if lost:
                self.journal.set_floor(model, line.next)
                for request in lost:
                    outcome = failed(LOST, "user")
                    self.journal.finish(request.id, outcome, keep_body=False)
                    self.finished(request.id, outcome)
            total += len(lost)
        return total

    def close_model(self, model: Model) -> None:
        self.journal.close_model(model.id)
        self.lines.pop(model.id, None)

    def age(self) -> int:
        """Results that nobody fetches any more; sooner where there are too many."""
        limit = self.settings.results_s
        if self.journal.num_bytes > self.settings.most_journal:
            limit /= 10
        for model, line in self.lines.items():
            self.journal.set_floor(model, line.next)
        return self.journal.age(time() - limit)
