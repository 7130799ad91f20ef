"""straw worker: lend this machine to a run that is directed elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

from straw.cli.arguments import take_option, wants_help
from straw.errors import ConfigError
from straw.text.shown.say import say, say_lines

WORKER = """straw worker --listen tls://HOST:PORT certs=DIR [key=value ...]

Lend this machine to a run that another one directs: generators, and the trainer where the page says so.

  straw certs a b out=certs                                      once for a job; copy the folder to every machine
  straw worker --listen tls://a:26100 certs=certs                on a
  straw worker --listen tls://b:26100 certs=certs                on b
  straw train PAGE.toml hosts=tls://a:26100,tls://b:26100 certs=certs

Who calls has to show the certificate of the job's page, and the worker shows one for the name that was called. Nothing
else is reachable from outside, and by other users of this machine neither: Monarch stands in a network namespace of its
own. One run at a time; when it is gone, its processes are killed, its memory is given back, and the next is let in.

  certs=DIR             the job's folder from straw certs; STRAW_CERTS says the same
  bind=0.0.0.0          listen there, where the name leads to another address from inside (containers)
  idle_s=600            end when nobody has called for so long; else it ends with Ctrl-C or SIGTERM
  shared_machine=false  where the system gives no namespaces, and nobody else has an account

Models are not sent: an embedded one is made, any other has to be in this machine's cache (straw models add). All hosts
have the same versions of straw, Python, torch, transformers and torchmonarch; who differs is named and refused.
tcp://127.0.0.1:PORT goes without certificates, on this machine alone and with shared_machine=false.
"""


def worker(words: list[str]) -> int:
    if wants_help(words) or not words:
        say_lines(WORKER)
        return 0 if words else 2
    from straw.engines.monarch.hosts.address import read_address
    from straw.engines.monarch.processes import namespace

    options = {name: take_option(words, name, example) for name, example in EXAMPLES.items()}
    if words:
        raise ConfigError(f"straw worker has no option {words[0]!r}: see straw worker --help")
    address = read_address(options["listen"] or "")
    is_shared = flag("shared_machine", options["shared_machine"] or "true")
    if address.is_plain and is_shared:
        raise ConfigError(
            f"other users of this machine could call {address} and run code as you. Write tls:// with certs=DIR, or "
            "shared_machine=false where nobody else has an account"
        )
    idle_s = seconds(options["idle_s"])
    if is_shared:
        namespace.prepare()  # before there is a second thread
    return serve(address, options["bind"] or address.host, options["certs"], is_shared, idle_s)


EXAMPLES = {
    "listen": "tls://a:26100", "certs": "certs", "bind": "0.0.0.0", "idle_s": "600", "shared_machine": "false"
}  # fmt: skip


def serve(address, bind: str, certs: str | None, is_shared: bool, idle_s: float | None) -> int:  # type: ignore[no-untyped-def]
    import asyncio
    import signal

    from straw.engines.monarch.hosts.hosts import CERTS
    from straw.engines.monarch.hosts.wire.tls import of_worker
    from straw.engines.monarch.hosts.worker.serve import Worker
    from straw.engines.monarch.processes import namespace
    from straw.engines.monarch.processes.process import check_monarch

    check_monarch()
    folder = certs or os.environ.get(CERTS)
    if not address.is_plain and not folder:
        raise ConfigError(f"{address} wants certificates: straw certs {address.host} out=certs, then certs=certs")
    context = None if address.is_plain else of_worker(Path(folder or "").expanduser(), address.host)
    wall = namespace.raised(is_shared)

    async def until_the_end() -> None:
        one = Worker(address, bind, context, wall, lambda line: say(f"straw worker {line}"), idle_s)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, one.ending.set)
        await one.serve()

    asyncio.run(until_the_end())
    return 0


def flag(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise ConfigError(f"{name} is true or false; got {value!r}")
    return value == "true"


def seconds(value: str | None) -> float | None:
    if value is None:
        return None
    try:
        found = float(value)
    except ValueError:
        found = -1.0
    if not 0 < found < 1e9:
        raise ConfigError(f"idle_s is a number of seconds above 0; got {value!r}. Write idle_s=600.")
    return found
