"""A rank's process: python -m straw.engines.ranks.process, begun by `group`. Orders on a pipe, answers on another.

    <- {"name": ..., "heart": ..., "umask": ...}    once, before anything is imported that takes seconds
    <- [method, arguments, named arguments]         the same on all ranks, in the same order; "begin" comes first
    -> {"value": ...}  or  {"error": [class, words]}

Lines of JSON in which a closed list of classes keep what they are; no pickle. What libraries print goes to the log.
When the pipe of orders ends the directing process is gone, and so is this one, whatever it was at.
"""

from __future__ import annotations

import json
import os
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, BinaryIO

from straw.errors import StrawError

Lines = SimpleQueue[bytes]


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what others print is no answer
    orders: Lines = SimpleQueue()
    threading.Thread(target=listen, args=(os.fdopen(os.dup(0), "rb"), orders), daemon=True).start()
    settle(json.loads(orders.get()))
    from straw.engines.monarch.hosts.wire.values import Values

    values, rank = Values(), Rank()
    while not rank.is_over:
        method, given, named = (values.read(one) for one in json.loads(orders.get()))
        answer = answered(lambda: values.packed(rank.do(method, given, named)))  # noqa: B023
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()
    os._exit(0)  # libraries have threads that would have to be waited for


def listen(pipe: BinaryIO, orders: Lines) -> None:
    while line := pipe.readline():
        orders.put(line)
    os._exit(0)


def settle(setting: dict[str, Any]) -> None:
    """Be known, be watched, and make files as the directing process does."""
    from straw.engines.local import heartbeat
    from straw.engines.monarch.processes.heartbeat import HeartHandle, beating

    with suppress(OSError), open("/proc/self/comm", "w") as file:
        file.write(setting["name"][:15])
    if setting["umask"] is not None:
        os.umask(setting["umask"])
    heartbeat.watch(beating(HeartHandle(*setting["heart"])))


class Rank:
    def __init__(self) -> None:
        self.trainer: Any = None
        self.is_over = False

    def do(self, method: str, given: list[Any], named: dict[str, Any]) -> Any:
        if method == "begin":
            return self.begin(*given)
        if method == "end":
            self.is_over = True
            return self.end()
        return getattr(self.trainer, method)(*given, **named)

    def begin(self, rank: int, ranks: int, meeting: str, page: Any, *given: Any) -> None:
        """`meeting`: a file, which is memory of the directing process, by which the ranks find one another."""
        import torch
        import torch.distributed as dist

        from straw.engines.local.build import be_deterministic
        from straw.engines.monarch.memory.shared_memory import Handle
        from straw.engines.ranks.rows import Share
        from straw.engines.ranks.trainer import RankTrainer

        torch.set_num_threads(page.model.threads)
        on_cards = page.model.device.startswith("cuda")
        if on_cards:
            be_deterministic()
        dist.init_process_group(
            "nccl" if on_cards else "gloo", store=dist.FileStore(meeting, ranks), rank=rank, world_size=ranks,
            device_id=torch.device("cuda", 0) if on_cards else None,
        )  # fmt: skip
        config, trained, other, code = given
        self.trainer = RankTrainer(page, Share(rank, ranks), config, Handle(*trained), Handle(*other), code)

    def end(self) -> None:
        import torch.distributed as dist

        if dist.is_initialized():
            dist.destroy_process_group()


def answered(act: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"value": act()}
    except StrawError as error:
        return {"error": [type(error).__name__, str(error)]}
    except OSError as error:
        return {"error": ["OSError", error.errno, error.strerror or str(error), str(error.filename or "")]}
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        words = " ".join(str(error).split())[:300]
        return {"error": ["WorkerRaised", f"{type(error).__name__}: {words} ({where.filename}:{where.lineno})"]}


if __name__ == "__main__":
    main()
