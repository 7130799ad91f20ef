"""The libraries are really there after `straw worlds add`: from the package index, into environments of their own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from straw.cli.main import main
from straw.tasks.environments.own_python import python_of, variable_of

pytestmark = [pytest.mark.network, pytest.mark.timeout(3600)]
ASKED = {
    "openenv": "import uvicorn; from openenv.core.env_server.http_server import create_app",
    "verifiers": "from verifiers.v1.utils.loaders import load_environment; from verifiers.v1 import Taskset",
}


@pytest.mark.parametrize("library", list(ASKED))
def test_a_library_can_be_imported_where_it_was_added(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRAW_HOME", str(tmp_path))
    monkeypatch.delenv(variable_of(library), raising=False)
    assert main(["worlds", "add", library]) == 0
    python = python_of(library)
    assert python is not None and tmp_path in python.parents
    subprocess.run([str(python), "-c", ASKED[library]], check=True, capture_output=True, timeout=600)
