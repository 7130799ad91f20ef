"""Bad input gets one line with the rule, the value and the way out, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from straw.cli import main

BAD = {
    "N=0": "N=1|N >= 1|>= 1",
    "N=sixteen": "whole number.*sixteen",
    "reward_bins=1": "reward_bins",
    "group_size=1 batch_size=1": "no advantage",
    "fixed_secret=64": "fixed_secret.*0 to 63",
    "reward_tpye=binary": "reward_type",
    "reward_type=binry": "binary",
    "model_name=no-such-model": "no-such-model",
    "top_p=0.9": "top_p",
    "algorithm=grop": "grpo",
    "from_checkpoint=nowhere": "nowhere",
    "device=cuda:7": "cuda:7",
    "reward_type=dense": "multi_step",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "home"))
    return tmp_path


def refused(words: list[str], capsys: pytest.CaptureFixture[str], place: Path) -> str:
    before = sorted(place.rglob("*"))
    assert main(words) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("straw: "), lines
    assert sorted(place.rglob("*")) == before
    return lines[0]


@pytest.mark.parametrize("words", BAD)
def test_a_bad_option_is_one_line_and_leaves_nothing(words: str, capsys, place: Path):
    import re

    line = refused(["train", "secret", "model_name=tiny-0.2M", *words.split()], capsys, place)
    assert re.search(BAD[words], line), line


def test_an_unknown_command_and_task_name_their_neighbour(capsys, place: Path):
    assert "'train'" in refused(["trian"], capsys, place)
    assert "'secret'" in refused(["train", "secrt"], capsys, place)


def test_a_folder_that_is_no_model(capsys, place: Path):
    (place / "empty").mkdir()
    assert "empty" in refused(["train", "secret", f"model_name={place / 'empty'}"], capsys, place)


def test_a_broken_checkpoint(capsys, place: Path):
    (place / "broken").mkdir()
    (place / "broken" / "weights.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{not")
    line = refused(["train", "secret", "model_name=tiny-0.2M", f"from_checkpoint={place / 'broken'}"], capsys, place)
    assert "weights.safetensors" in line


def test_a_run_folder_in_use_is_not_overwritten(capsys, place: Path):
    (place / "used").mkdir()
    (place / "used" / "thesis.txt").write_text("all of it")
    assert "thesis.txt" in refused(["train", "secret", f"run_dir={place / 'used'}"], capsys, place)


def test_a_page_with_a_mistake_is_named(capsys, place: Path):
    (place / "page.toml").write_text("[task]\nM = 64\n")
    assert "page.toml" in refused(["train", "page.toml"], capsys, place)


def test_help_names_every_option(capsys):
    from straw.config import describe_options

    assert main(["train", "--help"]) == 0
    shown = capsys.readouterr().out
    assert [option.name for option in describe_options() if f"  {option.name}=" not in shown] == []


def test_a_dry_run_prints_a_page_that_loads_and_creates_nothing(capsys, place: Path):
    from straw.config import load_page

    words = ["secret", "model_name=tiny-0.2M", "--N", "16", "--reward-type=log_distance", "--dry-run"]
    assert main(["train", *words]) == 0
    shown = capsys.readouterr().out
    page, _, plan = shown.partition("plan ")
    (place / "page.toml").write_text(page)
    assert load_page(place / "page.toml").page.task.N == 16
    assert "episodes" in plan and "GiB" in plan
    assert not (place / "runs").exists() and not (place / "home").exists()
