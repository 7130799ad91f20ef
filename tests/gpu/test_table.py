"""`make gpu` where there is no card, and what it says of two runs: the parts of it that no card is needed for."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def gpu() -> Any:
    spec = spec_from_file_location("gpu_benchmark", ROOT / "benchmarks/gpu.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_without_a_card_it_says_so_in_a_line_and_fails(
    gpu: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    assert gpu.main() == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "machine with a CUDA card" in said.err
    assert gpu.lack_of_a_card("cpu") is None


def test_runs_are_compared_by_their_replies(gpu: Any, tmp_path: Path) -> None:
    for name, rollouts in (("one", "a\nb\n"), ("same", "a\nb\n"), ("other", "a\nc\n"), ("short", "a\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rollouts.jsonl").write_text(rollouts)
        (tmp_path / name / "config.toml").touch()
        (tmp_path / name / "metrics.jsonl").write_text('{"step": 1, "bits_known": 2.5}\n')
    found = {name: gpu.likeness(tmp_path / "one", tmp_path / name)[0] for name in ("same", "other", "short")}
    assert found == {
        "same": "equal, bit for bit", "other": "differ from rollout 1 on", "short": "differ from rollout 1 on"
    }  # fmt: skip


def test_a_part_that_falls_over_is_a_row_of_the_table_and_a_failure(
    gpu: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(options: Any, folder: Path, *words: str) -> None:
        raise RuntimeError("no kernel image | is available")

    monkeypatch.setattr(gpu, "trained", broken)
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--device", "cpu", "--only", "resumed"])
    assert gpu.main() == 1
    assert "| resumed | FAILED | no kernel image / is available |" in capsys.readouterr().out


def test_make_knows_it() -> None:
    assert "gpu: .venv/.ready-dev\n\t$(BIN)/python benchmarks/gpu.py\n" in (ROOT / "Makefile").read_text()
