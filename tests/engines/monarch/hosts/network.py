"""Two network namespaces as two machines, a cable between them, and workers on both."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[4]
PORT = 26100


@cache
def why_no_network() -> str:
    """Why there are no such namespaces here; empty where there are."""
    if not sys.platform.startswith("linux") or shutil.which("ip") is None:
        return "network namespaces are made by Linux and the program ip"
    name = f"straw-try-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if made.returncode:
        return f"this user makes no network namespaces: {made.stderr.strip()}"
    cable = ["ip", "link", "add", f"st{os.getpid() % 10**6}", "netns", name, "type", "veth", "peer", "name", "other"]
    cabled = subprocess.run(cable, capture_output=True, text=True)
    subprocess.run(["ip", "netns", "del", name], check=False)
    return f"this system has no cables between namespaces: {cabled.stderr.strip()}" if cabled.returncode else ""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def straw(*words: str) -> list[str]:
    return [sys.executable, "-m", "straw", *words]


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", **more}


@dataclass
class Machine:
    """A network namespace of its own."""

    name: str
    address: str
    cable: str
    workers: list[Worker] = field(default_factory=list)

    def run(self, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.name, *command]

    def cut(self) -> None:
        ip("-n", self.name, "link", "set", self.cable, "down")

    def mend(self) -> None:
        ip("-n", self.name, "link", "set", self.cable, "up")

    @property
    def url(self) -> str:
        return f"tls://{self.address}:{PORT}"

    def worker(self, certs: Path, *words: str, url: str = "") -> Worker:
        worker = Worker(self.run(*straw("worker", "--listen", url or self.url, f"certs={certs}", *words)), certs.parent)
        self.workers.append(worker)
        return worker


class Worker:
    """`straw worker` in a process of its own; what it says goes to a file."""

    def __init__(self, command: list[str], folder: Path, **more: str) -> None:
        self.said = folder / f"worker-{time.monotonic_ns()}.log"
        with self.said.open("w") as file:
            self.process = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, env=environment(**more), start_new_session=True
            )

    def wait_until(self, words: str, seconds: float = 300.0) -> None:
        deadline = time.monotonic() + seconds
        while words not in self.said.read_text():
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < deadline, f"no {words!r} in {self.said.read_text()!r}"
            time.sleep(0.02)

    def family(self) -> list[int]:
        """It and all that it began."""
        return [self.process.pid, *descendants(self.process.pid)]

    def kill(self) -> None:
        """The machine is switched off: everything on it ends at once."""
        for pid in self.family():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """In good order; what it says of how it ended."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            return -1


def descendants(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError, ValueError):
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(folder.name))
    found, waiting = [], [pid]
    while waiting:
        found += (children := parents.get(waiting.pop(), []))
        waiting += children
    return found


def alive(pids: list[int]) -> list[int]:
    left = []
    for pid in pids:
        with suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                left.append(pid)
    return left


@contextmanager
def two_machines() -> Iterator[tuple[Machine, Machine]]:
    mark = f"{os.getpid() % 10**5}"
    machines = tuple(Machine(f"straw-{mark}-{side}", f"10.77.0.{number}", f"st{mark}{side}") for number, side in
                     enumerate("ab", 1))  # fmt: skip
    try:
        for one in machines:
            ip("netns", "add", one.name)
        ip("link", "add", machines[0].cable, "netns", machines[0].name, "type", "veth",
           "peer", "name", machines[1].cable, "netns", machines[1].name)  # fmt: skip
        for one in machines:
            ip("-n", one.name, "addr", "add", f"{one.address}/24", "dev", one.cable)
            one.mend()
            ip("-n", one.name, "link", "set", "lo", "up")
        yield machines[0], machines[1]
    finally:
        for one in machines:
            for worker in one.workers:
                worker.kill()
            subprocess.run(["ip", "netns", "del", one.name], check=False, capture_output=True)
