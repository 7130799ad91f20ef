"""A secret at N=16 is memorised through the SDK alone by nine of ten seeds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="straw[serve] is not installed")
pytest.importorskip("tinker", reason="straw[tinker] is not installed")

from tests.server.programs.others import desk
from tests.server.running import program

PROGRAM = Path(__file__).parents[3] / "benchmarks" / "tinker_secret.py"


@pytest.mark.slow
def test_nine_of_ten_seeds_memorise_a_secret(tmp_path: Path) -> None:
    with desk(tmp_path) as one:
        hub = {name: one.environment()[name] for name in ("HF_ENDPOINT", "HF_HOME")}
        last = program(one.server, PROGRAM, "tiny-1M", "--warm-up", "40", **hub)
    found = re.match(r"memorised by (\d+) of 10 seeds", last)
    assert found and int(found[1]) >= 9, last
