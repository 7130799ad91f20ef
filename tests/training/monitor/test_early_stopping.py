from __future__ import annotations

from pathlib import Path

import pytest
from tests.small_runs import Listener, small_page, train

from straw.config import load_page
from straw.errors import ConfigError
from straw.runs.reading import read_checkpoints, read_done, read_events, read_metrics, state_of
from straw.training.monitor.early_stopping import Patience
from straw.training.session import resume_run, run_page

FALLS = "algorithm=sft n_batches=9 eval_every=1 save_every=0 schedule=linear keep_best=learning_rate patience=3"


class StopsAt(Listener):
    def __init__(self, step: int) -> None:
        super().__init__()
        self.last = step

    def update(self, step: int, row: dict[str, float]) -> bool:  # type: ignore[override]
        return step >= self.last


# --- the counting


def heard(patience: Patience, *values: float) -> list[bool]:
    return [patience.hear({patience.metric.removeprefix("-"): value}) for value in values]


def test_it_is_over_when_so_many_in_a_row_were_no_better() -> None:
    patience = Patience("accuracy", most=2)
    assert heard(patience, 0.5, 0.4) == [True, False] and not patience.is_over
    assert heard(patience, 0.6, 0.6) == [True, False] and not patience.is_over
    assert heard(patience, 0.1) == [False] and patience.is_over and patience.best == 0.6


def test_with_a_minus_the_lower_is_the_better() -> None:
    patience = Patience("-kl", most=1)
    assert heard(patience, 2.0, 1.0, 1.5) == [True, True, False] and patience.is_over


def test_what_tells_nothing_is_not_counted() -> None:
    patience = Patience("accuracy", most=1)
    assert not patience.hear({"reward": 1.0}) and not patience.hear({"accuracy": float("nan")})
    assert patience.best is None and not patience.is_over


def test_without_patience_nothing_is_ever_over() -> None:
    patience = Patience("accuracy")
    assert heard(patience, 0.5, 0.1, 0.1) == [False] * 3 and not patience.is_over


def test_what_is_known_comes_back() -> None:
    patience = Patience("accuracy", most=3)
    heard(patience, 0.1 + 0.2, 0.0)
    again = Patience("accuracy", most=3)
    again.load_state_dict(patience.state_dict())
    assert again == patience


# --- a run


def test_a_run_ends_and_keeps_its_best_beside_its_newest(home: Path, tmp_path: Path) -> None:
    finished = train(tmp_path / "run", FALLS)
    assert finished.is_done and state_of(tmp_path / "run") == "done"
    assert finished.steps == 4  # the first step has the highest rate, and three had none
    assert [row["step"] for row in read_checkpoints(tmp_path / "run")] == [1, 4]
    (event,) = [one for one in read_events(tmp_path / "run") if one["event"] == "out_of_patience"]
    assert (event["step"], event["metric"], event["waited"]) == (4, "learning_rate", 3)
    assert event["best"] == read_metrics(tmp_path / "run")[1]["learning_rate"]
    assert resume_run(tmp_path / "run", Listener()).is_done  # nothing is left to do


def test_by_default_it_goes_on(home: Path, tmp_path: Path) -> None:
    finished = train(tmp_path / "run", FALLS, "patience=0 n_batches=6")
    assert finished.steps == 6 and [row["step"] for row in read_checkpoints(tmp_path / "run")] == [6]
    assert load_page(None).page.run.patience == 0


@pytest.mark.parametrize("stop", [1, 3, 4])
def test_a_run_that_was_stopped_ends_where_it_would_have(stop: int, home: Path, tmp_path: Path) -> None:
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    words = "n_batches=9 eval_every=1 save_every=0 keep_best=-num_tokens patience=3"  # which rises at every step
    train(whole, words)
    run_page(small_page(f"run_dir={halved}", words), StopsAt(stop))
    assert (read_done(halved) is None) == (stop < 4)
    assert resume_run(halved, Listener()).is_done
    assert (whole / "rollouts.jsonl").read_bytes() == (halved / "rollouts.jsonl").read_bytes()
    one, other = (read_checkpoints(folder)[-1] for folder in (whole, halved))
    weights = [name for name in one["sums"] if name.endswith(".safetensors")]
    assert weights and all(one["sums"][name] == other["sums"][name] for name in weights)
    assert (one["step"], other["step"]) == (4, 4)


def test_patience_needs_to_know_what_it_waits_for() -> None:
    with pytest.raises(ConfigError, match="got patience=3 without keep_best"):
        load_page(None, {"patience": 3})
    assert load_page(None, {"patience": 3, "keep_best": "accuracy"}).page.run.patience == 3
