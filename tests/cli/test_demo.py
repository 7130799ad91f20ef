from __future__ import annotations

import os
from pathlib import Path

import pytest
from rich.console import Console
from tests.small_runs import WORDS, small_plan

from straw.cli import main
from straw.cli.demo_runs import MULTI, SINGLE, Board, reached, slug
from straw.cli.watch import label_of, subtitle_of
from straw.report.curve import Curve
from straw.runs.reading import read_metrics


def shown(board: Board) -> list[str]:
    console = Console(width=120, record=True, quiet=False, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(board.table())
    return [line.strip() for line in console.export_text().splitlines()]


def test_the_board_shows_every_run_from_waiting_to_done():
    board = Board(["binary", "SFT"])
    assert [line.split() for line in shown(board)[1:]] == [["binary", "waiting"], ["SFT", "waiting"]]
    assert board.take("binary", "say", "warm-up 50 steps") == "binary: warm-up 50 steps"
    assert "warming up" in shown(board)[1]
    assert board.take("binary", "begin", 10) is None
    board.take("binary", "update", (0, {"episodes": 0, "time_s": 0.0, "bits_known": 0.0, "p_secret": 1 / 64}))
    board.take("binary", "update", (5, {"episodes": 20, "time_s": 0.5, "reward": 0.25}))
    assert shown(board)[1].split() == ["binary", "step", "5/10", "20", "40", "0.25", "0.00", "0.016"]
    board.take("binary", "update", (10, {"episodes": 40, "time_s": 1.0, "bits_known": 5.9}))
    assert shown(board)[1].split()[1] == "done"
    assert "5.90" in shown(board)[1]


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
