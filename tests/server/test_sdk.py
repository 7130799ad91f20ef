"""The service's own SDK, unmodified and in a process of its own, walks through the protocol against a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="straw[serve] is not installed")
pytest.importorskip("google.protobuf", reason="straw[serve] is not installed")

from tests.server.running import Server, program, running

WALK, MORE, SAMPLING = (Path(__file__).with_name(name) for name in ("walk.py", "walk_new.py", "sampling_walk.py"))
OLD = ("0.25.0", "0.30.0", "0.34.0", "0.36.0", "")  # the last: the newest that there is


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("sdk"), "model=tiny-1M", "as=meta-llama/Llama-3.1-8B") as one:
        yield one
        assert one.end() == 0  # as Ctrl-C does


def test_the_sdk_trains_samples_saves_and_lists(server: Server) -> None:
    pytest.importorskip("tinker", reason="straw[tinker] is not installed")
    seen = json.loads(program(server, WALK, "meta-llama/Llama-3.1-8B"))
    assert seen["rank"] == 4 and seen["losses"]["after"] < seen["losses"]["before"]
    assert seen["custom"] == pytest.approx(seen["losses"]["after"], rel=1e-5)


def test_what_only_the_newest_sdk_asks(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("tinker", reason="straw[tinker] is not installed")
    pytest.importorskip("pyrage", reason="pyrage is not installed")
    hub = {"HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path / "hub")}
    seen = json.loads(program(server, MORE, "meta-llama/Llama-3.1-8B", str(tmp_path), **hub))
    assert set(seen["files"]) == {"adapter_config.json.age", "adapter_model.safetensors.age"}
    assert seen["gspo"] and seen["tokens"]


@pytest.mark.slow
def test_six_questions_that_another_server_asks_itself(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("tinker", reason="straw[tinker] is not installed")
    hub = {"HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path / "hub")}
    assert len(json.loads(program(server, SAMPLING, "meta-llama/Llama-3.1-8B", **hub))) == 6


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("version", OLD)
def test_older_sdks_walk_the_same_way(server: Server, version: str, tmp_path: Path) -> None:
    """Each in an environment of its own; torch is this one's."""
    home = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    python = home / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "-q", f"tinker=={version}" if version else "tinker"], check=True, timeout=600
    )
    torch = subprocess.run(
        [sys.executable, "-c", "import torch; print(torch.__path__[0])"], check=True, capture_output=True, text=True
    ).stdout.strip()
    site = next((home / "lib").glob("python3*/site-packages"))
    (site / "beside.pth").write_text(f"{Path(torch).parent}\n")  # behind its own packages
    seen = json.loads(program(server, WALK, "meta-llama/Llama-3.1-8B", python=str(python), PYTHONPATH=""))
    assert (seen["version"] == version or not version) and seen["losses"]["after"] < seen["losses"]["before"]
