"""The same page on one process and on several: nobody can tell from what it leaves."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from tests.monarch_here import needs_monarch
from tests.processes import children
from tests.small_runs import Listener, small_page, train
from tests.torture import differing

from straw.errors import ConfigError
from straw.runs.reading import read_events, read_metrics, read_rollouts, state_of
from straw.training.session import Finished, resume_run, run_page
from straw.training.sources import registry as named
from straw.training.sources.lagged import Lagged

pytestmark = needs_monarch

WORDS = "n_batches=4 eval_every=2 save_every=2 group_size=6 learning_rate=1e-3 baseline=ema kl_coef=0.05"


class Meddler(Listener):
    """Does something to the generators at a step."""

    def __init__(self, step: int, number: int, which: str) -> None:
        super().__init__()
        self.step, self.number, self.which, self.at = step, number, which, 0.0

    def update(self, step: int, row: dict[str, float]) -> None:
        if step == self.step:
            self.step = -1  # once: a run that goes on comes by again
            os.kill(min(children(f"straw-{self.which}")), self.number)
            self.at = time.time()


class Falling(Listener):
    """Falls over at a step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def update(self, step: int, row: dict[str, float]) -> None:
        if step == self.step:
            raise ZeroDivisionError


def on_monarch(folder: Path, words: str, generators: int, watcher: Listener | None = None) -> Finished:
    page = small_page(f"run_dir={folder} engine=monarch num_generators={generators}", words)
    return run_page(page, watcher or Listener())


@pytest.mark.slow
@pytest.mark.parametrize(("generators", "words"), [(1, ""), (2, ""), (4, ""), (2, "env_type=multi_step lora_rank=2")])
def test_any_number_of_generators_leaves_what_the_local_engine_leaves(
    home: Path, tmp_path: Path, generators: int, words: str
) -> None:
    train(tmp_path / "local", WORDS, words)
    on_monarch(tmp_path / "monarch", f"{WORDS} {words}", generators)
    assert differing(tmp_path / "local", tmp_path / "monarch") == []
    assert children() == {}
    assert (tmp_path / "monarch" / "monarch.log").stat().st_mode & 0o777 == 0o600


# --- generators that run ahead


@pytest.mark.slow
def test_with_nothing_ahead_the_asynchronous_loop_is_the_synchronous_one(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path / "local", WORDS)
    monkeypatch.setattr(named, "Prefetching", lambda rollouts, engine: Lagged(rollouts, engine, {}))
    on_monarch(tmp_path / "monarch", WORDS, 2)
    assert differing(tmp_path / "local", tmp_path / "monarch") == []


@pytest.mark.slow
@pytest.mark.parametrize("words", ["max_lag=1", "max_lag=2 env_type=multi_step"])
def test_runs_that_are_ahead_repeat_themselves_and_go_on_bit_for_bit(home: Path, tmp_path: Path, words: str) -> None:
    words = f"{WORDS} {words} n_batches=6"
    lag = 2 if "max_lag=2" in words else 1
    one = on_monarch(tmp_path / "one", words, 2)
    written_by = {record["step"]: record["policy_version"] for record in read_rollouts(one.folder)}
    updates = [row["step"] for row in read_metrics(one.folder) if "grad_norm" in row]
    assert written_by == {step: sum(done < step - lag for done in updates) for step in range(1, 7)}
    with pytest.raises(ZeroDivisionError):
        on_monarch(tmp_path / "two", words, 1, Falling(5))
    resume_run(tmp_path / "two", Listener())
    assert differing(tmp_path / "one", tmp_path / "two") == []


def test_to_run_ahead_takes_processes() -> None:
    with pytest.raises(ConfigError, match=r"got max_lag=1 with engine=local\. Write engine=monarch"):
        small_page("max_lag=1")


# --- faults


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("", id="one turn"),
        pytest.param("env_type=multi_step", id="many turns", marks=pytest.mark.slow),
        pytest.param("env_type=multi_step lora_rank=2", id="adapters", marks=pytest.mark.slow),
    ],
)
def test_a_generator_that_is_killed_is_replaced_and_nobody_can_tell(home: Path, tmp_path: Path, words: str) -> None:
    train(tmp_path / "local", WORDS, words)
    on_monarch(tmp_path / "monarch", f"{WORDS} {words}", 2, Meddler(2, signal.SIGKILL, "generator"))
    assert differing(tmp_path / "local", tmp_path / "monarch") == []
    assert children() == {}
    assert (tmp_path / "monarch" / "monarch.log").stat().st_mode & 0o777 == 0o600
    events = [event["event"] for event in read_events(tmp_path / "monarch")]
    assert events.count("generator_died") == 1
    assert events.count("generator_started") >= 1  # on a busy machine the run may end before the others have begun


@pytest.mark.slow
def test_a_generator_that_is_frozen_is_replaced_when_patience_ends(home: Path, tmp_path: Path) -> None:
    train(tmp_path / "local", WORDS)
    on_monarch(tmp_path / "monarch", f"{WORDS} answer_s=5", 2, Meddler(2, signal.SIGSTOP, "generator"))
    assert differing(tmp_path / "local", tmp_path / "monarch") == []
    (died,) = [event for event in read_events(tmp_path / "monarch") if event["event"] == "generator_died"]
    assert "was stopped for 5 s (answer_s)" in died["error"]


@pytest.mark.slow
def test_a_trainer_that_is_killed_is_resumed_from_the_newest_checkpoint(home: Path, tmp_path: Path) -> None:
    train(tmp_path / "local", WORDS)
    on_monarch(tmp_path / "monarch", WORDS, 1, Meddler(3, signal.SIGKILL, "trainer"))
    assert differing(tmp_path / "local", tmp_path / "monarch") == []
    assert state_of(tmp_path / "monarch") == "done"
    assert "resumed" in [event["event"] for event in read_events(tmp_path / "monarch")]
    assert children() == {}


def test_more_generators_than_memory_allows(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("straw.engines.monarch.memory.memory_check.available_memory", lambda: 2 * 2**30)
    with pytest.raises(ConfigError, match=r"num_generators=9 would take .* GiB are free\. Write num_generators=4\."):
        on_monarch(tmp_path / "run", WORDS, 9)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("which", ["generator", "trainer"])
def test_whoever_is_frozen_is_found_within_ten_seconds_by_default(home: Path, tmp_path: Path, which: str) -> None:
    """The trainer too: the run goes on from its newest checkpoint."""
    train(tmp_path / "local", WORDS)
    frozen = Meddler(3, signal.SIGSTOP, which)
    on_monarch(tmp_path / "monarch", WORDS, 1, frozen)
    assert differing(tmp_path / "local", tmp_path / "monarch") == []
    events = read_events(tmp_path / "monarch")
    found = "generator_died" if which == "generator" else "failed"
    (seen,) = [event for event in events if event["event"] == found]
    assert "was stopped for 8 s (answer_s)" in seen["error"]
    assert seen["time"] - frozen.at < 10.0
    assert children() == {}
