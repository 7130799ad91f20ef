"""What is exported is read by transformers and PEFT, and says what the run's own weights say."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.small_runs import train
from transformers import AutoModelForCausalLM, AutoTokenizer

from straw.cli import main
from straw.engines.local.build import starting_again
from straw.engines.local.forward.hf_reader import plainly
from straw.engines.local.models.in_transformers import in_transformers
from straw.engines.local.models.resolve import load_model
from straw.errors import RunError
from straw.export import export_run
from straw.runs.checkpoints.config_match import page_of
from straw.runs.reading import read_checkpoints

WORDS = "algorithm=sft n_batches=20 save_every=10 learning_rate=1e-3"


def logits_of_run(folder: Path, step: int = 20) -> torch.Tensor:
    engine = starting_again(page_of(folder), folder)
    engine.load(folder / "checkpoints" / f"step-{step:06d}")
    with torch.no_grad(), plainly(in_transformers(engine.model)) as model:
        return model(torch.arange(5, 15).unsqueeze(0)).logits


def logits_of(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(torch.arange(5, 15).unsqueeze(0)).logits


@pytest.mark.parametrize("words", ["", "lora_rank=2 learning_rate=1e-2"])
def test_transformers_reads_what_was_trained(home: Path, tmp_path: Path, words: str) -> None:
    run = train(tmp_path / "run", WORDS, words).folder
    assert export_run(run, tmp_path / "model", print) == 20
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    torch.testing.assert_close(logits_of(model), logits_of_run(run), rtol=1e-4, atol=1e-4)
    assert AutoTokenizer.from_pretrained(tmp_path / "model").encode("37") == load_model("tiny-0.2M").tokenizer.encode(
        "37"
    )


def test_straw_reads_it_too_and_trains_it_further(home: Path, tmp_path: Path) -> None:
    run = train(tmp_path / "run", WORDS)
    export_run(run.folder, tmp_path / "model", print)
    more = train(
        tmp_path / "more", f"model_name={tmp_path / 'model'} warmup=none algorithm=sft n_batches=1 learning_rate=1e-9"
    )
    assert more.known["bits_known"] == pytest.approx(run.known["bits_known"], abs=1e-3)


def test_peft_reads_the_adapter(home: Path, tmp_path: Path) -> None:
    from peft import AutoPeftModelForCausalLM

    run = train(tmp_path / "run", WORDS, "lora_rank=2 learning_rate=1e-2").folder
    export_run(run, tmp_path / "adapter", print, form="adapter")
    card = (tmp_path / "adapter" / "README.md").read_text()
    assert "library_name: peft" in card and "LoRA of rank 2" in card and "- `base/model.safetensors`: `" in card
    model = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "adapter")
    torch.testing.assert_close(logits_of(model), logits_of_run(run), rtol=1e-4, atol=1e-4)


def test_an_earlier_checkpoint_and_another_precision(home: Path, tmp_path: Path) -> None:
    run = train(tmp_path / "run", WORDS).folder
    assert export_run(run, tmp_path / "early", print, at="10", dtype="bfloat16") == 10
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "early")
    assert model.dtype == torch.bfloat16
    torch.testing.assert_close(logits_of(model).float(), logits_of_run(run, 10), rtol=0.1, atol=0.1)
    assert export_run(run, tmp_path / "best", print, at="best:bits_known") == 20


def test_bad_wishes_leave_no_folder(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train(tmp_path / "run", WORDS).folder
    with pytest.raises(RunError, match="has no adapter: leave --adapter out"):
        export_run(run, tmp_path / "model", print, form="adapter")
    with pytest.raises(RunError, match="no checkpoint of step 15; it has those of step 10, 20"):
        export_run(run, tmp_path / "model", print, at="15")
    (run / read_checkpoints(run)[0]["folder"] / "weights.safetensors").write_bytes(b"")
    with pytest.raises(RunError, match="no checkpoint of step 10; it has those of step 20"):
        export_run(run, tmp_path / "model", print, at="10")
    assert main(["export", str(run), "--dtype", "float8"]) == 2
    assert "one of float32, bfloat16, float16; got 'float8'" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_the_command(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train(tmp_path / "run", WORDS).folder
    assert main(["export", str(run)]) == 0
    assert capsys.readouterr().out == f"the weights of step 20 are in {tmp_path / 'run-model'}\n"
    card = (tmp_path / "run-model" / "README.md").read_text()
    assert "library_name: transformers" in card and "after step: `20`" in card and "- `model.safetensors`: `" in card
    assert main(["export", str(run)]) == 2
    assert "overwrites nothing" in capsys.readouterr().err
