"""What shows only where a real model is served: all weights trained, models that sleep, and TLS."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

pytest.importorskip("starlette", reason="straw[serve] is not installed")
pytest.importorskip("google.protobuf", reason="straw[serve] is not installed")

from tests.server.asking import QUICK, Client, serving
from tests.server.running import Server, free_port, program, running
from tests.server.test_order import work

from straw.engines.tenants.engine import TenantEngine
from straw.engines.tenants.open import open_backend
from straw.server.wire.limits import Limits

FULL, SHORT = Path(__file__).with_name("walk_full.py"), Path(__file__).with_name("walk_short.py")
MODEL = "tiny-0.2M"


@pytest.mark.slow
def test_the_sdk_trains_all_weights_of_a_server_that_was_started_for_it(tmp_path: Path) -> None:
    pytest.importorskip("tinker", reason="straw[tinker] is not installed")
    with running(tmp_path, f"model={MODEL}", "--full") as server:
        seen = json.loads(program(server, FULL, MODEL))
    assert seen["info"] is False and seen["run"] is False and not seen["rank"]
    assert seen["after"] < seen["before"]
    assert "rank=0" in seen["adapters"] and "end its session" in seen["second"]


def trained(folder: Path, count: int, **settings: int) -> tuple[list[dict[str, bytes]], TenantEngine]:
    """Models that take turns, a gradient left over each; what their files hold at the end."""
    backend = open_backend(MODEL, tenants_in_memory=settings.get("in_memory", 16))
    found = []
    with serving(folder, QUICK, backend, limits=Limits(), names=("fake",), **settings) as (http, service, _):  # type: ignore[arg-type]
        clients = [Client(http) for _ in range(count)]
        for number, client in enumerate(clients):
            client.create(seed=number)
        for round in range(1, 4):
            for client in clients:
                client.result(work(client, 1, round))
                client.backward(3)
        for client in clients:
            client.result(client.step().json()["request_id"])
            client.save("end", verb="save_weights")
            files = (folder / "checkpoints" / client.model / "weights" / "end").glob("*.safetensors")
            found.append({file.name: file.read_bytes() for file in files})
        most = len(service.worker.operations.tenants.there)
    assert most <= settings.get("awake", 64)
    return found, backend


def test_models_that_sleep_in_the_engine_or_in_the_store_end_with_the_bits_of_those_that_never_did(
    tmp_path: Path,
) -> None:
    wanted, _ = trained(tmp_path / "awake", 4)
    tight, backend = trained(tmp_path / "tight", 4, in_memory=1, awake=2)
    assert len(backend.tenants.here) == 1 and len(backend.tenants) == 2
    assert tight == wanted and len(wanted[0]) == 2
    assert wanted[0] != wanted[1], "or the comparison says nothing"


def certificate(folder: Path) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate, and it is not installed")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE",
         "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


class Encrypted(Server):
    """Which is asked whether it is up by way of its certificate too."""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


@pytest.mark.slow
def test_with_a_certificate_it_speaks_tls_to_the_sdk_and_lets_in_keys_that_it_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tinker", reason="straw[tinker] is not installed")
    cert, key = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))  # what urllib and the SDK trust
    words = (f"model={MODEL}", f"cert={cert}", f"cert_key={key}", "host=0.0.0.0", "key=tml-right-one")
    server = Encrypted(tmp_path / "serve", free_port(), *words)
    server.begin()
    try:
        about = f"{server.url}/api/v1/get_server_capabilities"
        trusted = ssl.create_default_context(cafile=str(cert))
        with urlopen(Request(about, headers={"x-api-key": "tml-right-one"}), context=trusted) as answer:
            assert MODEL in answer.read().decode()
        with pytest.raises(OSError, match="401"):
            urlopen(Request(about, headers={"x-api-key": "tml-another"}), context=trusted)
        with pytest.raises(OSError):
            urlopen(about.replace("https", "http"))
        trusting = {"SSL_CERT_FILE": str(cert), "TINKER_API_KEY": "tml-right-one"}
        assert program(server, SHORT, MODEL, **trusting) == "8 tokens"
    finally:
        server.kill()
