"""Whole runs and evaluations of programs, on the smallest model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.sandbox.needs import needs_sandbox
from tests.small_runs import train
from tests.tasks.code.test_forms import contest

from straw.cli import main
from straw.runs.reading import CONFIG
from straw.sandbox import bubblewrap
from straw.tasks.code.task import SHIPPED

FEW = "warmup=none eval_samples=2 group_size=2 batch_size=1 n_batches=1 save_every=0 max_tokens=8"


@pytest.mark.slow
@needs_sandbox
def test_a_run_is_paid_by_tests_and_keeps_what_passed(tmp_path: Path, home: Path) -> None:
    lines = SHIPPED.read_text().splitlines(keepends=True)
    for name, some in (("data.jsonl", lines[:2]), ("asked.jsonl", lines[2:4])):
        (tmp_path / name).write_text("".join(some))
    data = f"path={tmp_path}/data.jsonl eval_path={tmp_path}/asked.jsonl"
    train(tmp_path / "run", f"kind=code {data} prompt=short test_seconds=1 reward_bins=5", FEW)
    rollouts = [json.loads(line) for line in (tmp_path / "run" / "rollouts.jsonl").read_text().splitlines()]
    assert len(rollouts) == 2
    for one in rollouts:
        assert one["grade"]["form"]["tests"] == one["reward"] == 0.0 and "tests" not in one["facts"]
    assert 'reward_type = "tests_passed"' in (tmp_path / "run" / CONFIG).read_text()


@needs_sandbox
def test_livecodebench_is_evaluated_with_pass_at_k(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [contest(day, question_content=day) for day in ("2024-01-01", "2024-06-01", "2025-01-01")]
    Path("test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = "livecodebench path=test.jsonl model=tiny-0.2M num_samples=4 max_tokens=4 from_date=2024-05-01 --quiet"
    assert main(["eval", *words.split(), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["num_problems"] == 2 and found["scores"]["own"].keys() == {"accuracy", "pass@2", "pass@4"}
    assert main(["eval", *words.split(), "from_date=2026-01-01"]) == 2
    assert main(["eval", *words.replace("2024-05-01", "2026-01-01").split()]) == 2
    assert "no contest in test.jsonl is in these dates" in capsys.readouterr().err


def test_without_a_sandbox_nothing_begins(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from straw.sandbox import process

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: None)
    for cached in (bubblewrap.program, process.check):
        cached.cache_clear()
    try:
        for words in ("train code model=tiny-0.2M", "train one_line", "eval code model=tiny-0.2M"):
            assert main(words.split()) == 2
            (line,) = capsys.readouterr().err.splitlines()
            assert "needs bubblewrap" in line and "apt install bubblewrap" in line
    finally:
        for cached in (bubblewrap.program, process.check):
            cached.cache_clear()
    assert not (tmp_path / "runs").exists()
