"""Bad input gets one line with the rule, the value and the way out, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.small_runs import small_words, train

from straw.cli import main
from straw.runs import store
from straw.runs.files import atomic_write as whole
from straw.runs.files import jsonl as lines

BAD = {
    "N=0": r"N is .* >= 1; got N=0\. Write for example N=64",
    "N=sixteen": r"N is a whole number; got 'sixteen'\. Write for example N=64",
    "N=": "N is a whole number; got ''",
    "N=1e6": "whole number; got '1e6'",
    "--N": "--N needs a whole number behind it",
    "fixed_secret=8": r"fixed_secret is one of .* 0 to 7; got fixed_secret=8",
    "fixed_secret=-1": "got fixed_secret=-1",
    "reward_bins=1": "reward_bins .* >= 2; got reward_bins=1.*write reward_bins=8",
    "reward_bin=1": "there is no option 'reward_bin'; did you mean 'reward_bins'",
    "group_size=1 batch_size=1": r"group_size=1 with batch_size=1.*no advantage\. Write group_size=4",
    "group_size=0": "group_size .* >= 1; got group_size=0",
    "reward_tpye=binary": "did you mean 'reward_type'",
    "--learning-rat 1": "did you mean 'learning_rate'",
    "colour=red": "there is no option 'colour'.*`straw train --help` names every one",
    "reward_type=binry": "'binry'.*did you mean 'binary'",
    "reward_type=dense": "dense pays a rollout part by part.*Write env_type=multi_step",
    "env_type=multistep": "Did you mean 'multi_step'",
    "algorithm=grop": "did you mean 'grpo'",
    "algorithm=sft loss_fn=ppo": "got algorithm=sft with loss_fn=ppo",
    "length=2 env_type=multi_step": "length=2 with env_type=multi_step",
    "model_name=no-such-model": "there is no model 'no-such-model'",
    "model_name=tiny-2M": r"there is no model 'tiny-2M' \(did you mean 'tiny-.*'\?\)",
    "model_name=here/is/nothing": "there is no folder 'here/is/nothing'",
    "top_p=0.9": "training needs the whole distribution, got top_p=0.9",
    "temperature=0": "temperature .* > 0; got temperature=0.0.*write temperature=1",
    "learning_rate=nan": "learning_rate is a finite number",
    "learning_rate=-1": "learning_rate .* > 0",
    "max_tokens=1": r"max_tokens has to hold every answer .* 2 tokens for '7'; got max_tokens=1\. Write max_tokens=2",
    "stop=END": "'END' is 3",
    "from_checkpoint=nowhere": "from_checkpoint names a folder with weights.safetensors, and nowhere has none",
    "device=gpu": r"got device=gpu\. Write device=auto",
    "lora_rank=2 lora_targets=q_prj": "did you mean 'q_proj'",
    "threads=0": "threads .* >= 1",
    "warmup_steps=1 warmup_mass=1": "a warm-up has to reach valid mass 1.0",
    "secret": "an option is key=value.*got 'secret'",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    """An empty folder that we stand in; runs would go to runs/ below it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def refused(words: list[str], capsys: pytest.CaptureFixture[str], *, quiet: bool = False) -> str:
    """The line on stderr; the folder that we stand in is as it was."""
    before = contents(Path())
    assert main([*words, *["--quiet"] * quiet]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith("straw: "), said
    assert contents(Path()) == before
    return said[0]


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def secret(*words: str) -> list[str]:
    return ["train", "secret", *small_words(*" ".join(words).split())]


@pytest.mark.parametrize("words", BAD)
def test_a_bad_option_is_one_line_and_leaves_nothing(
    words: Any, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    line = refused(secret(words), capsys, quiet="warmup" in words)
    assert re.search(BAD[words], line), line


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_device_that_is_not_there(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    assert "cannot be used here" in refused(secret("device=cuda"), capsys)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["trian"], "straw has no command 'trian': did you mean 'train'"),
        (["train", "secrt"], "there is no task 'secrt': did you mean 'secret'"),
        (["models", "remove", "smollm2"], "straw models takes `list` or `add NAME`; got 'remove smollm2'"),
        (["models", "add", "smolm2"], "did you mean 'smollm2'"),
        (["demo", "reward_type=binary"], "the demo sets reward_type itself"),
        (["demo", "--out"], "--out needs a value"),
        (["demo", "N=0"], "N is "),
        (["train", "nowhere.toml"], "nowhere.toml: this page cannot be read (No such file or directory)"),
    ],
)
def test_a_bad_command_is_one_line_and_leaves_nothing(
    words: Any, expected: str, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    assert expected in refused(words, capsys)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("[task]\nM = 64\n", "there is no option 'task.M'"),
        ("[tsak]\nN = 64\n", "there is no section 'tsak'; did you mean 'task'"),
        ("N = 64 and more\n", "this page is not TOML"),
        ("N = 64\n[task]\nN = 8\n", "N is written twice"),
        ("N = true\n", "N is a whole number; got True"),
        ("N = \xff", "this page is not TOML"),
    ],
)
def test_a_page_with_a_mistake_is_named(
    page: str, expected: str, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    (place / "page.toml").write_bytes(page.encode("latin-1"))
    line = refused(["train", "page.toml"], capsys)
    assert line.startswith("straw: page.toml: ")
    assert expected in line


# --- models and checkpoints


def test_a_folder_that_is_no_model(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    (place / "empty").mkdir()
    line = refused(["train", "secret", "model_name=empty"], capsys)
    assert "a model folder holds config.json, safetensors and a tokenizer; empty has no config.json" in line


def checkpoint(place: Path, *words: str) -> Path:
    train(place / "first", "n_batches=1", *words)
    return place / "first" / "checkpoints" / "step-000001"


def test_a_checkpoint_that_was_cut_short(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    folder = checkpoint(place)
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    assert "weights.safetensors is damaged" in refused(secret(f"from_checkpoint={folder}"), capsys)


def test_a_checkpoint_of_bytes_that_mean_nothing(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    (place / "broken").mkdir()
    (place / "broken" / "weights.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{not")
    assert "weights.safetensors is damaged" in refused(secret("from_checkpoint=broken"), capsys)


@pytest.mark.parametrize("words", ["model_name=tiny-1M", "lora_rank=2"])
def test_a_checkpoint_of_another_model(words: str, capsys: pytest.CaptureFixture[str], place: Path) -> None:
    folder = checkpoint(place, "" if words != "lora_rank=2" else words)
    reader = secret(f"from_checkpoint={folder}", words if words != "lora_rank=2" else "lora_rank=3")
    assert "another model" in refused(reader, capsys, quiet=True)


# --- places that cannot be written


def test_a_run_folder_in_use_is_not_overwritten(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    (place / "used").mkdir()
    (place / "used" / "thesis.txt").write_text("all of it")
    line = refused(secret("run_dir=used"), capsys)
    assert "a run overwrites nothing, and used holds thesis.txt: choose another run_dir" in line
    assert "thesis.txt" in refused(["demo", "out=used"], capsys)


def test_a_file_where_the_folder_should_be(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    (place / "file").touch()
    assert "file is a file" in refused(secret("run_dir=file"), capsys)
    assert "nothing can be made in file" in refused(secret("run_dir=file/run"), capsys).replace(str(place) + "/", "")


def test_a_place_that_may_not_be_written(
    capsys: pytest.CaptureFixture[str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "access", lambda path, mode: False)
    assert "a run needs a folder it may write to" in refused(secret("n_batches=1"), capsys)


def raises(number: int) -> Any:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.EACCES, "permission denied"), (errno.EROFS, "read-only file system"), (errno.ENOSPC, "is full: free some")],
)
def test_a_place_that_turns_out_not_to_take_a_run(
    number: Any, expected: str, capsys: pytest.CaptureFixture[str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole.Path, "write_text", raises(number))
    assert expected in refused(secret("n_batches=1"), capsys, quiet=True)


def test_a_disk_that_is_full_when_the_run_begins(
    capsys: pytest.CaptureFixture[str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines.os, "write", raises(errno.ENOSPC))
    assert "is full: free some" in refused(secret("n_batches=1"), capsys, quiet=True)


def test_a_disk_without_room_for_the_checkpoints(
    capsys: pytest.CaptureFixture[str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3_000_000))
    line = refused(secret("n_batches=4 save_every=2"), capsys, quiet=True)
    assert re.search(r"room for its checkpoints, 7\.\d MB, and the disk of .* has 3\.0 MB left: free some", line), line
    assert main([*secret("n_batches=4 run_dir=fits"), "--quiet"]) == 0  # one checkpoint of 2.2 MB
