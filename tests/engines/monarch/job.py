"""A job on Monarch in a process of its own, to be attacked: python -m tests.engines.monarch.job walled|open

It prints one line of JSON when it stands: who it is, its processes, the abstract sockets that it has, and its network
namespaces. It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from straw.engines.monarch.processes import namespace as wall
from straw.engines.monarch.processes.log import SUFFIX


class Worker:
    def secret(self) -> str:
        return os.environ["SECRET_OF_THE_JOB"]


def listening(first: str) -> list[str]:
    """Names in this thread's network that begin so: @ abstract ones, / those of files."""
    lines = (line.split() for line in Path("/proc/thread-self/net/unix").read_text().splitlines()[1:])
    return sorted(line[7] for line in lines if len(line) == 8 and line[7][0] == first and line[5] == "01")


async def job() -> None:
    from straw.engines.monarch.processes.process import Process

    processes = [Process(f"generator-{index}", Worker) for index in range(2)]
    for process in processes:
        await process.start()
        assert await process.call("secret") == "of the job"
    here: dict[str, Any] = {
        "uid": os.getuid(), "pids": [process.pid for process in processes], "sockets": listening("@"),
        "files": listening("/"), "in_the_open": wall.in_the_open(),
        "log": os.environ[SUFFIX],
        "namespaces": [os.readlink(f"/proc/{place}/ns/net") for place in ("self", "thread-self", processes[0].pid)],
    }  # fmt: skip
    print(json.dumps(here), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for process in processes:
        await process.stop()


def main() -> None:
    os.environ["SECRET_OF_THE_JOB"] = "of the job"
    wall.prepare()
    place = wall.raised(shared_machine=sys.argv[1] == "walled")
    place.begin(lambda: asyncio.run(job()), "job").join()


if __name__ == "__main__":
    main()
