"""What the page and /metrics are told, put together each time somebody looks."""

from __future__ import annotations

import resource
from collections import Counter
from time import time

from straw.server.keeping.rows import Model, model_of
from straw.server.keeping.store import KINDS
from straw.server.page.state import Checkpoint, Counts, Curve, Now, Served, State, Tenant
from straw.server.service import Service
from straw.version import VERSION

MOST_TENANTS, MOST_CHECKPOINTS = 100, 200
try:
    PAGE = resource.getpagesize()
except (AttributeError, OSError):
    PAGE = 4096


def resident_bytes() -> int | None:
    """Memory of this process; None where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * PAGE
    except (OSError, ValueError, IndexError):
        return None


class Showing:
    """`state` is called in the event loop's thread; it reads what the other thread counts."""

    def __init__(self, service: Service) -> None:
        self.service, self.started = service, time()

    def state(self, owner: str | None = None) -> State:
        """Of one key's holder; None: of everybody, for a server that is one's own."""
        service, facts, settings = self.service, self.service.backend.facts, self.service.settings
        return State(
            served=Served(
                name=facts.name, arch=facts.arch, num_parameters=facts.num_parameters,
                max_context_length=facts.max_context_length, vocabulary=facts.vocabulary, names=settings.names[1:],
                any_name=settings.any_name,
            ),
            version=VERSION, started=self.started, time=time(), counts=self.counts(), now=self.now(),
            tenants=tuple(map(self.tenant, self.models(owner))), checkpoints=self.checkpoints(owner),
            note="; ".join(f"{other} stands in for {loss}" for loss, other in service.settings.stand_ins.items()),
        )  # fmt: skip

    def counts(self) -> Counts:
        seen = self.service.worker.watching
        return Counts(
            sampled_tokens=seen.num_sampled_tokens, prompt_tokens=seen.num_prompt_tokens,
            trained_tokens=seen.num_trained_tokens, samples=seen.num_samples, steps=seen.num_steps,
            errors=seen.num_errors, replayed=seen.num_replayed, busy_s=seen.busy_s,
        )  # fmt: skip

    def now(self) -> Now:
        service = self.service
        there = min(len(service.worker.operations.tenants.there), service.settings.in_memory)
        open_models = service.journal.one("SELECT count(*) FROM models WHERE closed = 0")
        stored = service.journal.one("SELECT sum(size) FROM checkpoints")
        return Now(
            sessions=len(service.sessions.beats), waiting=len(service.desk.pending),
            writing=len(service.worker.samples.rows), models_in_memory=there,
            models_on_disk=max(0, (open_models[0] if open_models else 0) - there), resident_bytes=resident_bytes(),
            journal_bytes=service.journal.num_bytes, store_bytes=int(stored[0] or 0) if stored else 0,
        )  # fmt: skip

    def models(self, owner: str | None) -> list[Model]:
        where, values = ("owner = ?", [owner]) if owner is not None else ("1", [])
        rows = self.service.journal.all(
            f"SELECT * FROM models WHERE {where} ORDER BY closed, asked DESC LIMIT ?", *values, MOST_TENANTS
        )
        return [model_of(row) for row in rows]

    def tenant(self, model: Model) -> Tenant:
        waiting = Counter(one.request.place for one in list(self.service.desk.pending.values()))[model.id]
        curve = self.service.worker.watching.curves.get(model.id)
        points = list(curve.points) if curve else []
        session = self.service.journal.session(model.session)
        return Tenant(
            id=model.id, owner=model.owner[:6], label=str((session.about.get("name") if session else None) or ""),
            rank=model.shape.rank, state=self.state_of(model, waiting), step=curve.step if curve else 0,
            num_trained_tokens=sum(one.num_tokens for one in points), num_waiting=waiting,
            last_request=self.service.sessions.asked.get(model.id, model.asked),
            curve=Curve(
                steps=tuple(one.step for one in points),
                loss=tuple(one.loss / one.num_tokens if one.num_tokens else None for one in points),
                reward=tuple(one.reward for one in points),
            ),
        )  # fmt: skip

    def state_of(self, model: Model, waiting: int) -> str:
        if model.closed:
            return "closed"
        if model.id in self.service.worker.begun:
            return "training"
        if waiting:
            return "waiting"
        return "idle" if model.id in self.service.worker.operations.tenants.there else "on disk"

    def checkpoints(self, owner: str | None) -> tuple[Checkpoint, ...]:
        where, values = ("owner = ?", [owner]) if owner is not None else ("1", [])
        found = self.service.journal.checkpoints(where, *values)[:MOST_CHECKPOINTS]
        return tuple(
            Checkpoint(
                path=one.path, kind=KINDS[one.kind], time=one.made, size_bytes=one.size, expires=one.expires,
                export=f"cp -r '{self.service.store.folder(one.folder)}' ./{one.name}",
            )
            for one in found
        )  # fmt: skip
