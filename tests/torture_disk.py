"""A server whose disk is full for a while, as `python -m tests.torture_server disk` has it. It needs root, for a tmpfs.

What a request comes to is a result or an error, never a 5xx; when there is room again it goes on, and after a kill too.
The model then has the bits of one that was only asked what had a result.
"""

from __future__ import annotations

import errno
import json
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Asked = tuple[str, int, float]  # a verb, the seed of its data, or a learning rate
ROOM = "12m"
ROUNDS = 12  # a third of them without room


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    file = folder / "something-else"
    with file.open("wb", buffering=0) as out:
        try:
            while out.write(bytes(4096)):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC
    return file


class Trainer:
    """One model of a server, which is told errors from results."""

    def __init__(self, client: Any, chunk: Any) -> None:
        self.client, self.chunk, self.number = client, chunk, 0
        session = client.ask("create_session")["session_id"]
        made = client.ask(
            "create_model", session_id=session, model_seq_id=0, base_model="tiny-1M", lora_config={"rank": 4, "seed": 1}
        )
        self.model = made["model_id"]
        client.result(made["request_id"])

    def do(self, asked: Asked) -> bytes | None:
        """Its result; None for an error that the client can read."""
        verb, seed, rate = asked
        self.number += 1
        body: Any = {"model_id": self.model, "seq_id": self.number, "adam_params": {"learning_rate": rate}}
        if verb == "forward_backward":
            body = self.chunk(self.model, self.number, random.Random(seed))
        status, data = self.client.send(verb, body)
        assert status == 200, (status, data)
        found: bytes = self.client.result(json.loads(data)["request_id"])
        if not found.startswith(b"{"):
            return found
        told = json.loads(found)
        assert "error" not in told or told["category"] == "server", told
        return None if "error" in told else found


def rounds() -> list[list[Asked]]:
    return [[("forward_backward", round, 0.0), ("optim_step", round, 1e-3)] for round in range(ROUNDS)]


def disk(folder: Path, forked: Any, client: Any, chunk: Any) -> str:
    """`forked`, `client` and `chunk` are those of `torture_server`."""
    done, told = list[Asked](), list[bytes]()
    with small_disk(folder / "small") as small, forked(small / "serve") as server:
        trainer, filler = Trainer(client(server), chunk), small
        for number, round in enumerate(rounds()):
            if number == ROUNDS // 3:
                filler = fill(small)
            if number == 2 * ROUNDS // 3:
                filler.unlink()
            for asked in round:
                if (found := trainer.do(asked)) is not None:
                    done.append(asked)
                    told.append(found)
        server.kill()
        server.begin()
        told += [trainer.do(("forward_backward", 99, 0.0)) or b"an error"]
    with forked(folder / "undisturbed") as server:
        trainer = Trainer(client(server), chunk)
        wanted = [trainer.do(asked) for asked in (*done, ("forward_backward", 99, 0.0))]
    num_failed = 2 * ROUNDS - len(done)
    assert 0 < num_failed <= 2 * ROUNDS - 2 * 2 * (ROUNDS // 3), (num_failed, "requests failed")
    assert told == wanted, "the results are not those of what was done"
    return f"a full disk: {num_failed} of {2 * ROUNDS} requests came to an error, the others to the same bits"
