"""Ways for weights to reach the generators: nobody can tell from a run which it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.monarch_here import needs_monarch
from tests.processes import children
from tests.small_runs import Listener, small_page, train
from tests.torture import differing

from straw.runs.reading import read_events
from straw.training.session import run_page

pytestmark = needs_monarch

WORDS = "n_batches=4 eval_every=2 save_every=2 group_size=6 learning_rate=1e-3 baseline=ema"


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "",
        pytest.param("lora_rank=2 env_type=multi_step", marks=pytest.mark.slow),
        pytest.param("dtype=bfloat16", marks=pytest.mark.slow),
        pytest.param("max_lag=0 rows_at_once=16 group_size=40", marks=pytest.mark.slow),
    ],
)
def test_weights_that_are_pushed_leave_what_the_local_engine_leaves(home: Path, tmp_path: Path, words: str) -> None:
    train(tmp_path / "local", WORDS, words)
    run_page(
        small_page(f"run_dir={tmp_path / 'monarch'} engine=monarch num_generators=2 weights=pushed", WORDS, words),
        Listener(),
    )
    assert differing(tmp_path / "local", tmp_path / "monarch") == []
    (engine,) = [event for event in read_events(tmp_path / "monarch") if event["event"] == "engine"]
    assert [one["generator"] for one in engine["generators"]] == [0, 1]
    assert engine["syncs"] >= 4 and engine["sync_s"] > 0  # the canary publishes, too
    assert children() == {}
