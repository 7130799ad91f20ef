"""From a page to an engine, and back to how a run began."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.small_runs import small_plan

from straw.engines.local.build import load_engine, save_start, starting_again, with_adapters
from straw.errors import RunError


@pytest.mark.parametrize("words", ["warmup=none", "warmup=none lora_rank=2"])
def test_a_run_begins_again_from_the_weights_that_it_kept(words: str, tmp_path: Path) -> None:
    page = small_plan(words).page
    engine = with_adapters(load_engine(page), page.model)
    engine.add_noise([3], [0.1])
    engine.publish()
    (tmp_path / "run").mkdir()
    with pytest.raises(RunError, match=r"keeps the weights that it began with in start, and .*run has none: restore"):
        starting_again(page, tmp_path / "run")
    save_start(engine, tmp_path / "run" / "start")
    again = starting_again(page, tmp_path / "run")
    assert all((again.trained[name] == p).all() for name, p in engine.trained.items())
    assert (again.adapters is not None) is ("lora_rank" in words)
