from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.made_data import gsm8k_folder
from tests.small_runs import small_page, small_plan, train

from straw.cli import main
from straw.config import load_page
from straw.engines.local.models.tiny import make_embedded
from straw.training.resolve.dry_run import forecast, print_forecast
from straw.training.resolve.page_to_plan import plan_of


def test_the_tokens_of_a_run_by_hand() -> None:
    size = forecast(small_plan("N=64 group_size=4 batch_size=2"))
    question = "Name the secret in [0, 64). Number only."
    assert size.prompt_tokens == len(question) + 3  # user, end, assistant
    assert size.reply_tokens == 3  # "63" and the end token
    assert size.tokens_per_step == len(question) + 3 + 8 * 3


def test_a_conversation_reads_what_the_other_side_says() -> None:
    size = forecast(small_plan("N=4 env_type=multi_step"))
    assert size.reply_tokens == 2 * 2 + len("Bit 2?") + 3


def test_full_training_moves_every_parameter_and_adapters_few() -> None:
    model, _ = make_embedded("tiny-0.2M", 0)
    whole, adapted = forecast(small_plan()), forecast(small_plan("lora_rank=2"))
    assert whole.trained == whole.parameters == model.num_parameters()
    assert adapted.trained == adapted.parameters - whole.parameters


def test_memory_is_counted_in_copies_of_what_trains() -> None:
    """Weights, gradient, two moments and the start: 5 x 4 bytes a parameter at least; adapters save four of them."""
    whole, adapted = (forecast(small_plan(f"fast_llama=false lora_rank={rank}")) for rank in (0, 2))
    assert whole.memory_bytes > 20 * whole.parameters
    assert adapted.memory_bytes < whole.memory_bytes
    checkpointed = forecast(small_plan("fast_llama=false gradient_checkpointing=true"))
    assert checkpointed.memory_bytes < whole.memory_bytes


def test_a_process_that_needs_no_transformers_is_smaller_without_them() -> None:
    """What peft adapts, and what transformers' modules read, brings them; so does the encoder of a memory."""
    bare = forecast(small_plan()).memory_bytes
    for words in ("fast_llama=false", "lora_rank=2", "use_ir=knn"):
        assert forecast(small_plan(words)).memory_bytes > bare + 150 * 2**20


@pytest.mark.parametrize("words", ["", "env_type=multi_step lora_rank=2", "algorithm=sft fixed_secret=3 stop=#"])
def test_what_is_printed_is_a_page_that_loads_as_the_same_plan(
    words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    print_forecast(small_page(words))
    shown = capsys.readouterr().out
    assert os.listdir(tmp_path) == []
    (tmp_path / "page.toml").write_text(shown)
    assert plan_of(load_page(tmp_path / "page.toml")).page == small_plan(words).page
    for word in ("# plan ", "episodes", "# tokens ", "# model ", "# memory "):
        assert word in shown


# --- what a run would refuse


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Any:
    """Where we stand: a run below runs/, a model's folder that is none, and room for nothing else."""
    monkeypatch.chdir(tmp_path)
    train(tmp_path / "runs/first", "n_batches=2 save_every=2 model_name=tiny-0.2M")
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("model_name=no-such-model", "there is no model 'no-such-model'"),
        ("model_name=empty", "empty has no config.json"),
        ("model_name=runs/first", "straw export runs/first makes one of it"),
        ("model_name=tinker://a/sampler_weights/b", "lies with the Tinker service"),
        ("from_checkpoint=tinker://a/weights/b", "lies with the Tinker service"),
        ("from_checkpoint=nowhere", "nowhere has none: give for example runs/first/checkpoints/step-000100"),
        ("from_checkpoint=runs", "runs has none: give for example runs/first"),
        ("from_checkpoint=runs/first", "give for example runs/first/checkpoints/step-000002"),
        ("from_checkpoint=runs/first/checkpoints/step-000002 model_name=tiny-1M", "tensors of another model"),
        ("run_dir=runs/first", "a run overwrites nothing"),
        ("max_tokens=100000", "tokens, prompt and replies together; 1000"),
        ("kind=sum_digits max_tokens=100000", "tokens, prompt and replies together; 1000"),
    ],
)
def test_a_dry_run_refuses_in_one_line_what_a_run_would(
    place: Any, capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    model = [] if "model_name" in words else ["model_name=tiny-0.2M"]
    task = [] if "kind" in words else ["secret"]
    assert main(["train", *task, *words.split(), *model, "--dry-run"]) == 2
    shown = capsys.readouterr()
    (line,) = shown.err.splitlines()
    assert said in line and shown.out == ""


@pytest.mark.parametrize(
    ("words", "said"), [("from_checkpoint=nowhere", "nowhere has none"), ("track=wandb", "needs the package wandb")]
)
def test_a_model_whose_size_is_told_from_a_table_is_no_way_past_the_rest(
    place: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: str, said: str
) -> None:
    monkeypatch.setattr("straw.training.resolve.dry_run.cached", lambda *_: None)
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert main(["train", "secret", "model_name=Qwen/Qwen2.5-0.5B-Instruct", words, "--dry-run"]) == 2
    shown = capsys.readouterr()
    assert said in shown.err and shown.out == ""


def test_data_that_cannot_be_graded_and_prompts_that_are_too_long_are_found_dry(
    place: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = gsm8k_folder(place / "made")
    words = ["train", "gsm8k", f"path={folder}", "model_name=tiny-0.2M", "max_tokens=8", "--dry-run"]
    assert main(words) == 0
    assert main([*words, "max_prompt_tokens=9"]) == 2
    assert "a prompt has at most 9 tokens" in capsys.readouterr().err
    assert main([*words, "max_prompt_tokens=153", "long_prompts=skip"]) == 0
    assert "\n# data      skipped, longer than 153 tokens" in capsys.readouterr().out


def test_a_dry_run_of_what_can_go_on_or_fits_is_fine(place: Any, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "secret", "model_name=tiny-0.2M", "--dry-run"]
    assert main([*words, "run_dir=runs/first", "--resume"]) == 0
    assert main([*words, "from_checkpoint=runs/first/checkpoints/step-000002"]) == 0
    assert main([*words, "from_checkpoint=runs/first/checkpoints/step-000002", "lora_rank=2"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("hosts=a:26100", "a worker listens at tls://HOST:PORT; got 'a:26100'"),
        ("hosts=here,here", "hosts names a worker once, got here twice"),
        ("hosts=tls://a:1,tls://b:1 num_generators=1", "every host has a generator, got 2 hosts and num_generators=1"),
        ("hosts=tls://a:1 trainer_host=tls://b:1", "the trainer is on one of the hosts, or here; got trainer_host="),
        ("hosts=tls://a:1", "tls://a:1 wants certificates: straw certs a out=certs"),
        ("hosts=tls://a:1 certs=nowhere", "certs=nowhere has no ca.crt"),
    ],
)
@pytest.mark.parametrize("dry", [True, False])
def test_hosts_that_cannot_be_had_are_refused_before_there_is_a_model(
    words: str,
    line: str,
    dry: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("STRAW_HOSTS", "STRAW_CERTS"):
        monkeypatch.delenv(name, raising=False)
    flags = ["--dry-run"] if dry else ["--quiet"]
    assert main(["train", "secret", *words.split(), "shared_machine=false", *flags]) == 2
    found = capsys.readouterr()
    assert line in found.err and "warm-up" not in found.out and not list(tmp_path.iterdir())
