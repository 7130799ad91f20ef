"""The service's own SDK, unmodified and in a process of its own, walks through the protocol against a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="straw[serve] is not installed")
pytest.importorskip("google.protobuf", reason="straw[serve] is not installed")

from tests.server.running import Server, program, running

WALK, MORE, SAMPLING = (Path(__file__).with_name(name) for name in ("walk.py", "walk_new.py", "sampling_walk.py"))
AS = "meta-llama/Llama-3.1-8B"
OLD = ("0.25.0", "0.30.0", "0.34.0", "0.36.0")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("sdk"), "model=tiny-1M", f"as={AS}") as one:
        yield one
        assert one.end() == 0  # as Ctrl-C does


def test_the_sdk_trains_samples_saves_and_lists(server: Server) -> None:
    pytest.importorskip("tinker", reason="straw[tinker] is not installed")
    seen = json.loads(program(server, WALK, AS))
    assert seen["rank"] == 4 and seen["losses"]["after"] < seen["losses"]["before"]
    assert seen["custom"] == pytest.approx(seen["losses"]["after"], rel=1e-5)


def test_what_only_the_newest_sdk_asks(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("tinker", reason="straw[tinker] is not installed")
    pytest.importorskip("pyrage", reason="pyrage is not installed")
    hub = {"HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path / "hub")}
    seen = json.loads(program(server, MORE, AS, str(tmp_path), **hub))
    assert set(seen["files"]) == {"adapter_config.json.age", "adapter_model.safetensors.age"}
    assert seen["gspo"] and seen["tokens"]


@pytest.mark.slow
def test_six_questions_that_another_server_asks_itself(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("tinker", reason="straw[tinker] is not installed")
    hub = {"HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path / "hub")}
    assert len(json.loads(program(server, SAMPLING, AS, **hub))) == 6


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("version", OLD)
def test_older_sdks_walk_the_same_way(server: Server, version: str, tmp_path: Path) -> None:
    assert walked(server, f"tinker=={version}", tmp_path)["version"] == version


@pytest.mark.slow
@pytest.mark.network
def test_the_newest_sdk_there_is_walks_the_same_way(server: Server, tmp_path: Path) -> None:
    major, minor, *_ = walked(server, "tinker", tmp_path)["version"].split(".")
    assert (int(major), int(minor)) >= (0, 38)


def walked(server: Server, wanted: str, folder: Path) -> dict[str, Any]:
    """By an SDK in an environment of its own; torch is this one's."""
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", wanted], check=True, timeout=600)
    torch = subprocess.run(
        [sys.executable, "-c", "import torch; print(torch.__path__[0])"], check=True, capture_output=True, text=True
    ).stdout.strip()
    site = next((folder / "venv" / "lib").glob("python3*/site-packages"))
    (site / "beside.pth").write_text(f"{Path(torch).parent}\n")  # behind its own packages
    seen: dict[str, Any] = json.loads(program(server, WALK, AS, python=str(python), PYTHONPATH=""))
    assert seen["losses"]["after"] < seen["losses"]["before"]
    return seen
