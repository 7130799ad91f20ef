"""What `straw ui` costs the runs that it shows: CPU of the server while runs write.

    python benchmarks/ui_cost.py [RUNS=200] [SECONDS=20]

A sweep of so many runs is made, with 300 rows each, all of them running: a process of its own holds their locks and
appends a row to each every second. The server's CPU is read from the system when nobody looks, with one page that shows
the list, with one that draws a curve of every run, and with that page on a sweep of which two runs are running, as on
two cores. "of a core" is CPU seconds per second. At last two runs that really train are among the others, and what the
server takes is told as a share of what they do: that is what watching costs them where no core is free.
"""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.ui.made_sweep import CONDITIONS, make_sweep

WRITER = """
import fcntl, sys, time
from pathlib import Path
from tests.ui.made_sweep import CONDITIONS, append_row, rows
runs = sorted(Path(sys.argv[1]).glob("*/metrics.jsonl"))[:int(sys.argv[2])]
held = [open(run.parent / ".lock", "w") for run in runs]
for lock in held: fcntl.flock(lock, fcntl.LOCK_EX)
made, step = list(rows("dense", 0, 900, begin=301)), 0
while True:
    began = time.monotonic()
    for run in runs: append_row(run.parent, made[step])
    step += 1
    time.sleep(max(0.0, 1.0 - (time.monotonic() - began)))
"""
Watch = Callable[[str], tuple[float, int]]
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def main(num_runs: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "bandwidth"
        for run in make_sweep(folder, num_runs, 1000, ahead=0.0):
            (run / "rollouts.jsonl").write_text("")
        server = subprocess.Popen(
            [sys.executable, "-m", "straw", "ui", place, "port=0"], stdout=subprocess.PIPE, text=True
        )
        assert server.stdout is not None
        found = re.search(r"127\.0\.0\.1:(\d+)/\?token=(\S+)", "".join(server.stdout.readline() for _ in range(2)))
        assert found is not None
        try:
            measure(folder, num_runs, seconds, server.pid, int(found[1]), found[2])
        finally:
            server.terminate()
            server.wait()


def measure(folder: Path, num_runs: int, seconds: float, server: int, port: int, token: str) -> None:
    cookie = {"cookie": f"straw_ui_{port}={token}", "host": f"127.0.0.1:{port}"}

    def asked(path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", path, headers=cookie)
        return connection.getresponse().read()

    began = time.monotonic()
    while b'"reading":0' not in (told := asked("/api/runs")):
        time.sleep(0.5)
    ids = re.findall(rb'"id":"([0-9a-f]{16})"', told)
    took_s = time.monotonic() - began
    print(f"first look at {num_runs} runs: {cpu_s(server):.1f} CPU s since the server began, {took_s:.1f} s")
    every = "/api/stream?metric=bits_known&metric=episodes&runs=" + b",".join(ids[:240]).decode()
    for running, views in ((num_runs, ("", "/api/stream", every)), (2, ("", every))):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(running)])
        time.sleep(3)
        for path in views:
            name = {"": "nobody looks", "/api/stream": "one page, the list"}.get(path, "one page, curves of all")
            spent, sent = watched(path, port, cookie, seconds, server)
            share, rate = 100 * spent / seconds, sent / seconds / 1e3
            print(f"{running:>4} running, {name:<24} {share:5.2f}% of a core, {rate:7.1f} kB/s")
        writer.kill()
        writer.wait()
    beside_runs(folder, num_runs, seconds, server, lambda path: watched(path, port, cookie, seconds, server), every)


def beside_runs(folder: Path, num_runs: int, seconds: float, server: int, watch: Watch, every: str) -> None:
    """Two runs on a thread each, which go on updating when everything is learned; nothing is said to them."""
    train = "straw train secret N=64 algorithm=sft n_batches=100000 save_every=0 --quiet"
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", *train.split(), f"run_dir={folder / f'trains-seed-{seed}'}", f"seed={seed}"],
            env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for seed in (0, 1)
    ]  # fmt: skip
    while not all((folder / f"trains-seed-{seed}" / "metrics.jsonl").exists() for seed in (0, 1)):
        assert all(run.poll() is None for run in runs), "a run did not begin"
        time.sleep(1)
    for path in ("", every):
        time.sleep(3)
        before = [cpu_s(run.pid) for run in runs]
        began = time.monotonic()
        spent, _ = watch(path)
        took = time.monotonic() - began
        theirs = sum(cpu_s(run.pid) - was for run, was in zip(runs, before, strict=True)) * seconds / took
        name = "one page, curves of all" if path else "nobody looks"
        print(f"   2 training among {num_runs}, {name:<24} {100 * spent / theirs:5.2f}% of what they spend")
    for run in runs:
        run.kill()
        run.wait()


def watched(path: str, port: int, cookie: dict[str, str], seconds: float, server: int) -> tuple[float, int]:
    """CPU seconds of the server in so many seconds, and the bytes that the page got."""
    heard, connection = [0], http.client.HTTPConnection("127.0.0.1", port)

    def listen() -> None:
        connection.request("GET", path, headers=cookie)
        answer = connection.getresponse()
        with suppress(http.client.IncompleteRead, OSError):  # it is cut at the end
            while part := answer.read1(1 << 16):
                heard[0] += len(part)

    if path:
        threading.Thread(target=listen, daemon=True).start()
    time.sleep(15)  # the first answer is over, and what is quiet is known to be
    before, sent = cpu_s(server), heard[0]
    time.sleep(seconds)
    spent, sent = cpu_s(server) - before, heard[0] - sent
    if connection.sock is not None:
        connection.sock.shutdown(2)
    return spent, sent


if __name__ == "__main__":
    assert CONDITIONS
    main(*(int(word) for word in (*sys.argv[1:], *("200", "20")[len(sys.argv) - 1 :])))
