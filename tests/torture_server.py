"""What a server has to survive, and what of it must not be seen. No test of the suite: it takes minutes.

python -m tests.torture_server               all of it
python -m tests.torture_server kills 30      kill -9 at random moments, duplicates, reordering, refused numbers,
                                             clients that die: the same results and weights, to the bit
python -m tests.torture_server bodies 10000  malformed bodies: no crash, no 5xx
python -m tests.torture_server memory 100000 requests, and what they leave in memory
python -m tests.torture_server disk          that is full for a while (as root, on a small one of its own)
python -m tests.torture_server prompts 150   long ones at once: the most memory they take, and what stays
python -m tests.torture_server overhead      CPU of the server for asample and retrieve, without computing
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import struct
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event, Thread
from typing import Any

import torch
from tests import torture_disk
from tests.server.fake_backend import FakeBackend
from tests.server.running import free_port
from tests.server.test_bad_requests import fuzz

from straw.engines.tenants.open import open_backend
from straw.server.desk.settings import Settings
from straw.server.serve import Address, Served, serve
from straw.server.wire import messages
from straw.server.work.quiet import QUIET_S
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat

ROUNDS, MODELS = 40, 2
KEY = "tml-torture"
SETTINGS = Settings(names=("tiny-1M",), poll_s=2.0, sweep_s=0.5, state_every=7)


def complain(line: str) -> None:
    print(line, file=sys.stderr)


def computes_nothing() -> Any:
    """With a tokenizer, which a server offers."""
    backend = FakeBackend()
    backend.chat = Chat(character_tokenizer())
    return backend


class Forked:
    """A server in a process of its own that has imported everything already, so that it is up in no time."""

    def __init__(self, folder: Path, make: Callable[[], Any] = lambda: open_backend("tiny-1M")) -> None:
        self.folder, self.port, self.pid, self.make = folder, free_port(), 0, make

    def begin(self) -> None:
        self.pid = os.fork()
        if self.pid == 0:
            torch.set_num_threads(1)
            try:
                served = Served(folder=self.folder, settings=SETTINGS)
                serve(self.make, served, Address(port=self.port), complain, lambda url, page: None)
            except BaseException:
                traceback.print_exc()
            os._exit(1)
        while True:
            assert os.waitpid(self.pid, os.WNOHANG)[0] == 0, "the server ended by itself"
            try:
                return socket.create_connection(("127.0.0.1", self.port), 5).close()
            except OSError:
                time.sleep(0.02)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    @property
    def cpu_s(self) -> float:
        found = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(found[11]) + int(found[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def resident(self) -> int:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Line(HTTPConnection):
    """Whose packets do not wait for each other."""

    def connect(self) -> None:
        super().connect()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Client:
    """Sends a request until it is answered, as the SDK does; `refused` counts 4xx."""

    def __init__(self, server: Forked) -> None:
        self.server, self.line = server, Line("127.0.0.1", server.port, timeout=20)

    def send(self, path: str, body: bytes | dict[str, Any]) -> tuple[int, bytes]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        while True:
            try:
                self.line.request("POST", f"/api/v1/{path}", data, {"x-api-key": KEY})
                answer = self.line.getresponse()
                return answer.status, answer.read()
            except (OSError, HTTPException):
                self.line.close()
                time.sleep(0.02)

    def ask(self, path: str, /, **body: Any) -> Any:
        status, data = self.send(path, body)
        assert status == 200, (path, status, data)
        return json.loads(data)

    def result(self, id: str) -> bytes:
        while True:
            status, data = self.send("retrieve_future", {"request_id": id})
            if status != 408:
                assert status == 200, (id, status, data)
                return data


def chunk(model: str, number: int, draw: random.Random, loss: str = "importance_sampling") -> bytes:
    """A few data of random tokens."""
    request = messages.ForwardBackwardRequest(model_id=model, seq_id=number, loss_fn=loss)
    for _ in range(2):
        tokens = [draw.randrange(90) for _ in range(12)]
        datum = request.data.add()
        datum.model_input.add().encoded_text.tokens = struct.pack("<11i", *tokens[:-1])
        for name, kind, code, values in (
            ("target_tokens", messages.INT64, "q", tokens[1:]),
            ("logprobs", messages.FLOAT32, "f", [-4.0] * 11),
            ("advantages", messages.FLOAT32, "f", [draw.choice((-1.0, 1.0))] * 11),
        ):
            tensor = datum.loss_fn_inputs[name]
            tensor.dtype, tensor.dense = kind, struct.pack(f"<11{code}", *values)
            tensor.shape.append(11)
    return bytes(request.SerializeToString())


def round_of(model: str, round: int, which: int) -> list[tuple[str, int, bytes | dict[str, Any]]]:
    """Two gradients, now and then a request that is refused, a step, and a sampler every few rounds."""
    draw, first = random.Random(f"{which} {round}"), 5 * round + 1
    asked: list[tuple[str, int, bytes | dict[str, Any]]] = [
        ("forward_backward", first, chunk(model, first, draw)),
        ("forward_backward", first + 1, chunk(model, first + 1, draw)),
        ("forward_backward", first + 2, chunk(model, first + 2, draw, "no_such_loss" if round % 3 else "ppo")),
        ("optim_step", first + 3, {"adam_params": {"learning_rate": 1e-3}}),
        ("save_weights_for_sampler", first + 4, {"sampling_session_seq_id": round + 1000 * which}),
    ]
    return [(path, n, {"model_id": model, "seq_id": n, **body} if isinstance(body, dict) else body)
            for path, n, body in asked]  # fmt: skip


def train(server: Forked, which: int, torn: random.Random | None) -> str:
    """One client's whole life; a hash of all that it was told, and of its weights."""
    client, told = Client(server), sha256()
    session = client.ask("create_session")["session_id"]
    lora = {"rank": 4, "seed": which}
    made = client.ask("create_model", session_id=session, model_seq_id=0, base_model="tiny-1M", lora_config=lora)
    model = made["model_id"]
    client.result(made["request_id"])
    for round in range(ROUNDS):
        asked = round_of(model, round, which)
        order = asked if torn is None else torn.sample(asked, len(asked)) + torn.sample(asked, 2)
        accepted: dict[int, str | None] = {}
        for path, number, body in order:
            status, data = client.send(path, body)
            assert status in (200, 400), (status, data)
            assert accepted.setdefault(number, id := json.loads(data).get("request_id")) == id
        for number in sorted(accepted):
            if (id := accepted[number]) is not None:
                data = client.result(id)
                if torn is not None and torn.random() < 0.3:
                    assert client.result(id) == data, "a result is the same each time"
                told.update(data.replace(session.encode(), b""))
        if round % 4 == 0:
            told.update(sampled(client, f"{session}:sample:{round + 1000 * which}"))
        if torn is not None and torn.random() < 0.2:
            dies_while_sending(server)
    return told.hexdigest() + " " + weights_of(client, model)


