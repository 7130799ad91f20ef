"""What was accepted is done once, in order, and after a death as if nobody had died."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="straw[serve] is not installed")
pytest.importorskip("google.protobuf", reason="straw[serve] is not installed")

from tests.server.asking import Client, serving, until
from tests.server.fake_backend import FakeBackend


def work(client: Client, rounds: int, first: int = 1) -> str:
    """Two gradients and a step, some times over; the last step's id."""
    last = ""
    for round in range(first, first + rounds):
        for token in (round % 30, (round * 7) % 30):
            assert client.backward(token).status_code == 200
        last = client.step().json()["request_id"]
    return last


def undisturbed(folder: Path, rounds: int) -> str:
    with serving(folder) as (http, _, backend):
        client = Client(http)
        model = client.create(seed=7)
        client.result(work(client, rounds))
        return backend.weights[model]


def test_chunks_and_steps_that_come_in_any_order_are_done_in_order(tmp_path: Path) -> None:
    with serving(tmp_path / "a", gap_s=60) as (http, _, backend):
        client = Client(http)
        client.create(seed=7)
        asked = [(number, number % 3 == 0) for number in range(1, 31)]
        random.Random(0).shuffle(asked)
        for number, is_step in asked:
            token = 1 + (number - 1) // 3 if number % 3 == 1 else ((1 + (number - 1) // 3) * 7) % 30
            answer = client.step(number) if is_step else client.backward(token, number)
            assert answer.status_code == 200, answer.text
        client.result(f"{client.model}/30")
        found = backend.weights[client.model]
    assert found == undisturbed(tmp_path / "b", 10)


def test_a_request_sent_twice_is_done_once_and_fetched_as_often_as_asked(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, _, backend):
        client = Client(http)
        client.create()
        first, again = client.backward(3, 1).json(), client.backward(3, 1).json()
        assert first == again
        assert client.result(first["request_id"]) == client.result(first["request_id"])
        assert client.backward(3, 1).json() == first  # also when it is done
        client.result(client.step(2).json()["request_id"])
        assert [verb for verb, _ in backend.log].count("forward_backward") == 1


def test_a_refused_request_has_used_its_number(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, _, _):
        client = Client(http)
        client.create()
        refused = client.backward(3, 1, loss="stable_reinforce")
        assert refused.status_code == 400 and "importance_sampling" in refused.json()["detail"]
        assert client.backward(3, 1, loss="stable_reinforce").status_code == 400  # and again
        assert client.ask("optim_step", model_id=client.model, seq_id=2, adam_params={"beta1": "x"}).status_code == 422
        client.result(client.backward(4, 3).json()["request_id"])


def test_what_waits_behind_a_lost_number_gets_an_error_and_the_rest_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, _, backend):
        client = Client(http)
        client.create()
        behind = client.backward(3, 2).json()["request_id"]
        step = client.step(3).json()["request_id"]
        for id in (behind, step):
            assert client.result(id)["category"] == "user" and "never arrived" in client.result(id)["error"]
        assert client.backward(3, 1).status_code == 410  # it came after all
        client.result(client.backward(5, 4).json()["request_id"])
        assert [verb for verb, _ in backend.log if verb == "optim_step"] == []


def test_a_failed_call_leaves_the_ones_behind_it_alone(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, _, _):
        client = Client(http)
        client.create()
        failed = client.result(client.backward(31).json()["request_id"])
        assert failed["category"] == "user" and "31" in failed["error"]
        assert isinstance(client.result(client.backward(3).json()["request_id"]), bytes)


@pytest.mark.parametrize("seed", range(4))
def test_killed_and_begun_again_it_ends_with_the_same_weights(tmp_path: Path, seed: int) -> None:
    """A copy of the folder at some moment is what a killed server leaves."""
    draw = random.Random(seed)
    backend = FakeBackend()
    with serving(tmp_path / "first", backend=backend, poll_s=0.05) as (http, service, _):
        client = Client(http)
        client.create(seed=7)
        done = draw.randint(1, 9)
        last = work(client, done)
        client.backward((done + 1) % 30)  # a gradient without its step
        if draw.random() < 0.5:
            client.result(last)
        with service.journal.lock:
            shutil.copytree(tmp_path / "first", tmp_path / "second")
    with serving(tmp_path / "second") as (http, service, again):
        client.http = http
        client.backward(((done + 1) * 7) % 30)
        client.step()
        client.result(work(client, 10 - done - 1, done + 2) or f"{client.model}/{client.number - 1}")
        assert again.weights[client.model] == undisturbed(tmp_path / "other", 10)
        assert isinstance(client.result(f"{client.model}/1"), bytes)


def test_a_restart_does_again_only_what_came_behind_the_last_saved_state(tmp_path: Path) -> None:
    with serving(tmp_path, state_every=4) as (http, _, _):
        client = Client(http)
        client.create()
        client.result(work(client, 9))
    with serving(tmp_path, state_every=4) as (http, service, backend):
        client.http = http
        client.result(client.step().json()["request_id"])
        assert service.worker.watching.num_replayed <= 5
        assert ("load", client.model) in backend.log and ("create", client.model) not in backend.log


def test_models_that_do_not_fit_sleep_on_the_disk_and_wake_up_the_same(tmp_path: Path) -> None:
    with serving(tmp_path / "many", awake=2) as (http, _, backend):
        clients = [Client(http) for _ in range(5)]
        for client in clients:
            client.create(seed=7)
        for round in range(1, 5):
            for client in clients:
                client.result(work(client, 1, round))
        assert len(backend.weights) <= 2
        found = set()
        for client in clients:
            client.result(client.step().json()["request_id"])
            found.add(backend.weights[client.model])
    with serving(tmp_path / "one") as (http, _, backend):
        client = Client(http)
        client.create(seed=7)
        client.result(work(client, 4))
        client.result(client.step().json()["request_id"])
        assert found == {backend.weights[client.model]}


def test_models_take_turns(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, service, backend):
        clients = [Client(http) for _ in range(2)]
        for client in clients:
            client.create()
        service.worker.call(lambda: until(lambda: len(service.desk.pending) == 12))  # until all of it has come
        for client in clients:
            for _ in range(6):
                client.backward(3)
        for client in clients:
            client.result(f"{client.model}/6")
        order = [model for verb, model in backend.log if verb == "forward_backward"]
        assert order == [client.model for _ in range(6) for client in clients]
