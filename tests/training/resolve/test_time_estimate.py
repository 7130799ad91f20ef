"""How long a run takes, before it runs: by earlier runs, by some steps, or by pieces of one; and what is said of it."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.made_runs import write_run
from tests.small_runs import small_page, small_plan, train

from straw.runs.reading import read_config, read_metrics
from straw.training.resolve import dry_run, time_estimate
from straw.training.resolve.dry_run import forecast, print_forecast, time_line
from straw.training.resolve.time_estimate import alike, costly, duration, earlier, seconds_a_step

WORDS = "n_batches=10 eval_every=5 save_every=0"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def time_of(capsys: pytest.CaptureFixture[str], words: str) -> str:
    print_forecast(small_page(words))
    (line,) = [one for one in capsys.readouterr().out.splitlines() if one.startswith("# time")]
    return line


@pytest.mark.parametrize(
    ("seconds", "said"), [(3.21, "3.2 s"), (41, "41 s"), (600, "10 min"), (10_000, "2.8 h"), (200_000, "2.3 days")]
)
def test_a_duration_has_the_unit_that_a_person_would_choose(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_some_steps_are_made_and_leave_nothing(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setattr(time_estimate, "STEP_S", 1e9)
    line = time_of(capsys, WORDS)
    assert "3 steps made here" in line and "without the warm-up" in line
    assert os.listdir(place) == []


@pytest.mark.parametrize(
    "words", ["algorithm=sft", "env_type=multi_step", "stop_at=0.9 group_size=1 baseline=constant"]
)
def test_so_are_those_of_other_pages(words: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = time_of(capsys, f"{WORDS} {words}")
    assert "a step by" in line and ("stop_at" in line) == ("stop_at" in words)


def test_a_long_step_is_told_from_pieces(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_estimate, "STEP_S", 0.0)
    assert "by a few tokens and rollouts measured here" in time_of(capsys, WORDS)


def test_more_groups_take_longer(place: Path) -> None:
    few, many = (
        time_estimate.by_pieces(*ready(f"{WORDS} batch_size={size} group_size=8"))[0] for size in (1, 64)
    )  # fmt: skip
    assert many > 4 * few


def ready(words: str) -> tuple[Any, Any, Any]:
    plan, engine = forecast(small_plan(words)).ready or (None, None)
    assert plan is not None and engine is not None
    return plan, engine, time_estimate.sampling_of(plan, engine.chat)


def test_earlier_runs_of_the_page_tell_best(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(place / "runs/a", WORDS, "seed=3")
    line = time_of(capsys, WORDS)
    assert "by 1 earlier run of this page (runs/a)" in line
    pace = seconds_a_step(read_metrics(place / "runs/a"))
    assert pace is not None and earlier(small_plan(WORDS), place / "runs") == {str(place / "runs/a"): pace}
    assert "earlier" not in time_of(capsys, f"{WORDS} group_size=8")


def test_a_run_on_another_processor_or_of_few_steps_tells_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(place / "runs/a", WORDS)
    train(place / "runs/b", "n_batches=3 eval_every=5 save_every=0")
    (place / "runs/c").mkdir()
    (place / "runs/c/metrics.jsonl").write_text("nonsense\n")
    assert list(earlier(small_plan(WORDS), place / "runs")) == [str(place / "runs/a")]
    monkeypatch.setattr(time_estimate, "processor", lambda: "another")
    assert earlier(small_plan(WORDS), place / "runs") == {}


def test_pages_are_alike_if_they_differ_in_nothing_that_costs_time(tmp_path: Path) -> None:
    one = costly(read_config(write_run(tmp_path / "a", seed=1, learning_rate=1e-3, max_tokens=7)))
    other = costly(read_config(write_run(tmp_path / "b", seed=2, learning_rate=1e-4, max_tokens=7, n_batches=9)))
    longer = costly(read_config(write_run(tmp_path / "c", seed=1, learning_rate=1e-3, max_tokens=8)))
    assert alike(one, other) and not alike(one, longer)


def test_where_memory_is_short_or_the_model_not_here_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    size = forecast(small_plan(WORDS))
    monkeypatch.setattr(dry_run, "available_memory", lambda: 1 << 20)
    assert time_line(size).startswith("not measured: the run wants more memory than")
    assert time_line(replace(size, ready=None)).startswith("not known: the model was not fetched")


@pytest.mark.slow
def test_a_run_takes_as_long_as_was_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Within a factor of three of the range, since machines are busy."""
    plan, engine = forecast(small_plan("n_batches=60 eval_every=10")).ready or (None, None)
    assert plan is not None and engine is not None
    found = time_estimate.time_forecast(plan, engine)
    train(place / "run", "n_batches=60 eval_every=10")
    assert found.low_s / 3 < read_metrics(place / "run")[-1]["time_s"] < 3 * found.high_s
