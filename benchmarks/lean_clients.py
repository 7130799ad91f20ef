"""Clients of the Tinker protocol that cost next to nothing, so that what is measured is the server.

Each of them sends a sample, waits for its result, and takes the next prompt: one connection a client, HTTP by hand.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit


class Lean:
    """One connection, one request at a time."""

    def __init__(self, url: str, key: str) -> None:
        self.address, self.key = urlsplit(url), key

    async def connect(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(self.address.hostname, self.address.port)

    async def post(self, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        data = json.dumps(body).encode()
        head = (
            f"POST /api/v1/{path} HTTP/1.1\r\nhost: {self.address.netloc}\r\nx-api-key: {self.key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
        )
        self.writer.write(head.encode() + data)
        told = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(told.split("content-length:")[1].split("\r\n")[0])
        return int(told.split()[1]), await self.reader.readexactly(length)

    async def ask(self, path: str, **body: Any) -> Any:
        status, data = await self.post(path, body)
        if status != 200:
            raise RuntimeError(f"{path} answered {status}: {data.decode()}")
        return json.loads(data)

    async def sampler(self, model: str) -> str:
        session = (await self.ask("create_session"))["session_id"]
        asked = {"session_id": session, "sampling_session_seq_id": 0, "base_model": model}
        return str((await self.ask("create_sampling_session", **asked))["sampling_session_id"])

    async def sample(self, sampler: str, number: int, prompt: Sequence[int], max_tokens: int) -> bytes:
        asked = await self.ask(
            "asample", sampling_session_id=sampler, seq_id=number, num_samples=1,
            prompt={"chunks": [{"type": "encoded_text", "tokens": list(prompt)}]},
            sampling_params={"max_tokens": max_tokens, "stop": []},
        )  # fmt: skip
        while True:
            status, data = await self.post("retrieve_future", {"request_id": asked["request_id"]})
            if status != 408:
                assert status == 200, (status, data)
                return data


def latencies(
    url: str, key: str, model: str, num_clients: int, prompts: Sequence[Sequence[int]], max_tokens: int
) -> list[float]:
    """Seconds from asking to having, of every prompt, with so many clients at work all the time."""
    return asyncio.run(all_asked(url, key, model, num_clients, prompts, max_tokens))


async def all_asked(
    url: str, key: str, model: str, num_clients: int, prompts: Sequence[Sequence[int]], max_tokens: int
) -> list[float]:
    left, found = iter(enumerate(prompts)), list[float]()

    async def live() -> None:
        one = Lean(url, key)
        await one.connect()
        sampler = await one.sampler(model)
        for number, prompt in left:
            began = time.perf_counter()
            await one.sample(sampler, number, prompt, max_tokens)
            found.append(time.perf_counter() - began)
        one.writer.close()

    await asyncio.gather(*(live() for _ in range(num_clients)))
    return found
