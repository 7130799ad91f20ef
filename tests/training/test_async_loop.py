"""Rollouts that are made ahead, with the local engine's weights copied where generators would keep them."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from tests.small_runs import Listener, small_page
from tests.torture import differing

from straw.engines.base import Sampler
from straw.engines.local.engine import LocalEngine
from straw.runs.reading import read_metrics, read_rollouts
from straw.training.session import resume_run, run_page
from straw.training.state import RunState

WORDS = "n_batches=8 eval_every=4 save_every=3 keep_last=0 learning_rate=1e-3 baseline=ema replay=1"


def copied(engine: LocalEngine) -> Sampler:
    """A sampler that keeps the weights of now."""
    kept = LocalEngine(copy.deepcopy(engine.model), engine.chat, engine.settings)
    kept.policy_version = engine.policy_version
    return kept


@pytest.fixture(autouse=True)
def ahead_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalEngine, "pinned", copied)
    monkeypatch.setattr("straw.config.page.lack_of_generators", lambda page: None)


class Falling(Listener):
    def update(self, step: int, row: dict[str, float]) -> None:
        if step == 5:
            raise ZeroDivisionError


def run(folder: Path, words: str) -> Path:
    return run_page(small_page(f"run_dir={folder}", WORDS, words), Listener()).folder


def fallen_and_resumed(folder: Path, words: str) -> Path:
    with pytest.raises(ZeroDivisionError):
        run_page(small_page(f"run_dir={folder}", WORDS, words), Falling())
    return resume_run(folder, Listener()).folder


@pytest.mark.parametrize("lag", [1, 3])
def test_rollouts_are_written_by_the_version_that_is_lag_steps_behind(home: Path, tmp_path: Path, lag: int) -> None:
    folder = run(tmp_path / "run", f"max_lag={lag}")
    updates = [row["step"] for row in read_metrics(folder) if "grad_norm" in row]
    written_by = {record["step"]: record["policy_version"] for record in read_rollouts(folder)}
    assert written_by == {step: sum(done < step - lag for done in updates) for step in range(1, 9)}


@pytest.mark.parametrize(
    "words",
    ["max_lag=1", pytest.param("max_lag=3 env_type=multi_step num_secrets=2 batch_size=2", marks=pytest.mark.slow)],
)
def test_a_run_that_is_ahead_goes_on_bit_for_bit(home: Path, tmp_path: Path, words: str) -> None:
    assert differing(run(tmp_path / "whole", words), fallen_and_resumed(tmp_path / "cut", words)) == []


def test_what_was_made_ahead_belongs_to_the_state(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(tmp_path / "whole", "max_lag=2")
    load = RunState.load_state_dict
    monkeypatch.setattr(RunState, "load_state_dict", lambda state, kept: load(state, {**kept, "ahead": {}}))
    assert differing(whole, fallen_and_resumed(tmp_path / "cut", "max_lag=2"))
