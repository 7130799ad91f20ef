"""Requests of the protocol as a client writes them, for a server in this process whose backend computes nothing."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from starlette.testclient import TestClient
from tests.server.fake_backend import FakeBackend

from straw.server.desk.keys import Keys
from straw.server.desk.settings import Settings
from straw.server.routes.app import make_app
from straw.server.service import Service
from straw.server.wire import messages
from straw.server.wire.limits import Limits

KEY = "tml-one"
QUICK = Settings(names=("fake", "other"), poll_s=0.2, sweep_s=0.05, gap_s=0.3, state_every=3)


class Client:
    """One client with a session; `number` is the seq_id that is next."""

    def __init__(self, http: TestClient, key: str = KEY) -> None:
        self.http, self.headers = http, {"x-api-key": key}
        self.session = self.post("create_session", type="create_session")["session_id"]
        self.model, self.number = "", 0

    def ask(self, path: str, **body: Any) -> Any:
        return self.http.post(f"/api/v1/{path}", json=body, headers=self.headers)

    def post(self, path: str, **body: Any) -> Any:
        answer = self.ask(path, **body)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json()

    def get(self, path: str) -> Any:
        return self.http.get(f"/api/v1/{path}", headers=self.headers)

    def create(self, rank: int = 4, seed: int = 0, number: int = 0) -> str:
        body = {"session_id": self.session, "model_seq_id": number, "base_model": "fake"}
        made = self.post("create_model", **body, lora_config={"rank": rank, "seed": seed})
        self.result(made["request_id"])
        self.model, self.number = made["model_id"], 1
        return self.model

    def next(self) -> int:
        self.number += 1
        return self.number - 1

    def result(self, id: str, within_s: float = 10.0) -> Any:
        until = monotonic() + within_s
        while monotonic() < until:
            answer = self.ask("retrieve_future", request_id=id)
            if answer.status_code != 408:
                assert answer.status_code == 200, (id, answer.status_code, answer.text)
                return answer.json() if "json" in answer.headers["content-type"] else answer.content
        raise AssertionError(f"no result of {id} within {within_s} s")

    def backward(self, token: int, number: int | None = None, loss: str = "cross_entropy", **more: Any) -> Any:
        body = chunk(self.model, self.next() if number is None else number, token, loss, **more)
        headers = {**self.headers, "content-type": "application/x-protobuf"}
        return self.http.post("/api/v1/forward_backward", content=body, headers=headers)

    def step(self, number: int | None = None, rate: float = 0.1) -> Any:
        number = self.next() if number is None else number
        return self.ask("optim_step", model_id=self.model, seq_id=number, adam_params={"learning_rate": rate})

    def save(self, name: str, path: str = "save_weights", **more: Any) -> Any:
        asked = self.post(path, model_id=self.model, seq_id=self.next(), path=name, **more)
        return self.result(asked["request_id"])

    def sampler(self, **what: Any) -> str:
        number = sum(1 for _ in self.get(f"sessions/{self.session}").json()["sampler_ids"])
        body = {"session_id": self.session, "sampling_session_seq_id": number, **(what or {"base_model": "fake"})}
        return str(self.post("create_sampling_session", **body)["sampling_session_id"])

    def sample(self, sampler: str, number: int, **params: Any) -> list[tuple[int, ...]]:
        return tokens_of(self.result(self.asample(sampler, number, **params)["request_id"]))

    def asample(self, sampler: str, number: int, num_samples: int = 1, **params: Any) -> Any:
        prompt = {"chunks": [{"type": "encoded_text", "tokens": [1, 2, 3]}]}
        return self.post(
            "asample", sampling_session_id=sampler, seq_id=number, num_samples=num_samples, prompt=prompt,
            sampling_params={"max_tokens": 4, **params},
        )  # fmt: skip


def tokens_of(data: bytes) -> list[tuple[int, ...]]:
    answer = messages.SampleResponse.FromString(data)
    return [struct.unpack(f"<{len(one.tokens) // 4}i", one.tokens) for one in answer.sequences]


def chunk(model: str, number: int, token: int, loss: str, *, forward_only: bool = False) -> bytes:
    request = messages.ForwardBackwardRequest(model_id=model, seq_id=number, loss_fn=loss, forward_only=forward_only)
    datum = request.data.add()
    datum.model_input.add().encoded_text.tokens = struct.pack("<2i", token, 1)
    targets = datum.loss_fn_inputs["target_tokens"]
    targets.dtype, targets.dense = messages.INT64, struct.pack("<2q", 1, 2)
    targets.shape.append(2)
    return bytes(request.SerializeToString())


@contextmanager
def serving(
    folder: Path, settings: Settings = QUICK, backend: FakeBackend | None = None, keys: Keys | None = None,
    limits: Limits | None = None, **changes: Any,
) -> Iterator[tuple[TestClient, Service, FakeBackend]]:  # fmt: skip
    folder.mkdir(exist_ok=True)
    backend = backend or FakeBackend()
    settings = replace(settings, **changes)
    service = Service(backend, folder, settings, limits or Limits(vocabulary=32), keys or Keys())
    with TestClient(make_app(service), base_url="http://127.0.0.1", raise_server_exceptions=False) as http:
        yield http, service, backend


def until(true: Any, within_s: float = 5.0) -> None:
    end = monotonic() + within_s
    while not true():
        assert monotonic() < end, "it did not come"
        sleep(0.01)
