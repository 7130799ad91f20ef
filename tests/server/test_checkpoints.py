"""Checkpoints: whose they are, how long they live, how they leave, and that no name leads out of the store."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from time import sleep

import pytest

pytest.importorskip("starlette", reason="straw[serve] is not installed")
pytest.importorskip("google.protobuf", reason="straw[serve] is not installed")

from tests.server.asking import Client, serving, until

from straw.server.desk.keys import Keys
from straw.server.keeping.store import checked_name, parts_of
from straw.server.wire.refused import BadRequest

BAD_NAMES = ("..", ".", "../x", "a/b", "a\\b", "/etc/passwd", ".hidden", "", "a\0b", "a b", "é", "x" * 201, 5, None)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_could_lead_out_of_the_store_is_none(name: object) -> None:
    with pytest.raises(BadRequest):
        checked_name(name)
    with pytest.raises(BadRequest):
        parts_of(f"tinker://run/weights/{name}" if isinstance(name, str) else name)


@pytest.mark.parametrize("path", ["tinker://../weights/x", "tinker://a/b/c", "tinker://a/weights/b/c", "a/weights/b"])
def test_a_path_has_three_parts_of_a_known_kind(path: str) -> None:
    with pytest.raises(BadRequest):
        parts_of(path)


def test_saved_and_loaded_weights_are_the_same(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, _, backend):
        client = Client(http)
        client.create(rank=6)
        client.backward(3), client.step()
        path = client.save("one")["path"]
        assert path == f"tinker://{client.model}/weights/one"
        other = Client(http)
        body = {"session_id": other.session, "model_seq_id": 0, "path": path, "optimizer": True}
        made = other.post("load_weights", **body)
        assert made["model_id"] == f"{other.session}:train:0"
        assert other.result(made["request_id"])["path"] == path
        assert backend.weights[made["model_id"]] == backend.weights[client.model]
        info = other.post("get_info", model_id=made["model_id"])
        assert info["lora_rank"] == 6 and info["model_data"]["model_name"] == "fake"


def test_a_name_is_taken_once_unless_it_may_be_overwritten(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, _, _):
        client = Client(http)
        client.create()
        client.save("one", overwrite=False)
        assert client.save("one", overwrite=False)["category"] == "user"
        assert "path" in client.save("one", overwrite=True)
        assert len(client.get("checkpoints").json()["checkpoints"]) == 1


def test_one_keys_weights_are_not_there_for_another(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, _, _):
        client, other = Client(http), Client(http, "tml-two")
        client.create()
        path = client.save("one")["path"]
        load = {"session_id": other.session, "model_seq_id": 0, "path": path, "optimizer": False}
        sample = {"session_id": other.session, "sampling_session_seq_id": 0, "model_path": path}
        place = f"training_runs/{client.model}"
        assert other.ask("load_weights", **load).status_code == 404
        assert other.ask("create_sampling_session", **sample).status_code == 404
        assert other.ask("weights_info", tinker_path=path).status_code == 404
        assert other.ask("optim_step", model_id=client.model, seq_id=9).status_code == 404
        assert other.ask("get_info", model_id=client.model).status_code == 404
        assert other.ask("retrieve_future", request_id=f"{client.model}/0").status_code == 404
        for address in (place, f"{place}/checkpoints", f"{place}/checkpoints/weights/one/archive",
                        f"sessions/{client.session}"):  # fmt: skip
            assert other.get(address).status_code == 404, address
        for method in ("delete", "post"):
            end = "/publish" if method == "post" else ""
            answer = getattr(http, method)(f"/api/v1/{place}/checkpoints/weights/one{end}", headers=other.headers)
            assert answer.status_code == 404
        assert (
            other.get("checkpoints").json()["checkpoints"] == other.get("training_runs").json()["training_runs"] == []
        )
        http.post(f"/api/v1/{place}/checkpoints/weights/one/publish", headers=client.headers)
        assert other.ask("load_weights", **load).status_code == 200
        assert http.delete(f"/api/v1/{place}/checkpoints/weights/one", headers=other.headers).status_code == 403


def test_a_checkpoint_lives_as_long_as_it_was_given(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, service, _):
        client = Client(http)
        client.create()
        path = client.save("short", ttl_seconds=1)["path"]
        folder = service.store.folder(f"checkpoints/{client.model}/weights/short")
        assert folder.is_dir() and client.ask("weights_info", tinker_path=path).status_code == 200
        sleep(1.05)
        assert client.ask("weights_info", tinker_path=path).status_code == 404
        until(lambda: not folder.exists())
        client.save("long", ttl_seconds=3600)
        address = f"/api/v1/training_runs/{client.model}/checkpoints/weights/long"
        http.put(f"{address}/ttl", json={"ttl_seconds": None}, headers=client.headers)
        assert client.get("checkpoints").json()["checkpoints"][0]["expires_at"] is None
        assert http.delete(address, headers=client.headers).status_code == 204
        assert http.delete(address, headers=client.headers).status_code == 404


def test_an_export_is_fetched_by_its_address_alone_and_by_no_other(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, _, _):
        client = Client(http)
        client.create()
        client.save("out", verb="save_weights_external")
        place = f"training_runs/{client.model}/checkpoints/external_weights/out"
        found = client.get(f"{place}/external_weights_urls").json()["urls"]
        assert set(found) == {"adapter_model.safetensors", "adapter_config.json"}
        url = found["adapter_config.json"]
        assert json.loads(http.get(url).content) == {"r": 4}
        parts = url.split("/")
        late, forged, elsewhere = parts.copy(), parts.copy(), parts.copy()
        late[4], forged[5] = str(int(parts[4]) - 7200), "0" * 64
        elsewhere[-1] = "adapter_model.safetensors"
        for wrong in (late, forged, elsewhere):
            assert http.get("/".join(wrong)).status_code == 403
        archive = client.get(f"{place}/archive").json()["url"]
        with tarfile.open(fileobj=io.BytesIO(http.get(archive).content)) as tar:
            assert sorted(tar.getnames()) == sorted(found)


def test_an_alias_is_a_folder_that_programs_know_by_another_name(tmp_path: Path) -> None:
    with serving(tmp_path / "one") as (http, service, _):
        client = Client(http)
        client.create()
        client.save("one")
        folder = service.store.folder(f"checkpoints/{client.model}/weights/one")
        theirs = "tinker://11111111-2222:train:0/sampler_weights/000100"
        other = Client(http, "tml-two")
        asked = {"session_id": other.session, "sampling_session_seq_id": 0, "model_path": theirs}
        refused = other.ask("create_sampling_session", **asked)
        assert refused.status_code == 404 and "checkpoint PATH=FOLDER" in refused.json()["detail"]
        service.store.aliases[theirs] = folder
        sampler = other.sampler(model_path=theirs)
        assert other.sample(sampler, 0)
        assert other.get(f"samplers/{sampler}").json()["model_path"] == theirs


def test_a_full_disk_is_an_error_result_and_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, _, backend):
        client = Client(http)
        client.create()
        client.backward(3), client.result(client.step().json()["request_id"])
        before = backend.weights[client.model]
        backend.broken.add("save")
        failed = client.save("one")
        assert failed["category"] == "server" and "No space left" in failed["error"]
        backend.broken.clear()
        assert "path" in client.save("one") and backend.weights[client.model] == before


def test_a_journal_that_cannot_grow_is_an_error_result_and_later_all_is_well(tmp_path: Path) -> None:
    """SQLite's own limit of pages says what a full disk says."""
    with serving(tmp_path, gap_s=60) as (http, service, backend):
        client = Client(http)
        client.create()
        client.backward(3), client.result(client.step().json()["request_id"])
        pages = service.journal.one("PRAGMA page_count")
        assert pages is not None
        service.journal.one(f"PRAGMA max_page_count = {pages[0]}")
        failed = []
        for _ in range(300):
            asked = client.backward(4)
            assert asked.status_code == 200
            found = client.result(asked.json()["request_id"])
            failed += [] if isinstance(found, bytes) else [found]
            if failed:
                break
        assert failed and failed[0]["category"] == "server" and "full" in failed[0]["error"]
        service.journal.one("PRAGMA max_page_count = 1000000")
        client.result(client.step().json()["request_id"])
        weights, last = backend.weights[client.model], client.step().json()["request_id"]
        client.result(last)
    with serving(tmp_path) as (http, _, again):
        client.http = http
        done = client.result(client.step().json()["request_id"])
        assert done["metrics"] and weights != again.weights[client.model]


def test_keys_of_a_server_on_the_network_are_the_only_ones(tmp_path: Path) -> None:
    with serving(tmp_path, keys=Keys(["tml-right", "tml-other"])) as (http, _, _):
        assert Client(http, "tml-right").session and Client(http, "tml-other").session
        for wrong in ("tml-wrong", "", "tml-right2", "é"):
            headers = {"x-api-key": wrong.encode()}
            answer = http.post("/api/v1/create_session", json={}, headers=headers)
            assert answer.status_code == 401 and "detail" in answer.json()


def test_on_loopback_another_sites_name_is_no_name_of_ours(tmp_path: Path) -> None:
    with serving(tmp_path) as (http, _, _):
        for host, status in (("evil.example", 421), ("127.0.0.1:8000", 200), ("localhost", 200), ("[::1]:8000", 200)):
            assert http.get("/api/v1/healthz", headers={"host": host}).status_code == status, host