def sampled(client: Client, sampler: str) -> bytes:
    prompt = {"chunks": [{"type": "encoded_text", "tokens": [5, 6, 7]}]}
    asked = client.ask(
        "asample", sampling_session_id=sampler, seq_id=0, num_samples=2, prompt=prompt,
        sampling_params={"max_tokens": 8, "seed": 3},
    )  # fmt: skip
    return client.result(asked["request_id"])


def dies_while_sending(server: Forked) -> None:
    try:
        with socket.create_connection(("127.0.0.1", server.port), 5) as line:
            line.sendall(b"POST /api/v1/optim_step HTTP/1.1\r\nhost: localhost\r\ncontent-length: 900\r\n\r\n{")
    except OSError:
        pass


def weights_of(client: Client, model: str) -> str:
    """Through the protocol: exported, fetched by its address."""
    number = 5 * ROUNDS + 1
    client.result(client.ask("save_weights_external", model_id=model, seq_id=number, path="last")["request_id"])
    address = f"/api/v1/training_runs/{model}/checkpoints/external_weights/last/external_weights_urls"
    line = Line("127.0.0.1", client.server.port, timeout=20)
    line.request("GET", address, headers={"x-api-key": KEY})
    url = json.loads(line.getresponse().read())["urls"]["adapter_model.safetensors"]
    line.request("GET", "/" + url.split("/", 3)[3])
    return sha256(line.getresponse().read()).hexdigest()


def all_trained(
    server: Forked, torn: int | None, killing: Callable[[Event], int] | None = None
) -> tuple[list[str], int]:
    """What each client was told, and how often the server was killed meanwhile."""
    told, failed, over, kills = [""] * MODELS, list[BaseException](), Event(), 0

    def live(which: int) -> None:
        try:
            told[which] = train(server, which, None if torn is None else random.Random(torn * 100 + which))
        except BaseException as error:
            failed.append(error)

    threads = [Thread(target=live, args=(which,), daemon=True) for which in range(MODELS)]
    for thread in threads:
        thread.start()
    waiting = Thread(target=lambda: ([thread.join() for thread in threads], over.set()), daemon=True)
    waiting.start()
    if killing is not None:
        kills = killing(over)
    waiting.join()
    if failed:
        raise failed[0]
    return told, kills


@contextmanager
def forked(folder: Path, make: Callable[[], Any] = lambda: open_backend("tiny-1M")) -> Iterator[Forked]:
    server = Forked(folder, make)
    server.begin()
    try:
        yield server
    finally:
        server.kill()


