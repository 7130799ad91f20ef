"""Whole runs: one rank leaves what the local engine leaves, two resume bit for bit, and a lost one is made good."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.processes import children
from tests.small_runs import Listener, small_page, train
from tests.torture import differing

from straw.engines.ranks import checks
from straw.runs.reading import read_metrics
from straw.training.session import Finished, resume_run, run_page

pytestmark = pytest.mark.slow
WORDS = "n_batches=4 eval_every=2 save_every=2 group_size=6 batch_size=2 learning_rate=1e-3 baseline=ema kl_coef=0.05"


@pytest.fixture(autouse=True)
def enough_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "cores", lambda: 4)


class Meddler(Listener):
    """Falls over at a step, or kills a rank."""

    def __init__(self, step: int, kills: str = "") -> None:
        super().__init__()
        self.step, self.kills = step, kills

    def update(self, step: int, row: dict[str, float]) -> None:
        if step != self.step:
            return
        self.step = -1
        if not self.kills:
            raise ZeroDivisionError
        os.kill(min(children(f"straw-{self.kills}")), signal.SIGKILL)


def on_ranks(folder: Path, words: str, ranks: int, watcher: Listener | None = None) -> Finished:
    return run_page(small_page(f"run_dir={folder} engine=ranks trainer_ranks={ranks}", words), watcher or Listener())


@pytest.mark.parametrize("words", ["", "lora_rank=2", "env_type=multi_step"])
def test_one_rank_leaves_what_the_local_engine_leaves(home: Path, tmp_path: Path, words: str) -> None:
    train(tmp_path / "local", WORDS, words)
    on_ranks(tmp_path / "ranks", f"{WORDS} {words}", 1)
    assert differing(tmp_path / "local", tmp_path / "ranks") == []
    assert children() == {}


@pytest.mark.parametrize("words", ["", "lora_rank=2"])
def test_two_ranks_resume_bit_for_bit(home: Path, tmp_path: Path, words: str) -> None:
    words = f"{WORDS} {words}"
    on_ranks(tmp_path / "whole", words, 2)
    with pytest.raises(ZeroDivisionError):
        on_ranks(tmp_path / "halves", words, 2, Meddler(3))
    assert children() == {}
    resume_run(tmp_path / "halves", Listener())
    assert differing(tmp_path / "whole", tmp_path / "halves") == []
    train(tmp_path / "local", words)
    ours, theirs = (list(read_metrics(tmp_path / name))[-1] for name in ("whole", "local"))
    assert ours["bits_known"] == pytest.approx(theirs["bits_known"], abs=0.05)


def test_a_run_goes_on_from_its_newest_checkpoint_when_a_rank_is_lost(home: Path, tmp_path: Path) -> None:
    watcher = Meddler(3, "rank-1")
    on_ranks(tmp_path / "whole", WORDS, 2)
    on_ranks(tmp_path / "lost", WORDS, 2, watcher)
    said = [line for line in watcher.lines if "rank-1 died" in line]
    assert len(said) == 1 and said[0].endswith("the run goes on from its newest checkpoint")
    assert differing(tmp_path / "whole", tmp_path / "lost") == []
    assert children() == {}


def test_other_ranks_begin_from_what_two_left(home: Path, tmp_path: Path) -> None:
    """A checkpoint of two is the start of three, of one, and of the local engine: the same start for each."""
    on_ranks(tmp_path / "two", WORDS, 2)
    start = f"{WORDS} from_checkpoint={tmp_path}/two/checkpoints/step-000004 warmup=none"
    on_ranks(tmp_path / "three", start, 3)
    on_ranks(tmp_path / "one", start, 1)
    train(tmp_path / "local", start)
    assert differing(tmp_path / "local", tmp_path / "one") == []
    first = "start/weights.safetensors"
    assert (tmp_path / "three" / first).read_bytes() == (tmp_path / "local" / first).read_bytes()
