"""The ledger of real runs: what stands in metrics.jsonl, and what it says."""

from __future__ import annotations

from math import log2
from pathlib import Path

import pytest
from tests.small_runs import train

from straw.measure.ledger.series import ledger_of
from straw.report.ledger import ledger_rows
from straw.runs.reading import read_metrics, read_rollouts

SHORT = "n_batches=4 eval_every=2 learning_rate=1e-3 save_every=0"


def test_a_run_keeps_its_ledger_in_every_row(home: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", SHORT)
    found = ledger_of(tmp_path / "run")
    assert found.bound == "law"
    assert None not in found["offered_bits"] + found["received_bits"]
    assert found["capacity_bits"] == [0, 4, 8, 12, 16]
    assert [value is None for value in found["absorbed_bits"]] == [False, True, False, True, False]
    assert found["absorbed_bits"][0] == pytest.approx(0, abs=0.1)
    assert found["kl_from_start_bits"][0] == 0 < found.last("kl_from_start_bits")
    for row in read_metrics(tmp_path / "run"):
        both = row["ledger/usable_bits"] + row["ledger/wasted_bits"]
        assert both == pytest.approx(row["ledger/offered_bits"])
    rows = dict(ledger_rows(tmp_path / "run"))
    assert rows["offered by the rewards"] == f"{found.last('offered_bits'):.2f} bits"
    assert rows["usable, in groups that had an advantage"] == f"{found.last('usable_bits'):.2f} bits"
    assert rows["received by an ideal observer"] == f"{found.last('received_bits'):.2f} bits"


def test_a_student_can_use_all_that_is_offered(home: Path, tmp_path: Path) -> None:
    """Its groups have no advantage here, and it learns from its log."""
    train(tmp_path / "run", "N=8 n_batches=2 algorithm=reward_aware baseline=group most_updates=1 save_every=0")
    found = ledger_of(tmp_path / "run")
    assert found.last("wasted_bits") == 0 < found.last("usable_bits") == found.last("offered_bits")


def test_received_is_what_the_rollouts_in_the_folder_say(home: Path, tmp_path: Path) -> None:
    """Binary, 8 secrets: each wrong guess excludes itself."""
    train(tmp_path / "run", SHORT)
    said = {one["replies"][0] for one in read_rollouts(tmp_path / "run")}
    read = {int(text) for text in said if text.isdigit() and int(text) < 8}
    left = 1 if 57 % 8 in read else 8 - len(read)
    assert ledger_of(tmp_path / "run").last("received_bits") == pytest.approx(log2(8 / left))


def test_supervised_learning_absorbs_and_is_offered_nothing(home: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", SHORT, "algorithm=sft")
    found = ledger_of(tmp_path / "run")
    assert found.last("offered_bits") is found.last("eta") is None
    assert found.last("absorbed_bits") > 0.1
    assert found.last("kl_from_start_bits") > 0


def test_a_task_whose_answers_cannot_be_listed_tells_what_it_can(home: Path, tmp_path: Path) -> None:
    words = "kind=reverse_digits prompt=short warmup=none n_batches=2 group_size=2 max_tokens=20 eval_samples=2"
    train(tmp_path / "run", words)
    found = ledger_of(tmp_path / "run")
    assert (found.bound, found.no_received) == ("none", "answers cannot be listed")
    assert found["pass_bits"] == [0, None, 0]
    assert found.last("pass_bits_biased") == 1  # nothing was right, before or after
    assert found["gold_bits"][0] == 0
    assert found.last("gold_bits") is not None
    assert found["kl_from_start_bits"][0] == 0 <= found.last("kl_from_start_bits")
    assert 0 < found.last("offered_bits") <= 2  # every reward was -1, however long it may go on
    assert found.last("absorbed_bits") is None
