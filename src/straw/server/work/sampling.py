"""Replies: requests join the rows that are being written, and leave when they are complete.

A request without a seed has one of its own, from its session, its number and the reply's: sent again, or begun again
after a restart, it writes the same. With a seed the first reply has that very seed, and the others their own from it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from straw.engines.tenants.backend import Backend
from straw.engines.tenants.records import Sampled, Sampling, Tokens
from straw.seeds import seed_for
from straw.server.keeping.journal import Journal
from straw.server.keeping.rows import Outcome, Request, Sampler
from straw.server.wire.refused import BadRequest
from straw.server.wire.sampling import Asample, write_sampled
from straw.server.work.outcomes import failed, failed_by
from straw.server.work.reading import Reading
from straw.server.work.snapshots import Snapshots
from straw.server.work.watching import Watching

Done = Callable[[Sampled | Exception], None]
Wrote = Callable[[list[Tokens]], None]
CANCELLED = "the client cancelled it, or went away"


def seeds_of(read: Asample) -> tuple[int, ...]:
    if read.seed is None:
        one = (read.sampling_session_id, read.seq_id)
        return tuple(seed_for("sample", *one, index) for index in range(read.num_samples))
    first = read.seed % 2**64
    return (first, *(seed_for("sample", first, index) for index in range(1, read.num_samples)))


@dataclass(slots=True)
class Rows:
    """A request whose replies are being written. `wrote` hears after each token, where somebody streams."""

    weights: str | None
    prompt: Tokens
    done: Done
    wrote: Wrote | None = None


@dataclass
class Samples:
    """In the thread that computes."""

    backend: Backend
    journal: Journal
    reading: Reading
    snapshots: Snapshots
    watching: Watching
    finish: Callable[[Request, Outcome], None]
    rows: dict[str, Rows] = field(default_factory=dict)
    samplers: OrderedDict[str, Sampler] = field(default_factory=OrderedDict)

    def begin(self, request: Request, read: Asample | None) -> None:
        """Of the protocol."""
        try:
            read = read or self.read(request)
            asked = read.sampling(seeds_of(read))
            self.join(request.id, self.sampler(request.place), asked, self.finisher(request, read))
        except Exception as error:
            self.finish(request, failed_by(error))

    def read(self, request: Request) -> Asample:
        body = self.journal.body(request.id)
        if body is None:
            raise LookupError(f"the journal has no body of {request.id}")
        found: Asample = self.reading.read("sample", body)
        return found

    def finisher(self, request: Request, read: Asample) -> Done:
        def done(sampled: Sampled | Exception) -> None:
            if isinstance(sampled, Exception):
                self.finish(request, failed_by(sampled))
            else:
                self.finish(request, Outcome("proto", write_sampled(sampled, read.form)))

        return done

    def sampler(self, id: str) -> Sampler:
        """Remembered: a session samples many times, and what it samples from does not change."""
        if (found := self.samplers.get(id)) is None:
            found = self.journal.sampler(id)
            if found is None:
                raise BadRequest(f"there is no sampling session {id!r}", 404)
            self.samplers[id] = found
            while len(self.samplers) > 256:
                self.samplers.popitem(last=False)
        return found

    def join(self, key: str, sampler: Sampler, asked: Sampling, done: Done, wrote: Wrote | None = None) -> None:
        """Of anybody. `done` hears once, `wrote` after each token."""
        weights = self.snapshots.use(sampler)
        try:
            self.backend.begin(key, weights, asked)
        except BaseException:
            self.snapshots.release(weights)
            raise
        self.rows[key] = Rows(weights, asked.prompt, done, wrote)

    def cancel(self, key: str) -> None:
        rows = self.rows.pop(key, None)
        if rows is not None:
            self.backend.cancel(key)
            self.snapshots.release(rows.weights)
            rows.done(BadRequest(CANCELLED))

    def decode(self) -> None:
        """One token for everybody. Where that fails as a whole, it has failed for all who write."""
        try:
            complete = self.backend.decode()
        except Exception as error:
            complete = [(key, error) for key in list(self.rows)]
            for key in self.rows:
                self.backend.cancel(key)
        for key, sampled in complete:
            rows = self.rows.pop(key, None)
            if rows is None:
                continue
            self.snapshots.release(rows.weights)
            if not isinstance(sampled, Exception):
                self.watching.sampled(len(rows.prompt), sampled)
            rows.done(sampled)
        for key, rows in self.rows.items():
            if rows.wrote is not None:
                rows.wrote(self.backend.written(key))

    @staticmethod
    def cancelled() -> Outcome:
        return failed(CANCELLED, "user")
