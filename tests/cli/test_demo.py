from __future__ import annotations

from pathlib import Path

import pytest
from tests.small_runs import WORDS, small_plan

from straw.cli import main
from straw.cli.demo_runs import MULTI, SINGLE, reached, slug
from straw.cli.watch import label_of, subtitle_of
from straw.report.curve import Curve
from straw.runs.reading import read_metrics


def test_the_first_count_of_episodes_with_so_many_bits():
    curve = Curve("binary", episodes=(0, 1000, 2000), bits_known=(0.0, 5.5, 5.9))
    assert reached(curve, 5.4) == "1,000"
    assert reached(curve, 6) == "not reached"


def test_every_run_of_the_demo_has_a_folder_of_its_own():
    names = [slug(label) for label in SINGLE | MULTI]
    assert names == ["binary", "8-bins", "log-distance", "sft", "dense"]


@pytest.mark.parametrize("label", SINGLE | MULTI)
def test_a_curve_is_called_the_same_by_the_demo_and_by_a_run(label):
    words = [f"{name}={value}" for name, value in (SINGLE | MULTI)[label].items()]
    assert label_of(small_plan(*words)) == label


def test_the_subtitle_says_what_was_trained():
    assert subtitle_of(small_plan()) == "N = 8, tiny-0.2M, all weights, groups of 4"
    assert "LoRA rank 2" in subtitle_of(small_plan("lora_rank=2"))
    assert label_of(small_plan("env_type=multi_step credit=sum")) == "dense, summed"
    assert label_of(small_plan("reward_type=higher_lower")) == "higher lower"


@pytest.mark.slow
def test_the_demo_measures_five_ways_and_draws_them(home, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--out", "there", *WORDS, "n_batches=4"]) == 0
    folders = [folder.name for folder in (tmp_path / "there").iterdir() if folder.is_dir()]
    assert sorted(folders) == ["8-bins", "binary", "dense", "log-distance", "sft"]
    assert all(len(read_metrics(tmp_path / "there" / folder)) == 5 for folder in folders)
    assert (tmp_path / "there" / "curves.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "episodes to 90%" in printed and "run folder: there" in printed
