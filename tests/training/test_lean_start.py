"""Nothing that takes longer to import than a short run takes is imported on the way to its first step."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.small_runs import small_words, train

DEAR = ("transformers", "torch._dynamo", "sympy", "scipy", "huggingface_hub", "peft", "jinja2", "matplotlib", "pandas")
PROGRAM = f"""
import sys
from straw.cli.main import main
from straw.library.live.watcher import LiveWatcher
def look(self, step, row):
    print("imported at step", step, [name for name in {DEAR} if name in sys.modules])
    return False
LiveWatcher.update = look
status = main(sys.argv[1:])
print("imported", [name for name in {DEAR} if name in sys.modules] if "--dry-run" in sys.argv else "", "status", status)
"""


def said(*words: str) -> str:
    done = subprocess.run([sys.executable, "-c", PROGRAM, "train", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("more", ["", "algorithm=surrogate", "env_type=multi_step"])
def test_a_run_of_an_embedded_model_needs_no_transformers(home: Path, tmp_path: Path, more: str) -> None:
    train(tmp_path / "before", f"n_batches=1 {more}")  # whose warm-up is in the cache then
    words = ["secret", *small_words("n_batches=1", *more.split()), f"run_dir={tmp_path / 'run'}", "--quiet"]
    told = said(*words)
    assert "imported at step 0 []" in told and "imported at step 1 []" in told
    assert (tmp_path / "run" / "done.json").is_file()


def test_nor_does_a_look_at_what_it_would_do(home: Path, tmp_path: Path) -> None:
    assert "imported [] status 0" in said("secret", *small_words("n_batches=1"), "--dry-run")
