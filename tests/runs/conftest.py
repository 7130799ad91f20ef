"""A run that others write to, and that may be odd."""

from __future__ import annotations

from pathlib import Path

import pytest

from straw.runs.store import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that was stopped, with three checkpoints."""
    with RunFolder.create(tmp_path / "run", "[task]\nN = 64\n") as folder:
        (folder.path / "start").mkdir()
        (folder.path / "start" / "weights.safetensors").write_bytes(b"start")
        for step in (1, 2, 3):
            folder.write_metrics({"step": step, "episodes": step})
            with folder.checkpoint(step) as empty:
                (empty / "weights.safetensors").write_bytes(b"weights")
    return tmp_path / "run"
