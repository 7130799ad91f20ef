from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.small_runs import train

from straw.runs.reading import read_metrics
from straw.training.sources import prefetch as foresight
from straw.training.sources.prefetch import Foresight


def asked(*visits: tuple[int, int], last: int = 99, rows: int = 4, tokens: int = 5) -> list[list[int]]:
    """The steps that are made together when steps are visited with a version: (step, version)."""
    calls: list[list[int]] = []

    def make(steps: Any) -> Any:
        calls.append(list(steps))
        return [[[f"step {step}"]] for step in steps]

    seer = Foresight(make, rows, tokens)
    for step, version in visits:
        assert seer.at(step, version, last) == [[f"step {step}"]]
    return calls


def test_ever_more_steps_are_made_together_while_nothing_changes() -> None:
    assert asked(*((step, 7) for step in range(1, 9))) == [[1], [2], [3, 4], [5, 6, 7, 8]]


def test_an_update_throws_away_what_it_outdates() -> None:
    assert asked((1, 0), (2, 0), (3, 0), (4, 1), (5, 1)) == [[1], [2], [3, 4], [4], [5]]


def test_nothing_is_made_behind_the_last_step_nor_more_rows_than_fit() -> None:
    assert asked(*((step, 0) for step in range(1, 7)), last=6)[-1] == [5, 6]
    assert asked(*((step, 0) for step in range(1, 5)), rows=foresight.MOST_ROWS) == [[1], [2], [3], [4]]
    assert asked(*((step, 0) for step in range(1, 5)), tokens=foresight.MOST_TOKENS) == [[1], [2], [3], [4]]
    assert asked(*((step, 0) for step in range(1, 7)), tokens=foresight.MOST_TOKENS // 8) == [[1], [2], [3, 4], [5, 6]]


def left_by(folder: Path) -> tuple[object, ...]:
    rows = [{name: value for name, value in row.items() if name != "time_s"} for row in read_metrics(folder)]
    weights = sorted(folder.glob("checkpoints/**/*.safetensors"))
    return rows, (folder / "rollouts.jsonl").read_bytes(), [path.read_bytes() for path in weights]


def test_a_run_that_looks_ahead_leaves_the_bits_of_one_that_does_not(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right or wrong about eight numbers: some steps learn. Two groups a step, so that their order counts too."""
    words = "reward_type=binary N=8 n_batches=24 group_size=2 batch_size=2 replay=0 eval_every=5 learning_rate=1e-3"
    train(tmp_path / "ahead", words)
    monkeypatch.setattr(foresight, "MOST_ROWS", 1)
    train(tmp_path / "alone", words)
    assert left_by(tmp_path / "ahead") == left_by(tmp_path / "alone")
    updates = [row.get("updates", row.get("grad_norm")) for row in read_metrics(tmp_path / "ahead")[1:]]
    assert 0.0 in updates and any(updates)


def test_128_rows_and_2048_tokens_are_made_together_at_most() -> None:
    for rows, tokens, most in ((1, 1, 128), (64, 1, 2), (65, 1, 1), (1, 16, 128), (1, 17, 120), (8, 256, 1)):
        assert Foresight(lambda steps: [], rows, tokens).most == most
