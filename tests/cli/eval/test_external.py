"""The bridge to other harnesses, from the command line; with lm-eval itself where it is installed."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.made_data import gsm8k_folder
from tests.small_runs import train

from straw.cli import main
from straw.engines.local.models.cache import cached_model
from straw.engines.local.models.resolve import load_model
from straw.runs.evaluation import read_graded

DATA = Path(__file__).parents[3] / "../shared/data/gsm8k"


@pytest.fixture
def place(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    gsm8k_folder(tmp_path / "data", asked=3)
    return tmp_path


def test_the_harness_gets_our_very_prompts_and_weights_it_can_load(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "eval gsm8k path=data model=tiny-0.2M max_tokens=6 device=cpu --harness lm-eval out=bridge"
    assert main(words.split()) == 0
    shown = capsys.readouterr().out
    assert f"pretrained={place / 'bridge/model'}" in shown and "--compare bridge/lm-eval" in shown
    lines = [json.loads(line) for line in (place / "bridge/problems.jsonl").read_text().splitlines()]
    loaded = load_model(str(place / "bridge/model"))
    assert len(lines) == 3 and lines[0]["gold"].startswith("100")
    assert loaded.tokenizer.encode(lines[0]["prompt"], add_special_tokens=False)


def test_a_runs_weights_are_written_out_for_it(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(place / "run", "N=8 warmup=none n_batches=1 lora_rank=2")
    words = "eval gsm8k path=data model=run max_tokens=6 --harness lighteval out=bridge num_problems=2"
    assert main(words.split()) == 0
    assert (place / "bridge/model/model.safetensors").is_file()
    assert "lighteval accelerate" in capsys.readouterr().out


def test_their_result_stands_beside_ours(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "eval gsm8k path=data model=tiny-0.2M max_tokens=6 device=cpu grader=exact --quiet --compare theirs"
    (place / "theirs").mkdir()
    scores = {"straw_gsm8k": {"exact,none": 0.5, "exact_stderr,none": 0.2, "last_number,none": 0.25}}
    (place / "theirs/results_1.json").write_text(json.dumps({"results": scores}))
    assert main(words.split()) == 0
    shown = capsys.readouterr().out
    assert "50.0% +- 20.0" in shown and "last_number" in shown and "not asked" in shown


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("lm_eval"), reason="lm-eval is not installed (its own environment will do)")
@pytest.mark.skipif(not DATA.is_dir(), reason="the data of GSM8K is not here")
@pytest.mark.skipif(not cached_model("smollm2"), reason="smollm2 is not in straw's cache")
def test_lm_eval_hears_the_same_replies_and_gives_the_same_verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = f"eval gsm8k path={DATA.resolve()} model=smollm2 num_problems=3 max_tokens=60 dtype=float32 device=cpu"
    assert main([*words.split(), "--harness", "lm-eval", "out=bridge"]) == 0
    command = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("lm_eval"))
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(shlex.split(command), check=True, env=own | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"})
    assert main([*words.split(), "grader=exact,lenient", "out=ours", "--quiet", "--compare", "bridge/lm-eval"]) == 0
    assert capsys.readouterr().out.count("3 of 3 problems") == 2
    (log,) = (tmp_path / "bridge/lm-eval").rglob("samples_*.jsonl")
    theirs = {line["doc"]["key"]: line["resps"][0][0] for line in map(json.loads, log.read_text().splitlines())}
    assert {line["problem"]: line["reply"] for line in read_graded("ours")} == theirs
