"""All hosts of a run, and their links in one loop.

The loop lives in a thread that has the network: the pool's is behind the wall (see `processes.namespace`), where there
is none.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from straw.config.sections import Engine as EngineSection
from straw.engines.base import Tell
from straw.engines.monarch.hosts.address import Address
from straw.engines.monarch.hosts.facts import facts_here
from straw.engines.monarch.hosts.host import Host
from straw.engines.monarch.hosts.places import Places
from straw.engines.monarch.hosts.remote import RemoteProcess
from straw.engines.monarch.hosts.wire.tls import of_page
from straw.engines.monarch.hosts.wire.values import Values
from straw.engines.monarch.memory.shared_memory import Shared
from straw.engines.monarch.processes.silence import Patience
from straw.errors import ConfigError, EngineFailed

CERTS = "STRAW_CERTS"


class Hosts:
    def __init__(
        self, engine: EngineSection, places: Places, memory: Mapping[str, Shared], needs: Mapping[str, Any], tell: Tell,
        log: Callable[[str, bytes], None],
    ) -> None:  # fmt: skip
        """`memory`: of this process, by the name that all hosts know it by; `needs`: what a host looks for room for."""
        self.engine = engine
        values, facts = Values(), facts_here()
        for name, shared in memory.items():
            values.know(name, shared.handle)
        contexts = {address: context_for(address, engine.certs) for address in places.others}
        self.hosts = {
            address: Host(address, context, facts, greeting(places, address, needs), memory, values, tell, log)
            for address, context in contexts.items()
        }
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="hosts", daemon=True)
        self.thread.start()
        self.keeping = [self._run(host.keep()) for host in self.hosts.values()]

    def attach(self) -> None:
        """All of them, or one line for the first that is not to be had in time."""
        deadline_s = self.engine.attach_s
        waiting = [(host, self._run(host.attached(deadline_s))) for host in self.hosts.values()]
        failed = [(host, error) for host, future in waiting if (error := future.exception()) is not None]
        for host, error in sorted(failed, key=lambda one: not one[0].refusal):
            if host.refusal:
                raise ConfigError(str(error))
            raise EngineFailed(f"{error} (waited {deadline_s:g} s; attach_s says how long)")

    def process(self, kind: type[RemoteProcess], where: Address, name: str, worker: type, *given: Any) -> RemoteProcess:
        patience = Patience(self.engine.answer_s, self.engine.load_s)
        return kind(name, worker, *given, host=self.hosts[where], loop=self.loop, patience=patience)

    def facts(self) -> list[dict[str, Any]]:
        return [host.facts() for host in self.hosts.values()]

    def close(self) -> None:
        """No link and no thread is left."""
        if self.loop.is_closed():
            return
        for keeping in self.keeping:
            keeping.cancel()
        for closing in [self._run(host.close()) for host in self.hosts.values()]:
            closing.exception()
        self._run(over()).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)


def context_for(address: Address, named: str | None) -> ssl.SSLContext | None:
    certificates = os.environ.get(CERTS) or named
    if address.is_plain:
        return None
    if not certificates:
        raise ConfigError(
            f"whoever may call a worker runs code there, so {address} wants certificates: straw certs {address.host} "
            "out=certs, a copy of that folder there, and certs=certs on both sides"
        )
    return of_page(Path(certificates).expanduser())


def greeting(places: Places, address: Address, needs: Mapping[str, Any]) -> dict[str, Any]:
    """Who calls, and what for."""
    room = {**needs, "num_generators": places.num_generators(address), "trains": places.trainer == address}
    return {"from": f"{socket.gethostname()}:{os.getpid()}", "room": room}


async def over() -> None:
    """What is still under way comes to its end."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
