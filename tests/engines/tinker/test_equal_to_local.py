"""straw's client -> straw serve -> the engine of many tenants: the local run's weights, bit for bit.

The server is a process of its own, and the tokenizer comes from it, under the name of a model that nobody has here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.server.running import Server, program, running
from tests.small_runs import Listener, Parts, small_page

from straw.runs.reading import read_metrics
from straw.training.session import resume_run, run_page

pytest.importorskip("tinker")
pytestmark = pytest.mark.slow
STEPS = 20
ROOT = Path(__file__).parents[3]
WORDS = f"N=8 lora_rank=4 warmup=none n_batches={STEPS} entropy_coef=0 eval_every=10 save_every=10"
AS = "meta-llama/Llama-3.1-8B"


@pytest.fixture
def server(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Of a small model that has learned the format."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINKER_API_KEY", "tml-test")
    monkeypatch.setenv("TINKER_TELEMETRY", "0")
    parts = Parts("lora_rank=0")
    parts.engine.model.save_pretrained("base/tiny")
    parts.chat.tokenizer.save_pretrained("base/tiny")
    with running(tmp_path, "model=base/tiny", f"as={AS}") as found:
        yield found


class Stops(Listener):
    def update(self, step: int, row: dict[str, float]) -> bool:  # type: ignore[override]
        return step == 7


def weights(server: Server, run: Path, name: str = "adapter_model") -> dict[str, torch.Tensor]:
    """Of the last checkpoint; they lie with the server."""
    path = json.loads((run / "checkpoints" / f"step-{STEPS:06d}" / "tinker.json").read_text())["path"]
    folder = server.folder / "checkpoints" / path.removeprefix("tinker://")
    return load_file(folder / f"{name}.safetensors")


def numbers(run: Path) -> list[dict[str, float]]:
    """Without time, what was used, and the entropy, which the wire does not tell."""
    return [
        {name: one for name, one in row.items() if name not in ("time_s", "entropy") and "tinker" not in name}
        for row in read_metrics(run)
    ]


@pytest.mark.parametrize(
    "words",
    [
        "", "replay=0 batch_size=2 loss_fn=ppo updates_per_batch=2", "algorithm=sft",
        "env_type=multi_step kl_coef=0", "kl_coef=0.1",
    ],
)  # fmt: skip
def test_twenty_steps_have_the_bits_of_the_local_run(words: str, server: Server, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    run_page(small_page(WORDS, words, f"model_name=base/tiny dtype=float32 run_dir={here}"), Listener())
    run_page(
        small_page(WORDS, words, f"model_name={AS} engine=tinker base_url={server.url} run_dir={there}"), Listener()
    )
    local = load_file(here / "checkpoints" / f"step-{STEPS:06d}" / "adapter" / "adapter_model.safetensors")
    remote = weights(server, there)
    assert local.keys() == remote.keys()
    assert all(torch.equal(local[name], remote[name]) for name in local)
    assert (here / "rollouts.jsonl").read_text() == (there / "rollouts.jsonl").read_text()
    assert numbers(here) == [pytest.approx(row, rel=1e-5, abs=1e-6) for row in numbers(there)]


def test_the_page_s_first_program_learns_and_its_adapter_is_a_folder(server: Server) -> None:
    path = program(server, ROOT / "examples" / "tinker_first.py", AS)
    folder = server.folder / "checkpoints" / path.removeprefix("tinker://")
    assert {"adapter_config.json", "adapter_model.safetensors"} <= {one.name for one in folder.iterdir()}


def test_a_run_that_goes_on_and_a_server_that_was_killed_end_with_the_same_bits(server: Server, tmp_path: Path) -> None:
    page = f"model_name={AS} engine=tinker base_url={server.url}"
    run_page(small_page(WORDS, page, f"run_dir={tmp_path / 'whole'}"), Listener())
    run_page(small_page(WORDS, page, f"run_dir={tmp_path / 'halves'}"), Stops())
    server.kill()
    server.begin()
    assert resume_run(tmp_path / "halves", Listener()).is_done
    whole, halves = weights(server, tmp_path / "whole"), weights(server, tmp_path / "halves")
    assert all(torch.equal(whole[name], halves[name]) for name in whole)
    assert (tmp_path / "whole" / "rollouts.jsonl").read_text() == (tmp_path / "halves" / "rollouts.jsonl").read_text()


def test_so_do_all_weights(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """lora_rank=0 and straw serve --full, which trains for one client at a time."""
    monkeypatch.setenv("TINKER_API_KEY", "tml-test")
    monkeypatch.setenv("TINKER_TELEMETRY", "0")
    with running(tmp_path, "model=tiny-0.2M", "--full") as server:
        words = f"lora_rank=0 lr=0.001 model_name=tiny-0.2M engine=tinker base_url={server.url}"
        run_page(small_page(WORDS, words, f"run_dir={tmp_path / 'whole'}"), Listener())
        run_page(small_page(WORDS, words, f"run_dir={tmp_path / 'halves'}"), Stops())
        server.kill()
        server.begin()
        assert resume_run(tmp_path / "halves", Listener()).is_done
        whole, halves = (weights(server, tmp_path / name, "model") for name in ("whole", "halves"))
    assert whole.keys() == halves.keys() and all(torch.equal(whole[name], halves[name]) for name in whole)
    assert (tmp_path / "whole" / "rollouts.jsonl").read_text() == (tmp_path / "halves" / "rollouts.jsonl").read_text()
