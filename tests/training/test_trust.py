"""Code that comes with a model runs when a person says so for this command, and never because a file says it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.engines.local.small_models import save_small
from tests.small_runs import WORDS

from straw.cli import main
from straw.config import dump, load_page
from straw.errors import ConfigError
from straw.report.golden.golden import read_golden
from straw.runs.checkpoints.config_match import page_of
from straw.runs.reading import read_config

SMALL = [word for word in WORDS if not word.startswith("model_name")]
CODE = """
from pathlib import Path
Path("/{0}").touch()
from transformers import LlamaConfig, LlamaForCausalLM
class Config(LlamaConfig):
    model_type = "own"
class Model(LlamaForCausalLM):
    config_class = Config
    def __init__(self, config):
        Path("/{0}").touch()
        super().__init__(config)
"""


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """A file that is there once the code has run."""
    return tmp_path / "the-code-has-run"


@pytest.fixture
def model(tmp_path: Path, ran: Path) -> Path:
    """A model as a stranger would hand it over: sound weights, and a program beside them."""
    folder = save_small("llama", tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text(CODE.format(str(ran).lstrip("/")))
    return folder


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))


def words(model: Path) -> list[str]:
    return [f"model_name={model}", *SMALL, "warmup=none", "n_batches=2", "save_every=1", "lora_rank=2"]


def line(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    """What a refusal says."""
    assert main(list(command)) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("straw: ") and not any("Traceback" in one for one in said)
    return said[-1]


def page(model: Path, tmp_path: Path, name: str = "page.toml", **more: str) -> Path:
    options = dict(word.split("=", 1) for word in words(model)) | {"trust_remote_code": "true"} | more
    (tmp_path / name).write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in options.items()))
    return tmp_path / name


def test_neither_a_page_nor_a_sweep_nor_a_golden_file_can_say_it(
    model: Path, ran: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = page(model, tmp_path)
    assert "look at that code first, then write trust_remote_code=true behind" in line(capsys, "train", str(stranger))
    assert "behind the command" in line(capsys, "train", str(stranger), "--dry-run")
    assert "behind the command" in line(capsys, "eval", str(stranger))
    (tmp_path / "sweep.toml").write_text("[base]\n" + stranger.read_text())
    assert "is said by whoever runs a sweep" in line(capsys, "sweep", "sweep.toml", "--sequential")
    (tmp_path / "grid.toml").write_text("[grid]\ntrust_remote_code = [true]\n")
    assert "is said by whoever runs a sweep" in line(capsys, "sweep", "grid.toml", "--dry-run")
    assert "behind the command" in line(capsys, "check", str(stranger), "--make", "--runs", "2")
    assert not ran.exists()


@pytest.mark.parametrize("spelling", ["trust_remote_code", "trust-remote-code", "model.trust_remote_code"])
def test_the_options_of_a_golden_file_say_nothing_about_it(spelling: str, tmp_path: Path) -> None:
    golden = Path(__file__).parents[2] / "recipes" / "golden" / "secret_binary.json"
    facts = json.loads(golden.read_text())
    facts["options"] = {spelling: "true", "N": "64"}
    (tmp_path / "golden.json").write_text(json.dumps(facts))
    assert read_golden(tmp_path / "golden.json").options == {"N": "64"}


def test_said_for_one_command_it_holds_for_that_one_and_is_recorded(
    model: Path, ran: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    told = ["train", "secret", *words(model), f"run_dir={run}", "--quiet"]
    assert "write trust_remote_code=true behind the command" in line(capsys, *told)
    assert not ran.exists()
    assert main([*told, "trust_remote_code=true"]) == 0 and ran.exists()
    assert read_config(run)["model"]["trust_remote_code"] is True
    assert page_of(run).model.trust_remote_code is False
    ran.unlink()

    (run / "done.json").unlink()
    shutil.rmtree(run / "checkpoints" / "step-000002")
    again = "trust_remote_code=true"
    for command in (["resume", str(run)], ["export", str(run)], ["eval", str(run), "num_problems=1"]):
        assert f"write {again} behind the command" in line(capsys, *command)
    assert "behind the command" in line(capsys, "resume", str(run), "--branch", "seed=3")
    assert "behind the command" in line(capsys, "eval", "sum_digits", f"model={run}", "num_problems=1", "max_tokens=4")
    assert "behind the command" in line(capsys, "train", str(run / "config.toml"), f"run_dir={tmp_path / 'other'}")
    assert line(capsys, *told, "--resume")
    assert not ran.exists() and not (tmp_path / "other").exists()

    assert main(["resume", str(run), "--trust-remote-code", "--quiet"]) == 0 and ran.exists()
    ran.unlink()
    assert main(["export", str(run), again]) == 0 and ran.exists()
    ran.unlink()
    asked = ["eval", "sum_digits", f"model={run}", "num_problems=1", "max_tokens=4", "--quiet", "out=eval"]
    assert main([*asked, again]) == 0 and ran.exists()
    ran.unlink()
    assert (
        main(["resume", str(run), "--branch", again, "n_batches=3", "run_dir=branch", "--quiet"]) == 0 and ran.exists()
    )
    assert read_config("branch")["model"]["trust_remote_code"] is True


def test_a_page_that_says_no_may_be_overruled_and_a_record_is_no_difference(tmp_path: Path) -> None:
    said = dump(load_page(None, {"trust_remote_code": "true"}).page)
    (tmp_path / "said.toml").write_text(said)
    with pytest.raises(ConfigError, match=r"said\.toml: code that comes with a model"):
        load_page(tmp_path / "said.toml")
    assert load_page(tmp_path / "said.toml", {"trust_remote_code": "true"}).page.model.trust_remote_code
    assert not load_page(tmp_path / "said.toml", {"trust_remote_code": "false"}).page.model.trust_remote_code
    (tmp_path / "no.toml").write_text("trust_remote_code = false\n")
    assert load_page(tmp_path / "no.toml", {"trust_remote_code": "true"}).page.model.trust_remote_code
