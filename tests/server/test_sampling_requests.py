"""Samples by request: their seeds, their sessions, what outlives a restart, and what a client that left frees."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="straw[serve] is not installed")
pytest.importorskip("google.protobuf", reason="straw[serve] is not installed")

from tests.server.asking import Client, serving, until


def test_seeds_are_the_requests_own_or_the_ones_that_were_given(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, _, _):
        client = Client(http)
        sampler = client.sampler()
        first = client.sample(sampler, 0, num_samples=3)
        assert len(set(first)) == 3 and first == client.sample(sampler, 0, num_samples=3)
        assert first != client.sample(sampler, 1, num_samples=3)
        given = client.sample(sampler, 2, num_samples=3, seed=5)
        assert given == client.sample(client.sampler(), 9, num_samples=3, seed=5) and len(set(given)) == 3
        assert client.sample(sampler, 3, seed=5) == given[:1]  # one alone has that very seed


def test_each_reply_has_an_id_of_its_own(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, _, _):
        client = Client(http)
        sampler = client.sampler()
        asked = [client.asample(sampler, number, num_samples=4) for number in range(3)]
        ids = [id for one in asked for id in one["sample_sequence_ids"]]
        assert len(set(ids)) == 12


def test_a_snapshot_keeps_the_weights_of_its_moment_over_steps_and_restarts(tmp_path: Path) -> None:
    with serving(tmp_path, in_memory=1) as (http, _, _):
        client = Client(http)
        client.create()
        body = {"model_id": client.model, "sampling_session_seq_id": 0, "kind": "snapshot"}
        early = client.result(client.post("save_weights_for_sampler", **body, seq_id=client.next())["request_id"])
        seen = client.sample(early["sampling_session_id"], 0, seed=1)
        client.backward(3), client.result(client.step().json()["request_id"])
        body["sampling_session_seq_id"] = 1
        late = client.result(client.post("save_weights_for_sampler", **body, seq_id=client.next())["request_id"])
        assert client.sample(late["sampling_session_id"], 0, seed=1) != seen
        assert client.sample(early["sampling_session_id"], 1, seed=1) == seen
    with serving(tmp_path) as (http, _, _):
        client.http = http
        assert client.sample(early["sampling_session_id"], 2, seed=1) == seen


def test_samplers_in_flight_share_one_target(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, _, _):
        client = Client(http)
        client.create()
        ids = []
        for number in range(2):
            body = {"model_id": client.model, "sampling_session_seq_id": number, "kind": "inflight"}
            asked = client.post("save_weights_for_sampler", **body, seq_id=client.next())
            ids.append(client.result(asked["request_id"])["sampling_session_id"])
            client.backward(3), client.result(client.step().json()["request_id"])
        assert ids[0] != ids[1] and client.sample(ids[0], 0, seed=1) == client.sample(ids[1], 0, seed=1)


def test_samples_that_wait_when_the_server_dies_are_drawn_the_same(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, service, backend):
        client = Client(http)
        sampler = client.sampler()
        seen = client.sample(sampler, 0, num_samples=2)
        backend.decode = lambda: []  # type: ignore[method-assign]
        waiting = client.asample(sampler, 1, num_samples=2)["request_id"]
        until(lambda: service.worker.samples.rows)
    with serving(tmp_path) as (http, _, _):
        client.http = http
        assert client.sample(sampler, 0, num_samples=2) == seen
        assert client.result(waiting)


def test_a_cancelled_sample_gives_its_rows_back(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, service, backend):
        client = Client(http)
        real, backend.decode = backend.decode, lambda: []  # type: ignore[method-assign]
        asked = client.asample(client.sampler(), 0)
        until(lambda: backend.rows)
        client.post("cancel_future", request_id=asked["request_id"])
        assert client.result(asked["request_id"])["category"] == "user"
        assert not backend.rows and not service.worker.samples.rows
        backend.decode = real  # type: ignore[method-assign]


def test_a_client_that_went_away_frees_what_it_used(tmp_path: Path) -> None:
    with serving(tmp_path, stale_s=0.2) as (http, service, backend):
        client = Client(http)
        client.create()
        backend.decode = lambda: []  # type: ignore[method-assign]
        client.asample(client.sampler(), 0)
        until(lambda: not backend.rows and not backend.weights and not service.desk.pending)


def test_decoding_that_fails_fails_for_those_who_write_and_for_nobody_else(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, _, backend):
        client = Client(http)
        sampler = client.sampler()
        backend.broken.add("decode")
        failed = client.result(client.asample(sampler, 0)["request_id"])
        assert failed["category"] == "server" and "decode is broken" in failed["error"]
        backend.broken.clear()
        assert client.sample(sampler, 1)


def test_an_unknown_sample_may_be_sent_again_and_unknown_training_may_not(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, _, _):
        client = Client(http)
        assert client.ask("retrieve_future", request_id=f"{client.session}:sample:0/5").status_code == 410
        assert client.ask("retrieve_future", request_id=f"{client.session}:train:0/5").status_code == 404
        assert client.ask("session_heartbeat", session_id="another").status_code == 410
