"""Processor time of a process is its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from straw.planning.measuring.meters import Meter, cpu_s, private_bytes

BUSY = "import time\nwhile time.process_time() < 0.2: pass\nprint(time.process_time(), flush=True)\ninput()"


def test_a_process_is_charged_what_it_used_and_nothing_that_it_waited() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as busy:  # fmt: skip
        assert busy.stdout is not None
        told = float(busy.stdout.readline())
        meter = Meter(busy.pid)
        assert abs(meter.last - told) < 0.1
        time.sleep(0.1)
        assert meter.since() < 0.05
        assert private_bytes(busy.pid) > 10**6
        busy.communicate("\n")


def test_of_this_process_and_by_the_clock() -> None:
    mine, clock = Meter(None), Meter(os.getpid(), by_clock=True)
    time.sleep(0.05)
    assert mine.since() < 0.05 <= clock.since()
    assert cpu_s(os.getpid()) > 0
    assert private_bytes(2**22 + 1) == 0
