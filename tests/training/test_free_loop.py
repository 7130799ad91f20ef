"""Generators that run free: in one process with weights copied where generators would have them, and on Monarch."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.monarch_here import needs_monarch
from tests.small_runs import Listener, small_page

from straw.engines.base import Conversation, Reply, Sampler, SamplingParams, Tokens
from straw.engines.local.engine import LocalEngine
from straw.errors import ConfigError
from straw.runs.reading import read_events, read_metrics, read_rollouts, state_of
from straw.training.session import resume_run, run_page

WORDS = "n_batches=8 eval_every=4 save_every=3 learning_rate=1e-3 baseline=ema batch_size=2 pace=free num_generators=2"
WORDS += " engine=local"  # in threads, see `free_in_one_process`


class Copied(Sampler):
    """A generator in a thread, with the weights of when it begins; generator 0 may dawdle."""

    lock = threading.Lock()
    dawdles = threading.Event()

    def __init__(self, engine: LocalEngine, generator: int) -> None:
        self.engine, self.chat, self.generator, self.policy_version = engine, engine.chat, generator, 0

    def sample(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]]
    ) -> list[list[Reply]]:
        with self.lock:
            kept = LocalEngine(copy.deepcopy(self.engine.model), self.engine.chat, self.engine.settings)
            self.policy_version = self.engine.policy_version
        if self.generator == 0 and self.dawdles.is_set():
            threading.Event().wait(0.6)
        return kept.sample(prompts, num_samples, params, seeds)

    def converse(self, prompt: Tokens, num_rows: int) -> Conversation:
        raise AssertionError("nobody runs free with conversations")


@pytest.fixture
def free_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    step, publish = LocalEngine.optim_step, LocalEngine.publish

    def locked(engine: LocalEngine, params: Any) -> dict[str, float]:
        with Copied.lock:  # nobody copies half of an update; the version is that of the whole one
            found = step(engine, params)
            publish(engine)
        return found

    Copied.dawdles.clear()
    monkeypatch.setattr(LocalEngine, "newest", lambda engine, generator: Copied(engine, generator))
    monkeypatch.setattr(LocalEngine, "optim_step", locked)
    monkeypatch.setattr("straw.config.page.lack_of_generators", lambda page: None)


def run(folder: Path, words: str, watcher: Listener | None = None) -> Path:
    return run_page(small_page(f"run_dir={folder}", WORDS, words), watcher or Listener()).folder


def test_every_step_learns_from_a_whole_batch_that_is_not_too_old(
    home: Path, tmp_path: Path, free_in_one_process: None
) -> None:
    folder = run(tmp_path / "run", "max_lag=1")
    rows = read_metrics(folder)[1:]
    assert [row["step"] for row in rows] == list(range(1, 9))
    assert all(0 <= row["lag"] <= 1 for row in rows)
    assert sum(1 for _ in read_rollouts(folder)) == 8 * 2 * 4


def test_with_generators_of_equal_pace_next_to_nothing_is_dropped(
    home: Path, tmp_path: Path, free_in_one_process: None
) -> None:
    """Their threads are the system's to wake: on a busy machine one group was overtaken, once in some hundred runs."""
    assert sum(row["stale_groups"] for row in read_metrics(run(tmp_path / "run", "max_lag=2"))[1:]) <= 1


def test_a_group_that_others_overtook_is_dropped_counted_and_told(
    home: Path, tmp_path: Path, free_in_one_process: None
) -> None:
    Copied.dawdles.set()
    folder = run(tmp_path / "run", "max_lag=2 n_batches=30")
    rows = read_metrics(folder)[1:]
    told = [event for event in read_events(folder) if event["event"] == "stale_group"]
    assert len(told) == sum(row["stale_groups"] for row in rows) > 0
    assert all(event["newest"] - event["version"] > 2 for event in told)
    assert all(row["lag"] <= 2 for row in rows)
    assert sum(1 for _ in read_rollouts(folder)) == 30 * 2 * 4  # whole batches all the same


class Falling(Listener):
    def update(self, step: int, row: dict[str, float]) -> None:
        if step == 5:
            raise ZeroDivisionError


def test_a_run_that_fell_goes_on(home: Path, tmp_path: Path, free_in_one_process: None) -> None:
    with pytest.raises(ZeroDivisionError):
        run(tmp_path / "run", "max_lag=1", Falling())
    folder = resume_run(tmp_path / "run", Listener()).folder
    assert state_of(folder) == "done"
    assert [row["step"] for row in read_metrics(folder)] == list(range(9))


def test_generators_without_work_are_told_of(home: Path, tmp_path: Path, free_in_one_process: None) -> None:
    listener = Listener()
    run(tmp_path / "run", "max_lag=1 batch_size=1 num_generators=3", listener)
    assert "at most 1 of 3 generators can work: raise max_lag or batch_size" in listener.lines


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("pace=free engine=monarch", r"got pace=free with max_lag=0\. Write max_lag=1"),
        ("fresh_weights=true engine=monarch max_lag=1", r"got fresh_weights=true with pace=exact\. Write pace=free"),
        ("pace=free engine=monarch max_lag=1 env_type=multi_step", r"got pace=free with several turns"),
        ("weights=pushed", r"got weights=pushed with engine=local"),
        ("engine=monarch max_lag=1 pace=free fresh_weights=true weights=pushed", r"fresh_weights=true with weights="),
    ],
)
def test_what_does_not_go_together_is_refused(words: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        small_page(words)


# --- on Monarch


@needs_monarch
@pytest.mark.slow
@pytest.mark.parametrize("words", ["", "fresh_weights=true rows_at_once=16"], ids=["newest", "fresh"])
def test_generators_of_their_own_run_free(home: Path, tmp_path: Path, words: str) -> None:
    folder = run(tmp_path / "run", f"engine=monarch max_lag=1 group_size=24 {words}")
    rows = read_metrics(folder)[1:]
    assert all(0 <= row["lag"] <= 1 for row in rows)
    (engine,) = [event for event in read_events(folder) if event["event"] == "engine"]
    assert engine["syncs"] > 0
    assert sum(one["tokens"] for one in engine["generators"]) > 8 * 2 * 24
