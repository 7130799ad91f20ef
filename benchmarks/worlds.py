"""What worlds that others wrote cost beside the model: CPU-seconds of an episode of one turn, by the way it is played.

    python benchmarks/worlds.py --episodes 256

An OpenEnv server and a package for verifiers, both made by straw serve-task, are played with replies that no model
wrote. Counted is what this process and the other one (the server, verifiers) used; what was begun is counted before.
Verifiers is left out where no interpreter has it (straw worlds add verifiers).
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from straw.tasks.environments.own_python import python_of
from straw.tasks.openenv.options import OpenEnvOptions
from straw.tasks.openenv.task import OpenEnv
from straw.tasks.verifiers.options import VerifiersOptions
from straw.tasks.verifiers.task import Verifiers
from straw.text.tools.calls import Read

AT_ONCE = 32
REPLY = Read("3", (), "3")


def cpu_of(pid: int) -> float:
    """User and system time of a process, in seconds."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def played(task: Any, count: int) -> None:
    for start in range(0, count, AT_ONCE):
        episodes = [task.episode(task.problem(index), index) for index in range(start, min(start + AT_ONCE, count))]
        for one in episodes:
            one.begin()
        failed = [one.reason for one in episodes if one.open() is None]
        for one in episodes:
            one.submit(REPLY)
        for one in episodes:
            one.answer(REPLY)
            one.finish()
        failed += [play.reason for play in (one.close() for one in episodes) if play.reason]
        if failed:
            sys.exit(f"{len(failed)} episodes failed: {failed[0]}")


def measured(name: str, task: Any, other: Callable[[], int], count: int) -> None:
    task.room_for(AT_ONCE)
    played(task, AT_ONCE)  # what is read once is read
    before, began = (time.process_time(), cpu_of(other())), time.monotonic()
    played(task, count)
    ours, theirs = time.process_time() - before[0], cpu_of(other()) - before[1]
    wall = (time.monotonic() - began) / count
    print(
        f"{name:<10} {1000 * ours / count:6.2f} ms here, {1000 * theirs / count:6.2f} ms there, {1000 * wall:.1f} wall"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--episodes", type=int, default=256)
    count = parser.parse_args().episodes
    with TemporaryDirectory() as folder:
        package = Path(folder) / "straw_secret"
        words = ["serve-task", "secret", "N=16", "port=0", f"package={package}"]
        server = subprocess.Popen([sys.executable, "-m", "straw", *words], stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        try:
            url = next(found[0] for line in server.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
            measured("openenv", OpenEnv.from_options(OpenEnvOptions(kind=f"openenv:{url}")), lambda: server.pid, count)
            if python_of("verifiers") is not None:
                os.environ["PYTHONPATH"] = os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")])
                task = Verifiers.from_options(VerifiersOptions(kind="verifiers:straw-secret"))
                measured("verifiers", task, lambda: task.worker.running.process.pid, count)  # type: ignore[union-attr]
                task.close()
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