def kills(folder: Path, most: int) -> None:
    with forked(folder / "undisturbed") as server:
        began = time.monotonic()
        wanted, _ = all_trained(server, None)
        undisturbed_s = time.monotonic() - began
    num_kills, life = 0, 0
    draw = random.Random(most)
    while num_kills < most:
        life += 1
        with forked(folder / f"torn{life}") as server:

            def killing(over: Event, server: Forked = server, left: int = most - num_kills) -> int:
                count = 0
                while not over.wait(draw.uniform(0.05, max(0.2, undisturbed_s / 12))) and count < left:
                    server.kill()
                    server.begin()
                    count += 1
                return count

            told, count = all_trained(server, life, killing)
            num_kills += count
            assert told == wanted, f"life {life} with {count} kills told something else:\n{told}\n{wanted}"
        print(f"life {life}: {count} kills, the same bits ({num_kills} of {most})", flush=True)


def bodies(folder: Path, count: int) -> None:
    seen = Counter(fuzz(folder, count, seed=int(time.time())))
    print(f"{count} malformed bodies: {dict(sorted(seen.items()))}, no 5xx, and the server answers")


def memory(folder: Path, count: int) -> None:
    """Samples of a backend that computes nothing, fetched, by the process's resident memory."""
    with forked(folder, computes_nothing) as server:
        client = Client(server)
        session = client.ask("create_session")["session_id"]
        body = {"session_id": session, "sampling_session_seq_id": 0, "base_model": "tiny-1M"}
        sampler = client.ask("create_sampling_session", **body)["sampling_session_id"]
        sizes = []
        for number in range(count + 5000):
            if number >= 5000 and (number - 5000) % (count // 10) == 0:
                sizes.append(server.resident)
            one_sample(client, sampler, number)
        sizes.append(server.resident)
        print(f"{count:,} requests: {(sizes[-1] - sizes[0]) / 1e6:+.2f} MB ({[round(s / 1e6, 1) for s in sizes]} MB)")


def one_sample(client: Client, sampler: str, number: int) -> None:
    prompt = {"chunks": [{"type": "encoded_text", "tokens": list(range(20))}]}
    asked = client.ask(
        "asample", sampling_session_id=sampler, seq_id=number, num_samples=1, prompt=prompt,
        sampling_params={"max_tokens": 2},
    )  # fmt: skip
    client.result(asked["request_id"])


def prompts(folder: Path, count: int) -> None:
    """Prompts of 1,500 tokens, all different and all at once, on the embedded model."""
    with forked(folder) as server:
        client = Client(server)
        session = client.ask("create_session")["session_id"]
        body = {"session_id": session, "sampling_session_seq_id": 0, "base_model": "tiny-1M"}
        sampler = client.ask("create_sampling_session", **body)["sampling_session_id"]
        before, most, ids = server.resident, 0, []
        for number in range(count):
            chunks = [{"type": "encoded_text", "tokens": [(number + i * i) % 90 for i in range(1500)]}]
            asked = client.ask(
                "asample", sampling_session_id=sampler, seq_id=number, num_samples=1, prompt={"chunks": chunks},
                sampling_params={"max_tokens": 8},
            )  # fmt: skip
            ids.append(asked["request_id"])
        for id in ids:
            client.result(id)
            most = max(most, server.resident)
        after = server.resident
        time.sleep(2 * QUIET_S)
        sizes = (f"{size / 1e6:,.0f}" for size in (before, most, after, server.resident))
        print("{} prompts: {} MB before, {} at most, {} behind them, {} after a rest".format(count, *sizes))


def overhead(folder: Path, count: int) -> None:
    with forked(folder, computes_nothing) as server:
        client = Client(server)
        session = client.ask("create_session")["session_id"]
        body = {"session_id": session, "sampling_session_seq_id": 0, "base_model": "tiny-1M"}
        sampler = client.ask("create_sampling_session", **body)["sampling_session_id"]
        for number in range(200):
            one_sample(client, sampler, number)
        before = server.cpu_s
        for number in range(200, 200 + count):
            one_sample(client, sampler, number)
        print(f"asample and retrieve_future: {(server.cpu_s - before) / count * 1e3:.2f} ms of CPU each, of {count}")


def disk(folder: Path, count: int) -> None:
    for number in range(count):
        (folder / str(number)).mkdir()
        print(torture_disk.disk(folder / str(number), forked, Client, chunk), flush=True)


PARTS = {
    "kills": (kills, 30), "bodies": (bodies, 10_000), "memory": (memory, 100_000), "overhead": (overhead, 3000),
    "disk": (disk, 1), "prompts": (prompts, 150),
}  # fmt: skip


def main(words: list[str]) -> None:
    wanted = [words[0]] if words else list(PARTS)
    for name in wanted:
        part, count = PARTS[name]
        with tempfile.TemporaryDirectory() as folder:
            part(Path(folder), int(words[1]) if len(words) > 1 else count)


if __name__ == "__main__":
    main(sys.argv[1:])
