from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.small_runs import WORDS, small_plan, train

from straw.cli import main
from straw.runs.reading import read_events
from straw.training.monitor.verdict import worse_than_start

START = {"bits_known": 0.0, "valid_mass": 0.99, "p_secret": 1 / 8}


def said(last: dict[str, float], words: str = "N=8") -> str | None:
    return worse_than_start(small_plan(words), START, {**START, **last})


def test_a_run_that_is_sure_of_another_answer_says_so() -> None:
    line = said({"bits_known": -28.7})
    assert line is not None and "bits known -28.70, 0.00 before: it is sure of another answer" in line
    assert "lower learning_rate" in line and "\n" not in line


def test_replies_that_are_no_answers_any_more_say_so_whatever_is_paid() -> None:
    for words in ("N=8", "N=8 reward_type=random", "N=8 algorithm=sft"):
        line = said({"valid_mass": 0.0001, "bits_known": -9.0}, words)
        assert line is not None and "0.0001 of its replies are answers at all, 0.9900 before" in line


def test_a_run_that_learned_or_wandered_less_than_a_bit_is_well() -> None:
    assert said({"bits_known": 3.0}) is None
    assert said({"bits_known": -0.9}) is None


def test_a_control_owes_no_bits() -> None:
    assert said({"bits_known": -9.0}, "N=8 reward_type=shuffled_bins") is None
    assert said({"bits_known": -9.0}, "N=8 reward_type=shuffled_bins algorithm=sft") is not None


@pytest.mark.parametrize(("after", "is_worse"), [((0.0, 0.05, 0.12), True), ((0.1, 0.2, 0.3), False)])
def test_accuracy_is_worse_when_its_interval_lies_below_that_of_the_start(after: Any, is_worse: bool) -> None:
    names = ("accuracy_low", "accuracy", "accuracy_high")
    first, last = (dict(zip(names, values, strict=True)) for values in ((0.26, 0.33, 0.39), after))
    assert (worse_than_start(small_plan("kind=reverse_digits"), first, last) is not None) == is_worse


def test_a_run_that_falls_apart_does_not_end_well(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rate that no weights survive: it is done, and the exit status, the last line and the folder say how."""
    words = [*WORDS, "algorithm=sft", "n_batches=3", "learning_rate=1", f"run_dir={tmp_path / 'run'}", "--quiet"]
    assert main(["train", "secret", *words]) == 1
    assert "straw: the run is done and worse than at its start: " in capsys.readouterr().err.splitlines()[-1]
    (alarm,) = [event for event in read_events(tmp_path / "run") if event["event"] == "alarm"]
    assert alarm["name"] == "worse_than_start" and alarm["step"] == 3


def test_silence_is_kept(home: Path, tmp_path: Path) -> None:
    words = "algorithm=sft n_batches=3 learning_rate=1 silence=worse_than_start"
    assert train(tmp_path / "run", words).complaint is None
