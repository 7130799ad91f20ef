"""Switch off, cut off and stop hosts at random moments; every run has to end as the local engine's does, bit for bit.

    python -m tests.torture_hosts               20 faults
    python -m tests.torture_hosts --faults 100 --seed 1

Two network namespaces are two machines, with a worker on each; the run is directed from the first. A fault happens to
the second: everything on it is killed and begun again (off), its cable is cut for some seconds (cut), or its worker is
stopped, as a machine that hangs (hung). Looked for: differences to the local run, runs that fail or hang, losses that
were seen late, processes and files that are left on either side. Only root may make such machines.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.engines.monarch.hosts.network import (
    Machine,
    Worker,
    alive,
    environment,
    straw,
    two_machines,
    why_no_network,
)
from tests.small_runs import Listener, small_page, small_words
from tests.torture import differing

from straw.engines.monarch.hosts.wire.certificates import make_certificates
from straw.runs.reading import read_events
from straw.training.session import run_page

LATE_S, LONGEST_S = 6.0, 1800.0
KINDS = ("off", "cut", "hung")
PAGES = (
    "n_batches=150 group_size=8 save_every=50 eval_every=50 learning_rate=1e-4",
    "n_batches=60 group_size=8 save_every=20 eval_every=30 learning_rate=1e-4 env_type=multi_step lora_rank=2",
)


@dataclass(slots=True)
class Meddler:
    """Does something to the second machine, waits, and so on."""

    machine: Machine
    certs: Path
    rows: Path  # what the run has come to
    chance: random.Random
    most: int
    done: list[tuple[float, str]] = field(default_factory=list)  # when, what
    pids: set[int] = field(default_factory=set)
    is_over: bool = False

    @property
    def worker(self) -> Worker:
        return self.machine.workers[-1]

    def meddle(self) -> None:
        while not self.is_over and len(self.done) < self.most:
            self.wait(lambda: self.rows.exists() and bool(self.rows.stat().st_size))
            time.sleep(self.chance.uniform(0.0, 6.0))
            if not self.is_over:
                kind = self.chance.choice(KINDS)
                self.pids.update(self.worker.family())
                self.done.append((time.time(), kind))
                getattr(self, kind)()

    def wait(self, true: Any) -> None:
        while not self.is_over and not true():
            time.sleep(0.02)

    def off(self) -> None:
        self.worker.kill()
        time.sleep(self.chance.uniform(0.0, 3.0))
        self.machine.worker(self.certs)
        self.wait(lambda: "listens" in self.worker.said.read_text())

    def cut(self) -> None:
        self.machine.cut()
        time.sleep(self.chance.uniform(6.5, 9.0))
        self.machine.mend()

    def hung(self) -> None:
        os.kill(self.worker.process.pid, signal.SIGSTOP)
        time.sleep(self.chance.uniform(6.5, 9.0))
        os.kill(self.worker.process.pid, signal.SIGCONT)


def torture(
    words: str, place: Path, machines: tuple[Machine, Machine], chance: random.Random, most: int
) -> tuple[list[str], list[tuple[str, float | None]]]:
    """One run: what is wrong with it, and when what was done was seen."""
    local, far = place / "local", place / f"run-{chance.random()}"
    if not local.exists():
        run_page(small_page(f"run_dir={local}", words), Listener())
    certs = place / f"{far.name}-certs"
    make_certificates([machine.address for machine in machines], certs)
    there = set(Path(tempfile.gettempdir()).glob("straw-*"))
    for machine in machines:
        machine.worker(certs).wait_until("listens")
    meddler = Meddler(machines[1], certs, far / "metrics.jsonl", chance, most)
    thread = threading.Thread(target=meddler.meddle)
    thread.start()
    faults = run(machines, words, far, certs, meddler)
    thread.join()
    machines[1].workers[-1].wait_until("listens")  # one that is just being begun again ends in no order yet
    faults += [f"{name} differs" for name in differing(local, far)] if not faults else []
    meddler.pids.update(pid for machine in machines for pid in machine.workers[-1].family())
    if (ends := [machine.workers[-1].stop() for machine in machines]) != [0, 0]:
        faults.append(f"workers ended with {ends}: {machines[1].workers[-1].said.read_text()[-300:]}")
    if left := alive(sorted(meddler.pids)):
        faults.append(f"processes are left: {left}")
    if files := set(Path(tempfile.gettempdir()).glob("straw-*")) - there:
        faults.append(f"files are left: {sorted(map(str, files))}")
    return [f"{words}: {fault}" for fault in faults], seen(meddler.done, far)


def run(machines: tuple[Machine, Machine], words: str, far: Path, certs: Path, meddler: Meddler) -> list[str]:
    hosts = ",".join(machine.url for machine in machines)
    chosen = small_words(*words.split(), f"hosts={hosts}", f"certs={certs}", f"run_dir={far}")
    command = machines[0].run(*straw("train", "secret", *chosen, "--quiet"))
    directing = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(), start_new_session=True
    )
    try:
        said, _ = directing.communicate(timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        directing.kill()
        return [f"hangs after {LONGEST_S:g} s"]
    finally:
        meddler.is_over = True
    return [] if directing.returncode == 0 else [f"ended with {directing.returncode}: {said.strip()[-500:]}"]


def seen(done: Sequence[tuple[float, str]], far: Path) -> list[tuple[str, float | None]]:
    """After how long each loss was seen; None where the run was over, or had not got the host back yet."""
    lost = [event["time"] for event in (read_events(far) if far.exists() else []) if event["event"] == "host_lost"]
    ends = [when for when, _ in done[1:]] + [float("inf")]
    return [
        (kind, next((one - when for one in lost if when <= one < end), None))
        for (when, kind), end in zip(done, ends, strict=True)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if why := why_no_network():
        parser.error(why)
    chance, faults, found, begun, runs = random.Random(options.seed), [], [], time.monotonic(), 0
    with tempfile.TemporaryDirectory() as folder, two_machines() as machines:
        os.environ |= {"STRAW_HOME": f"{folder}/home", "TMPDIR": folder}  # nobody else puts anything there
        tempfile.tempdir = folder
        while len(found) < options.faults:
            place = Path(folder) / str(runs % len(PAGES))
            place.mkdir(exist_ok=True)
            new, losses = torture(PAGES[runs % len(PAGES)], place, machines, chance, options.faults - len(found))
            runs, faults, found = runs + 1, [*faults, *new], [*found, *losses]
            took = time.monotonic() - begun
            print(f"{len(found):4} faults  {runs:3} runs  {took:5.0f} s  {new or 'sound'}", flush=True)
    for kind in KINDS:
        if times := [seconds for name, seconds in found if name == kind and seconds is not None]:
            print(f"{kind}: seen after {statistics.median(times):.2f} s, at most {max(times):.2f} s ({len(times)})")
            faults += [f"{kind} was seen after {max(times):.1f} s"] if max(times) > LATE_S else []
    for fault in faults:
        print(f"FAULT {fault}")
    print(f"{len(found)} faults made in {runs} runs: {len(faults)} things are wrong")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
