"""A short form of `python -m tests.torture`, and the test of that test: each part of the state is needed."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.small_runs import Listener, small_page
from tests.torture import COMMON, REPLAYED, Tally, differing, torture, work

from straw.engines.local.engine import LocalEngine
from straw.errors import RunError
from straw.runs.reading import read_metrics
from straw.runs.store import RunFolder
from straw.training.loop import Loop
from straw.training.session import resume_run, run_page
from straw.training.state import RunState

STATEFUL = f"{COMMON.replace('eval_every=4', 'eval_every=10')} {REPLAYED} baseline=ema eval_answers=4"


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(f"{COMMON} algorithm=reinforce_ema env_type=multi_step lora_rank=2", marks=pytest.mark.slow),
        STATEFUL,
    ],
    ids=["lora", "full"],
)
def test_runs_that_are_killed_go_on_as_if_they_had_not_been(home: Path, tmp_path: Path, words: Any) -> None:
    tally, chance = Tally(), random.Random(len(words))
    while tally.kills < 2 and tally.runs < 4:  # a moment may come before there is a folder, or behind the end
        torture(words, tmp_path, 2, chance, tally)
    assert (tally.different, tally.unreadable) == ([], [])
    assert tally.kills


# --- the test of the test

Patch = Callable[[pytest.MonkeyPatch], None]


def leave_out(part: str) -> Patch:
    """A `load` that forgets a part of the loop's state."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        load = RunState.load_state_dict

        def forgets(state: RunState, kept: dict[str, Any]) -> None:
            load(state, {**kept, part: state.state_dict()[part]})

        monkeypatch.setattr(RunState, "load_state_dict", forgets)

    return patch


def after_loading(spoil: Callable[[LocalEngine, dict[str, torch.Tensor]], None]) -> Patch:
    """An engine that loads and then forgets; it is handed its weights from before."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        load = LocalEngine.load

        def forgets(engine: LocalEngine, folder: Path, *, optimizer: bool = True) -> None:
            before = {name: p.detach().clone() for name, p in engine.trained.items()}
            load(engine, folder, optimizer=optimizer)
            if optimizer:
                spoil(engine, before)

        monkeypatch.setattr(LocalEngine, "load", forgets)

    return patch


def lose_weights(engine: LocalEngine, before: dict[str, torch.Tensor]) -> None:
    for name, p in engine.trained.items():
        p.data.copy_(before[name])


def lose(moment: str) -> Callable[[LocalEngine, dict[str, torch.Tensor]], None]:
    def spoil(engine: LocalEngine, before: dict[str, torch.Tensor]) -> None:
        for slots in engine.optimizer.state.values():
            slots[moment].zero_()

    return spoil


def lose_version(engine: LocalEngine, before: dict[str, torch.Tensor]) -> None:
    engine.policy_version = 0


def lose_start(engine: LocalEngine, before: dict[str, torch.Tensor]) -> None:
    engine.policies.kept["start"] = {name: p.detach().clone() for name, p in engine.trained.items()}


def lose_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunFolder, "rewind", lambda folder, checkpoint: None)


def begin_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is loaded but the lines stay: a resume that is silently ignored."""
    monkeypatch.setattr(Loop, "resume", lambda loop, checkpoint: None)


ELSEWHERE = {
    "ahead": "test_async_loop",
    "next_group": "test_free_loop",
    "student": "test_learners",
    "patience": "test_early_stopping",
    "redrawn": "test_rows",
    "pass_rates": "test_rows",
}
PARTS: dict[str, Patch] = {
    **{
        part: leave_out(part)
        for part in ("step", "num_tokens", "known", "credit", "replay", "alarms", "ledger", "said")
    },
    "weights": after_loading(lose_weights),
    "first moment": after_loading(lose("exp_avg")),
    "second moment": after_loading(lose("exp_avg_sq")),
    "Adam's step": after_loading(lose("step")),
    "policy version": after_loading(lose_version),
    "start": after_loading(lose_start),
    "cutting lines": lose_lines,
    "all of it": begin_again,
}


class Dying(Listener):
    """Dies behind the checkpoint of step 6, with lines of step 7 written; or behind that of step 3."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def update(self, step: int, row: dict[str, float]) -> None:
        if step == self.at:
            raise ZeroDivisionError


@pytest.fixture(scope="module")
def alone(shared_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("torture") / "alone"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRAW_HOME", str(shared_cache))
        assert work(STATEFUL, folder)
    return folder


def resumed(folder: Path, words: str = STATEFUL, died_at: int = 7) -> Path:
    with pytest.raises(ZeroDivisionError):
        run_page(small_page(f"run_dir={folder}", words), Dying(died_at))
    resume_run(folder, Listener())
    return folder


def test_with_all_parts_nothing_differs(alone: Path, home: Path, tmp_path: Path) -> None:
    assert differing(alone, resumed(tmp_path / "run")) == []


QUICK = {"credit", "replay", "ledger", "weights", "policy version", "all of it"}


@pytest.mark.parametrize("part", [pytest.param(part, marks=[pytest.mark.slow] * (part not in QUICK)) for part in PARTS])
def test_without_a_part_something_differs(
    alone: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: Any
) -> None:
    PARTS[part](monkeypatch)
    try:
        assert differing(alone, resumed(tmp_path / "run"))
    except RunError as error:  # a run that begins again would write over its own checkpoints
        assert "overwrites nothing" in str(error)


def test_without_the_version_that_was_measured_equal_weights_are_measured_again(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first six steps have no update here, and what the run said grows with each."""
    words = f"{COMMON.replace('seed=3', 'seed=1')} reward_type=binary eval_every=1 eval_answers=4"
    assert work(words, tmp_path / "alone")
    assert not any(row.get("updates") for row in read_metrics(tmp_path / "alone")[:7])
    assert differing(tmp_path / "alone", resumed(tmp_path / "whole", words, died_at=5)) == []
    leave_out("measured_version")(monkeypatch)
    assert differing(tmp_path / "alone", resumed(tmp_path / "run", words, died_at=5))


def test_every_part_of_the_loops_state_is_left_out_once() -> None:
    from straw.algorithms.baselines import Credit
    from straw.algorithms.replay import BestReplay
    from straw.training.monitor.alarms import Alarms

    state = RunState(credit=Credit(baseline="ema"), replay=BestReplay(1), alarms=Alarms())
    assert state.state_dict().keys() - {"time_s", "cpu_s", "measured_version", *ELSEWHERE} <= PARTS.keys()
