from __future__ import annotations

from pathlib import Path

import pytest

from straw.cli import main
from straw.cli.demo import real


def test_a_real_model_is_asked_before_and_after_also_what_it_never_saw(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With an embedded model in its place, which learns nothing in a step."""
    monkeypatch.setattr(real, "PROBLEMS", 4)
    small = ["model_name=tiny-0.2M", "warmup=none", "n_batches=1", "eval_samples=2", "eval_every=1", "max_tokens=24"]
    assert main(["demo", "--real", f"out={tmp_path / 'run'}", "wording=largest", *small]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in real.ASKED)
    assert len(list((tmp_path / "run" / "asked").glob("*/*/result.json"))) == 2 * len(real.ASKED)
