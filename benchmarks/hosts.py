"""What other machines cost: workers over TLS on this one, directed from here.

    python benchmarks/hosts.py                                 SmolLM2, two hosts, some minutes
    python benchmarks/hosts.py --model tiny-1M --hosts 3       quick

    generation    new tokens per CPU-second of the generators' processes
    sync          seconds from weights that are trained to weights on every host, and bytes on the wire for each
    share         of the CPU time of everybody: the directing process, and the workers beside their generators

All processes share this machine's processors, so wall time says little, and CPU time what it costs.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch comes, here and in every process

import argparse
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distributed import cpu_s, tree

from straw.config import load_page
from straw.engines.base import AdamParams, Loss, SamplingParams
from straw.engines.local.build import load_engine
from straw.engines.monarch.engine import MonarchEngine
from straw.engines.monarch.hosts.wire.certificates import make_certificates
from straw.types import Datum


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def begun(urls: list[str], certs: Path) -> list[subprocess.Popen[str]]:
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "straw", "worker", "--listen", url, f"certs={certs}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for url in urls
    ]
    for worker in workers:
        assert worker.stdout is not None and "listens" in worker.stdout.readline()
    return workers


def opened(model: str, urls: list[str], certs: Path) -> MonarchEngine:
    options = {
        "model_name": model, "dtype": "float32", "device": "cpu", "engine": "monarch", "attach_s": 300.0,
        "hosts": ",".join(urls), "certs": str(certs), "num_generators": len(urls),
    }  # fmt: skip
    page = load_page(None, options).page
    local = load_engine(page)
    engine = MonarchEngine(page, local, len(urls))
    local.let_go()
    while "starting" in engine.pool.states():
        time.sleep(0.05)
    return engine


def step(engine: MonarchEngine, samples: int, tokens: int, number: int) -> float:
    """One of a run: replies, an update, weights to every host. Seconds of the last."""
    prompt, seeds = tuple(range(10, 74)), [[number * 1000 + row for row in range(samples)]]
    replies = engine.sample([prompt], samples, SamplingParams(max_tokens=tokens), seeds)[0]
    weights = (1 / samples / tokens,)
    data: list[Any] = [
        Datum(prompt=prompt, tokens=one.tokens, weights=weights * tokens, logprobs=one.logprobs,
              advantages=(1.0 if row % 2 else -1.0,) * tokens)
        for row, one in enumerate(replies)
    ]  # fmt: skip
    engine.forward_backward(data, Loss(name="importance_sampling"))
    engine.optim_step(AdamParams(learning_rate=1e-6))
    begun_at = time.monotonic()
    engine.publish()
    while any(state["pushes"] < number + 1 for state in engine.facts()["hosts"]):
        time.sleep(0.002)
    return time.monotonic() - begun_at


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--hosts", type=int, default=2)
    parser.add_argument("--samples", type=int, default=32, help="replies of a step")
    parser.add_argument("--tokens", type=int, default=64, help="tokens of each reply")
    parser.add_argument("--steps", type=int, default=3)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        certs = Path(folder, "certs")
        make_certificates(["127.0.0.1"], certs)
        urls = [f"tls://127.0.0.1:{port}" for port in free_ports(options.hosts)]
        workers = begun(urls, certs)
        try:
            with opened(options.model, urls, certs) as engine:
                tell(engine, [one.pid for one in workers], options)
        finally:
            for worker in workers:
                worker.terminate()
                worker.wait()
    return 0


def tell(engine: MonarchEngine, workers: list[int], options: argparse.Namespace) -> None:
    step(engine, options.samples, options.tokens, 1)  # one to warm up
    sent = bytes_sent(engine)
    generators = [pid for worker in workers for pid in tree(worker)[1:]]
    groups = {"generators": generators, "workers": workers, "directing": [os.getpid()]}
    groups["trainer"] = [pid for pid in tree(os.getpid())[1:] if pid not in workers + generators]
    before = {name: cpu_s(pids) for name, pids in groups.items()}
    syncs = [step(engine, options.samples, options.tokens, number) for number in range(2, options.steps + 2)]
    spent = {name: cpu_s(pids) - before[name] for name, pids in groups.items()}
    total = sum(spent.values())
    new = options.samples * options.tokens * options.steps
    wire = (bytes_sent(engine) - sent) / options.steps / options.hosts
    print(f"new tokens per CPU-second of generators   {new / spent['generators']:.1f}")
    print(f"sync                                      {min(syncs):.2f} s at best, {wire / 1e6:.1f} MB to each host")
    for name, seconds in spent.items():
        print(f"CPU time, {name:<12}                    {seconds:.2f} s, {seconds / total:.1%}")


def bytes_sent(engine: MonarchEngine) -> int:
    assert engine.hosts is not None
    return sum(host.attachment.link.sent_bytes for host in engine.hosts.hosts.values() if host.attachment is not None)


if __name__ == "__main__":
    sys.exit(main())
