"""Open-ended continuous batching: requests come at any token and leave when they are complete.

    begin    a request waits for its turn
    decode   1. every row that stands in the keys reads its last token and draws the next
             2. prompts are read in the order in which they came, READ_WORK of them a call; their rows draw the first
                token, and find a place among the others or wait for one

A reply is a function of its weights, its prompt, its settings and its seed: it has the bits that LocalEngine gives
it, whoever writes beside it. So the order of all this is free, and rows for which there is no room any more may give
up their place and begin again later: they write the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from straw.engines.base import SamplingParams
from straw.engines.local.forward.attention import ROW_TILE, keeps_bits
from straw.engines.local.forward.lm_head import Head
from straw.engines.local.forward.reader import Reader, row_tile
from straw.engines.tenants.records import Sampled, Sampling
from straw.engines.tenants.sampling.checks import check, most_tokens
from straw.engines.tenants.sampling.drawing import draw_rows, rows_at_once
from straw.engines.tenants.sampling.keys.beginnings import reusable_codes
from straw.engines.tenants.sampling.keys.lanes import Lane
from straw.engines.tenants.sampling.keys.places import Places
from straw.engines.tenants.sampling.keys.prompts import Prompts
from straw.engines.tenants.sampling.reading import PromptReader
from straw.engines.tenants.sampling.routes import BaseAlone, Routes
from straw.engines.tenants.sampling.rows import Request, Row, hashed
from straw.engines.tenants.sampling.stop_strings import Decode, StopStrings
from straw.errors import ConfigError
from straw.files import GIB, MIB

MAX_ROWS = 512  # rows that decode together
READ_WORK = 3e10  # multiplications for prompts in one call: about a second of one processor's core
Result = tuple[str, Sampled | Exception]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerSettings:
    """How much stands in memory, in bytes, and how long a call may read prompts. None of it shows in a reply."""

    keys_room: int = 2 * GIB  # keys and values of what is being written, prompts included
    prompts_room: int = 256 * MIB  # prompts that nobody writes behind; on a CPU also what is left of keys_room; 0: none
    max_rows: int = MAX_ROWS
    read_work: float = READ_WORK


class TenantSampler:
    def __init__(
        self,
        reader: Reader,
        head: Head,
        device: torch.device,
        *,
        end_tokens: frozenset[int],
        text_of: Decode,
        room: int | None,
        routes: Routes | None = None,
        precision: Callable[[], AbstractContextManager[None]] = nullcontext,
        settings: SamplerSettings | None = None,
    ) -> None:
        """`room`: the most tokens that the model reads, prompt and reply together."""
        self.reader, self.head, self.device, self.precision = reader, head, device, precision
        self.end_tokens, self.text_of, self.room = end_tokens, text_of, room
        self.settings, self.routes = settings or SamplerSettings(), routes or BaseAlone()
        self.vocabulary = head.weight.shape[0]
        self.max_rows = min(self.settings.max_rows, rows_at_once(self.vocabulary))
        self.prompts = Prompts()
        self.prompt_reader = PromptReader(reader, head, device, self.routes, self.prompts, precision)
        self.places = Places(self.settings.keys_room, self.prompts, self.routes, device, self.tile_of)
        self.requests: dict[str, Request] = {}  # in the order in which they came
        self.params: dict[SamplingParams, SamplingParams] = {}  # equal settings are one object
        self.num_begun = 0

    def tile_of(self, lane: Hashable) -> int:
        """What adapters add is of their own shapes, so theirs are full."""
        if self.routes.has_adapters(lane):
            return ROW_TILE
        with self.precision():
            return row_tile(self.reader, self.head.weight, self.device)

    # --- requests --------------------------------------------------------------------------

    def begin(self, key: str, version: Hashable, sampling: Sampling) -> None:
        """`version`: what `routes` know it by; None is the base."""
        if key in self.requests:
            raise ConfigError(f"a request is begun once; {key!r} is being written: give every request its own key")
        check(sampling, self.vocabulary, self.room)
        params = SamplingParams(
            max_tokens=1, temperature=sampling.temperature, top_k=sampling.top_k, top_p=sampling.top_p
        )
        request = Request(
            key=key,
            number=self.num_begun,
            version=version,
            sampling=sampling,
            max_tokens=most_tokens(sampling, self.room),
            stop=sampling.stop | (self.end_tokens if sampling.end_token_stops else frozenset()),
            params=self._one(params),
            codes=[],
        )
        request.codes = reusable_codes(request.opening)
        strings = sampling.stop_strings
        request.rows = [
            Row(request, seed, StopStrings(strings, self.text_of) if strings else None)
            for seed in hashed(sampling.seeds)
        ]
        request.unplaced = [row for row in request.rows if not row.is_done]
        self.requests[key] = request
        self.num_begun += 1

    def _one(self, params: SamplingParams) -> SamplingParams:
        if len(self.params) > MAX_ROWS:
            self.params.clear()
        return self.params.setdefault(params, params)

    def cancel(self, key: str) -> None:
        if request := self.requests.get(key):
            self._end(request)

    @property
    def num_rows(self) -> int:
        """Rows that write or wait to write; a request that asks about its prompt alone counts as one."""
        return sum(max(1, request.num_writing) for request in self.requests.values())

    def written(self, key: str) -> list[tuple[int, ...]]:
        request = self.requests.get(key)
        return [] if request is None else [tuple(row.tokens) for row in request.rows]

    def forget(self, version: Hashable) -> None:
        """Nobody will begin with this version again."""
        self.prompts.forget(version)

    # --- a token for everybody -------------------------------------------------------------

    @torch.no_grad()
    def decode(self) -> list[Result]:
        """One token for every row; the requests that are complete now."""
        results: list[Result] = []
        for key in list(self.places.lanes):
            results += self._step(key)
        results += self._read_prompts()
        self._begin_rows()
        self.places.find(self._waiting())
        self.places.drop_empty()
        if not self.places.lanes:
            self.routes.forget()
        results += [self._complete(request) for request in self._done()]
        self.prompts.limit(self._room_for_prompts())
        return results

    def _room_for_prompts(self) -> int:
        """For those that nobody writes behind: a game's next turn begins with what its last one left."""
        room = self.settings.prompts_room
        spare = self.settings.keys_room - self.places.used if room and keeps_bits(self.device) else 0
        return max(room, spare)

    def rest(self) -> None:
        """Nobody asks for anything at the moment."""
        self.prompts.limit(self.settings.prompts_room)

    def _step(self, key: Hashable) -> list[Result]:
        lane = self.places.lanes[key]
        self.places.make_room(lane)
        try:
            return self._write(key, lane) if lane.rows else []
        except Exception as error:  # whose fault it was cannot be told
            failed = {row.request for row in lane.rows}
            return [self._fail(request, error) for request in sorted(failed, key=lambda one: one.number)]

    def _write(self, key: Hashable, lane: Lane) -> list[Result]:
        tokens, positions, layout = lane.begin_step()
        order = lane.order
        versions = [row.request.version for row in order]
        with self.precision(), self.routes.writing(key, versions, len(lane.fillers)):
            logits = self.head.logits(self.reader.hidden(tokens, positions, layout))
        for row in order:
            row.num_read += 1
        drawing = [index for index, row in enumerate(order) if row.draws]
        rows = [order[index] for index in drawing]
        draw_rows(logits[: len(order)] if len(rows) == len(order) else logits[drawing], rows)
        if done := [row for row in rows if row.is_done]:
            lane.remove(done)
        return []

    def _read_prompts(self) -> list[Result]:
        """A prompt that somebody has read already waits for none that is being read."""
        work, failed, room = self.settings.read_work, [], self._room_to_read()
        unread = self._unread()
        for place, request in enumerate(unread):
            held = self.prompts.held_bytes
            may_read = room > 0 or not (held or self.places.lanes)
            try:
                work = self._read(request, work if may_read else 0.0, unread[place + 1 :])
            except Exception as error:
                failed.append(self._fail(request, error))
            room -= 2 * (self.prompts.held_bytes - held)
        return failed

    def _unread(self) -> list[Request]:
        """The one that has waited longest first, so that all come to their turn. Behind it those of which most is kept:
        read later they would find less of it.
        """
        unread = [one for one in self.requests.values() if one.facts is None]
        return unread[:1] + sorted(unread[1:], key=self.prompt_reader.num_unread)

    def _read(self, request: Request, work: float, waiting: list[Request]) -> float:
        if self.prompt_reader.knows(request):
            return work
        busy = self.prompt_reader.request
        if work <= 0 or (busy is not None and busy is not request):
            return work
        return self.prompt_reader.read(request, work, waiting)

    def _room_to_read(self) -> int:
        """A prompt that is read takes a place next, where its keys lie a second time."""
        waiting = {id(request.prompt): request.prompt.num_bytes for request in self._waiting() if request.prompt}
        return self.settings.keys_room - self.places.used - sum(waiting.values())

    def _begin_rows(self) -> None:
        """The first token of rows whose prompt was read."""
        rows: list[Row] = []
        free = self.max_rows - self.places.num_rows
        for request in self._waiting():
            rows += [row for row in request.unplaced if not row.tokens][: max(0, free - len(rows))]
        if not rows:
            return
        logits = torch.cat([last.logits for row in rows if (last := row.request.said or row.request.prompt)])
        draw_rows(logits, rows)
        for request in {row.request for row in rows}:
            request.unplaced = [row for row in request.unplaced if not row.is_done]

    def _waiting(self) -> list[Request]:
        return [request for request in self.requests.values() if request.facts is not None and request.unplaced]

    # --- the end of a request --------------------------------------------------------------

    def _done(self) -> list[Request]:
        return [one for one in self.requests.values() if one.facts is not None and not one.num_writing]

    def _complete(self, request: Request) -> Result:
        self._end(request)
        return request.key, request.result()

    def _fail(self, request: Request, error: Exception) -> Result:
        self._end(request)
        return request.key, error

    def _end(self, request: Request) -> None:
        """Nothing of it stands anywhere."""
        self.prompt_reader.drop(request)
        if request.prompt is not None:
            self.places.remove(request)
        for prompt in (request.prompt, request.said):
            if prompt is not None:
                self.prompts.let_go(prompt)
        # a request and its rows know each other, so they wait for the garbage collector; the keys do not
        request.prompt = request.said = None
        del self.requests[request.key]
