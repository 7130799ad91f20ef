"""The verbs of an engine, spread over processes: one trainer, some generators, and this one, which directs.

    sample, converse      cut into shares, one for each generator; put together again in order
    everything else       the trainer
    publish               the trainer says where in shared memory its weights lie; generators look there

A sample does not depend on its neighbours, so however the shares are cut, a synchronous run is bit for bit that of
the local engine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import fmean
from typing import Any

from straw import outside
from straw.config import Page
from straw.engines.base import (
    AdamParams,
    Conversation,
    Engine,
    Loss,
    Policy,
    Reply,
    Sampler,
    SamplingParams,
    Tell,
    Tokens,
    TrainOutput,
)  # fmt: skip
from straw.engines.local.engine import LocalEngine
from straw.engines.local.halves import halved_weights, packed_bytes
from straw.engines.monarch.generator import Generator, Version
from straw.engines.monarch.hosts.attachment import memory_by_name
from straw.engines.monarch.hosts.hosts import Hosts
from straw.engines.monarch.hosts.places import placed
from straw.engines.monarch.hosts.remote import RemoteProcess, RemoteTrainer
from straw.engines.monarch.memory.memory_check import check_files, check_room
from straw.engines.monarch.memory.shared_memory import Handle, Shared
from straw.engines.monarch.processes import namespace as wall
from straw.engines.monarch.processes import process as adapter
from straw.engines.monarch.processes.cards import card_for
from straw.engines.monarch.processes.log import NAME, append
from straw.engines.monarch.processes.process import Process, WorkerDied, WorkerRaised, check_monarch, lacks_in_a_line
from straw.engines.monarch.processes.running import Running
from straw.engines.monarch.processes.silence import Patience
from straw.engines.monarch.samplers import Generators, Held, OneGenerator
from straw.engines.monarch.trainer import Trainer, num_slots
from straw.engines.monarch.weights.inflight_updates import Board, Fresh
from straw.engines.monarch.work import Limits
from straw.engines.monarch.worker_pool import Pool
from straw.errors import EngineFailed, EngineLost, TrainingError
from straw.types import Datum

PATIENCE_S = 0.002


class MonarchEngine(Engine):
    def __init__(
        self,
        page: Page,
        start: LocalEngine,
        num_generators: int,
        limits: Limits | None = None,
    ) -> None:
        """Begins where `start` is, which is used up: its weights live on in the trainer."""
        check_monarch()
        self.page, self.num_generators = page, num_generators
        self.chat, self.limits = start.chat, limits or Limits()
        self.tell: Tell | None = None
        self.untold: list[tuple[str, dict[str, object]]] = []
        self.sync_s: list[float] = []
        self.is_pushed = page.engine.weights == "pushed"
        self.source: Any = None
        self.hosts: Hosts | None = None
        self.log_folder: Path | None = None
        self.wall = wall.raised(page.engine.shared_machine)
        with lacks_in_a_line():
            self.where = placed(page.engine)
            self._check_room(start)
            self._share(start)
            self.pool = self._pool()
        try:
            self._attach()
            self._start()
            self.version: Version
            self._show(publish=True)
        except BaseException:
            self.close()
            raise

    def _check_room(self, start: LocalEngine) -> None:
        self.trained_size = start.trained_bytes
        self.whole_size = whole = sum(p.nbytes for p in start.model.parameters())
        self.packed_size = packed_bytes(start)
        check_files(self.num_generators)
        check_room(
            self.where.num_generators(None), self.trained_size, whole, num_slots(self.page), are_copied=self.is_pushed,
            trains=self.where.trainer is None, packed_bytes=self.packed_size,
        )  # fmt: skip

    def _share(self, start: LocalEngine) -> None:
        """The memory that others look at."""
        weights, frozen = {name: p.detach() for name, p in start.trained.items()}, start.frozen()
        halved = {} if self.page.engine.hosts else halved_weights(start)  # other hosts begin with the first slot
        self.first = Shared.holding(weights)
        self.slots = [] if halved else [self.first]
        self.slots += [Shared.like(weights, halved) for _ in range(len(self.slots), num_slots(self.page))]
        self.base = Shared.holding(frozen) if frozen else None
        self.board = Board(self.num_generators) if self.page.engine.fresh_weights else None

    def _attach(self) -> None:
        """All other machines, or a line for the first that cannot be had."""
        if not self.where.others:
            return
        memory = memory_by_name(self.slots, self.base)
        needs = {"trained_bytes": self.trained_size, "model_bytes": self.whole_size, "slots": len(self.slots)}
        needs["packed_bytes"] = self.packed_size
        self.hosts = Hosts(self.page.engine, self.where, memory, needs, self._tell, self._log)
        self.hosts.attach()

    def _log(self, host: str, text: bytes) -> None:
        """What Monarch wrote there, behind what it wrote here."""
        if self.log_folder is not None:
            with suppress(OSError):
                append(self.log_folder / NAME, f"--- {host}\n".encode() + text if text else b"")

    def _pool(self) -> Pool:
        taken = self.board.taken if self.board is not None else lambda generator: 0
        return Pool(
            self._generator, self.num_generators, self.limits, self._tell, taken, self.wall.begin, adapter.tidy
        )  # fmt: skip

    def _start(self) -> None:
        """All processes at once; a source comes after its trainer, since two cannot import the same thing at a time."""
        if not self.is_pushed:
            self.pool.open()
        try:
            code = outside.in_use()
            self.trainer = self.pool.start(lambda: self._trainer(self._handles(), self.first.handle, self._base, code))
        except (WorkerDied, WorkerRaised) as error:
            raise EngineFailed(str(error)) from error
        if self.first is not self.slots[0]:
            self.first.close()  # the trainer has it in memory of its own
            self.first.tensors.clear()
        if self.is_pushed:
            self.source = self.pool.do(self._source)
            self.pool.open()
        wall.check_closed(self.wall)

    @property
    def _base(self) -> Handle | None:
        return self.base.handle if self.base is not None else None

    def _handles(self) -> list[Handle]:
        return [slot.handle for slot in self.slots]

    def _process(self, name: str, number: int, worker: type, *given: Any) -> Process:
        engine = self.page.engine
        return Process(
            name, worker, self._alone, *given, patience=Patience(engine.answer_s, engine.load_s),
            environment=card_for(number, self.page.model.device),
        )  # fmt: skip

    @property
    def _alone(self) -> Page:
        """What a process is handed to compute with: options from outside are of a class unknown to it."""
        return Page(model=self.page.model, engine=self.page.engine)

    def _trainer(self, *given: Any) -> Running:
        if self.hosts is None or self.where.trainer is None:
            return self._process("trainer", 0, Trainer, *given)
        return self.hosts.process(RemoteTrainer, self.where.trainer, "trainer", Trainer, self._alone, *given)

    def _source(self) -> Any:
        from straw.engines.monarch.weights.weight_transfer_actor import Source

        base = [] if self._base is None else [self._base]
        assert isinstance(self.trainer, Process)
        return self.trainer.beside("source", Source, [*self._handles(), *base])

    def _generator(self, name: str, index: int) -> Running:
        fresh, host = None, self.where.at(index)
        if self.hosts is not None and host is not None:
            return self.hosts.process(RemoteProcess, host, name, Generator, self._alone, self._base)
        if self.board is not None:
            fresh = Fresh(self.board.memory.handle, self._handles(), index)
        return self._process(name, 1 + index, Generator, self._base, self.source, fresh)

    def listen(self, tell: Tell) -> None:
        """Also of what happened before somebody listened."""
        self.tell, missed = tell, self.untold
        self.untold = []
        for event, facts in missed:
            tell(event, **facts)

    def keep_log(self, folder: Path) -> None:
        self.log_folder = folder
        if adapter.log is not None:
            adapter.log.keep_in(folder)
        elif self.hosts is not None:  # there to be followed before anything is said
            self._log("", b"")

    def _tell(self, event: str, **facts: object) -> None:
        if self.tell is None:
            self.untold.append((event, {"time": round(time.time(), 3), **facts}))
        else:
            self.tell(event, **facts)

    @property
    def trained_bytes(self) -> int:
        return self.trained_size

    # --- generators ----------------------------------------------------------------------------

    def pinned(self) -> Generators:
        self._check_published()
        return Generators(self.pool, self.chat, self.version, self.page.engine.rows_at_once)

    def newest(self, generator: int) -> Sampler:
        return OneGenerator(self.pool, self.chat, generator)

    def converse(self, prompt: Tokens, num_rows: int) -> Conversation:
        return Held(self, self.pinned().converse(prompt, num_rows))

    def sample(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]]
    ) -> list[list[Reply]]:
        return self.pinned().sample(prompts, num_samples, params, seeds)

    # --- the trainer ---------------------------------------------------------------------------

    def logprobs(
        self, data: Sequence[Datum], policy: Policy = "current", temperature: float = 1.0
    ) -> list[list[float]]:
        return self._ask("logprobs", data, policy, temperature)

    def forward_backward(self, data: Sequence[Datum], loss: Loss) -> TrainOutput:
        return self._ask("forward_backward", data, loss)

    def optim_step(self, params: AdamParams) -> dict[str, float]:
        self._wait_for_slot()
        measured = self._ask("optim_step", params)
        self.is_published = False
        return measured

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return self._ask("embed_tokens", [self.chat.encode(text) for text in texts])

    def publish(self) -> int:
        if self.is_published:
            return self.policy_version
        begun = time.monotonic()
        self._show(publish=True)
        self.sync_s.append(time.monotonic() - begun)
        return self.policy_version

    def facts(self) -> dict[str, Any]:
        last, mean = (self.sync_s[-1], fmean(self.sync_s)) if self.sync_s else (0.0, 0.0)
        syncs = {"syncs": len(self.sync_s), "sync_s": round(last, 4), "mean_sync_s": round(mean, 4)}
        hosts = {"hosts": self.hosts.facts()} if self.hosts is not None else {}
        return {"generators": self.pool.facts(), **hosts, **syncs}

    @contextmanager
    def undone(self) -> Iterator[None]:
        self._ask("remember")
        try:
            yield
        finally:
            self._wait_for_slot()
            self._ask("go_back")
            self._show(publish=False)

    def save(self, folder: Path, *, optimizer: bool = True) -> None:
        self._ask("save", folder.absolute(), optimizer, loads=True)

    def save_base(self, folder: Path) -> None:
        self._ask("save_base", folder.absolute(), loads=True)

    def start_is_in(self, folder: Path) -> None:
        self._ask("start_is_in", folder.absolute())

    def load(self, folder: Path, *, optimizer: bool = True) -> None:
        self._wait_for_slot()
        self._ask("load", folder.absolute(), optimizer, loads=True)
        self._show(publish=False)

    def close(self) -> None:
        self.pool.close()
        if self.hosts is not None:
            self.hosts.close()
        if adapter.log is not None:
            adapter.log.keep_in(None)
        for shared in (*self.slots, self.first, self.base, self.board):
            if shared is not None:
                shared.close()

    def _wait_for_slot(self) -> None:
        """Until nobody samples with the version whose memory is the next to be written over."""
        while any(serial <= self.version.serial + 1 - len(self.slots) for serial in self.pool.serials_in_use()):
            time.sleep(PATIENCE_S)

    def _show(self, publish: bool) -> None:
        self.version, self.is_published = self._ask("show", publish)
        self.policy_version = self.version.number
        self.pool.show(self.version, ahead=self.source is not None or self.hosts is not None)
        if self.board is not None:
            self.board.show(self.version.serial)

    def _check_published(self) -> None:
        if not self.is_published:
            raise TrainingError("the weights changed since the last publish: call publish() before sampling")

    def _ask(self, method: str, *given: Any, loads: bool = False) -> Any:
        try:
            return self.pool.ask(self.trainer, method, *given, loads=loads)
        except WorkerDied as error:
            raise EngineLost(f"{error}: go on with straw resume") from error
        except WorkerRaised as error:
            raise TrainingError(str(error)) from error


@contextmanager
def in_processes(page: Page, local: LocalEngine, say: Callable[[str], None]) -> Iterator[MonarchEngine]:
    """engine=monarch: a trainer and generators take over from this process."""
    say(f"starting a trainer and {page.engine.num_generators} generators")
    with MonarchEngine(page, local, page.engine.num_generators) as engine:
        local.let_go()
        yield engine
