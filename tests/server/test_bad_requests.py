"""Whatever is sent, the answer is a 4xx with a line that helps: never 409, never 5xx, never a fault of straw's own."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="straw[serve] is not installed")
pytest.importorskip("google.protobuf", reason="straw[serve] is not installed")

from tests.server.asking import Client, chunk, serving

from straw.server.routes.answers import FAILED
from straw.server.wire.limits import Limits

POSTS = (
    "client/config", "client/dynamic_config", "create_session", "session_heartbeat", "telemetry", "create_model",
    "get_info", "forward_backward", "optim_step", "save_weights", "save_weights_for_sampler", "save_weights_external",
    "load_weights", "unload_model", "create_sampling_session", "asample", "retrieve_future", "cancel_future",
    "weights_info",
)  # fmt: skip
NAMES = (
    "session_id", "model_id", "seq_id", "model_seq_id", "path", "optimizer", "base_model", "lora_config", "rank",
    "prompt", "chunks", "sampling_params", "request_id", "adam_params", "user_metadata", "ttl_seconds", "kind",
    "sampling_session_id", "sampling_session_seq_id", "num_samples", "tinker_path", "age_encryption_recipients",
)  # fmt: skip


def odd(draw: random.Random, client: Client, depth: int = 0) -> Any:
    """A value that some program could send."""
    simple = [
        None, True, -1, 0, 1, 2**31, 2**63, -(2**70), 1.5, 1e308, "", "x", "é" * 50, "a\0b", "../..", client.model,
        client.session, f"{client.session}:sample:0", f"tinker://{client.model}/weights/x", "tinker://", "fake",
    ]  # fmt: skip
    if depth > 3 or draw.random() < 0.7:
        return draw.choice(simple)
    if draw.random() < 0.5:
        return [odd(draw, client, depth + 1) for _ in range(draw.randrange(4))]
    return {draw.choice(NAMES): odd(draw, client, depth + 1) for _ in range(draw.randrange(4))}


def body(draw: random.Random, client: Client) -> bytes:
    kind = draw.randrange(6)
    if kind == 0:
        return draw.randbytes(draw.randrange(200))
    if kind == 1:
        whole = chunk(client.model, draw.randrange(1, 50), draw.randrange(40), "ppo")
        at = draw.randrange(len(whole))
        return whole[:at] + draw.randbytes(draw.randrange(4)) + whole[at + draw.randrange(4) :]
    if kind == 2:
        return b'{"a":' * draw.choice((1, 40, 5000)) + b"1"
    return json.dumps({name: odd(draw, client) for name in draw.sample(NAMES, draw.randrange(1, 8))}).encode()


def fuzz(folder: Path, count: int, seed: int) -> dict[int, int]:
    draw, seen = random.Random(seed), dict[int, int]()
    limits = Limits(vocabulary=32, body_bytes=1 << 20)
    with serving(folder, gap_s=60, limits=limits, poll_s=0.001) as (http, service, _):
        client = Client(http)
        client.create()
        for _ in range(count):
            path, sent = draw.choice(POSTS), body(draw, client)
            encoding = draw.choice(({}, {}, {}, {"content-encoding": draw.choice(("zstd", "gzip", "br", "x"))}))
            answer = http.post(f"/api/v1/{path}", content=sent, headers={**client.headers, **encoding})
            seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
            assert answer.status_code < 500 and answer.status_code != 409, (path, sent[:200], answer.text)
            if answer.status_code not in (200, 204):
                assert answer.status_code == 408 or "detail" in answer.json(), (path, sent[:200], answer.text)
                assert FAILED not in answer.text, (path, sent[:300], encoding, answer.text)
        after = Client(http)
        after.create()
        after.result(after.backward(3).json()["request_id"])
        assert service.worker.is_alive()
    return seen


def test_malformed_bodies_are_refused_in_words(tmp_path: Path) -> None:
    seen = fuzz(tmp_path, 600, seed=1)
    assert seen.get(400, 0) > 50 and seen.get(422, 0) > 50, seen


def test_empty_bodies_of_requests_without_one_are_fine(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, _, _):
        client = Client(http)
        client.create()
        client.save("one")
        address = f"/api/v1/training_runs/{client.model}/checkpoints/weights/one/publish"
        headers = {**client.headers, "content-type": "application/json"}
        assert http.post(address, content=b"", headers=headers).status_code == 204
        assert http.delete(address, headers=headers).status_code == 204


def test_limits_have_names_and_are_told(tmp_path: Path) -> None:
    with serving(tmp_path, limits=Limits(vocabulary=32, body_bytes=2000), most_pending=2) as (http, _, backend):
        client = Client(http)
        large = http.post("/api/v1/forward_backward", content=b"x" * 5000, headers=client.headers)
        assert large.status_code == 413 and "body_bytes" in large.json()["detail"]
        assert client.ask("create_model", session_id=client.session, model_seq_id=0, base_model="fake",
                          lora_config={"rank": 9999}).status_code == 400  # fmt: skip
        assert (
            client.ask("create_model", session_id=client.session, model_seq_id=0, base_model="unknown").status_code
            == 400
        )
        backend.decode = lambda: []  # type: ignore[method-assign]
        sampler = client.sampler()
        for number in range(2):
            client.asample(sampler, number)
        full = client.ask("asample", sampling_session_id=sampler, seq_id=2, sampling_params={},
                          prompt={"chunks": [{"type": "encoded_text", "tokens": [1]}]})  # fmt: skip
        assert full.status_code == 429


@pytest.mark.parametrize("wrong", [{"beta1": 1.0}, {"beta2": 1}, {"eps": 0}, {"eps": 1e-60}])
def test_a_step_that_could_only_leave_weights_that_are_no_numbers_is_refused(
    tmp_path: Path, wrong: dict[str, float]
) -> None:
    with serving(tmp_path) as (http, _, _):
        client = Client(http)
        client.create()
        answer = client.ask("optim_step", model_id=client.model, seq_id=1, adam_params=wrong)
        assert answer.status_code == 422 and next(iter(wrong)) in answer.json()["detail"]


def test_an_address_that_is_none_is_told_to_openais_clients_in_their_form(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, _, _):
        for method, path in (("POST", "/v1/embeddings"), ("GET", "/v1/responses/1")):
            answer = http.request(method, path, headers={"authorization": "Bearer tml-x"})
            assert answer.status_code == 404
            assert path in answer.json()["error"]["message"] and answer.json()["error"]["code"] == "unknown_url"


def test_an_address_that_is_none_says_so(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, _, _):
        for method, path in (("GET", "/api/v1/nothing"), ("GET", "/api/v1/optim_step"), ("POST", "/nothing")):
            answer = http.request(method, path, headers={"x-api-key": "tml-x"})
            assert answer.status_code in (404, 405) and "detail" in answer.json(), path
