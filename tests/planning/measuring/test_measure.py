"""A calibration of a real page, made by the command as a person would make it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.monarch_here import needs_monarch, words_here
from tests.small_runs import small_words

from straw.planning.costs import read_costs

pytestmark = [pytest.mark.slow, needs_monarch]


def straw(*words: str) -> str:
    """In a process of its own: its network is closed while it has one thread."""
    done = subprocess.run(
        [sys.executable, "-m", "straw", *words], env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True,
        text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("kind", ["single_step", "multi_step"])
def test_a_page_is_measured_and_planned(kind: str, tmp_path: Path, home: Path) -> None:
    file = tmp_path / "c.json"
    words = [*small_words(), f"env_type={kind}", *words_here(), f"calibration={file}"]
    found = json.loads(straw("plan", "secret", *words, "--measure", "generators=1,2,4", "--json"))
    made = read_costs(file)
    assert made.about["model"] == "tiny-0.2M" and made.about["task"].startswith("secret")
    assert made.max_turns == (3 if kind == "multi_step" else 1)
    assert made.train_s > 0 and made.message_s > 0 and made.token_s + made.call_s + made.row_s > 0
    assert 1.0 <= made.crowding < 3.0 and made.generator_mb > 50 and made.weights_mb > 0.5
    assert [plan["generators"] for plan in found["plans"]] == [1, 2, 4]
    assert all(0 < plan["rollouts_per_s"] < 10_000 and plan["machine_mb"] > 300 for plan in found["plans"])
    again = json.loads(straw("plan", "secret", *words, "generators=1,2,4", "--json"))
    assert again == found  # a plan is a function of its calibration
