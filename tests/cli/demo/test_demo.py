from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Any

import pytest
from tests.made_runs import write_run
from tests.small_runs import WORDS, small_plan

from straw.cli import main
from straw.cli.demo.runs import SECRETS, WAYS, jobs_of, options_of, slug
from straw.cli.demo.sentences import Way, seen, sentences, table, way_of, why
from straw.config import load_page
from straw.library.live.watcher import label_of, subtitle_of
from straw.runs.reading import read_metrics
from straw.training.resolve.page_to_plan import plan_of


def way(label: str, known: list[float], hit: list[float] | None = None, misled: int = 0, rate: float = 1e-3) -> Way:
    return Way(
        label=label, rate=rate, known=tuple(known), hit=tuple(hit or ()), misled=misled, watched=240.0
    )  # fmt: skip


TOLD = way("SFT", [8, 8, 12, 12, 12, 16])
BINARY = way("binary", [20, 40, 50, 60, 90, 200], [12, 32, 42, 50, 80, 190], rate=0.0012)
BINS = way("8 bins", [70, 80, 90, 120, 160, inf], [10, 20, 24, 30, 44, 50], misled=3, rate=2e-4)


# --- what is said


def test_a_table_has_medians_with_intervals_where_the_time_went_and_the_rate() -> None:
    assert table([BINS, BINARY, TOLD]) == [
        ("SFT", "6 of 6", "12 [8, 16]", "-", "-", "0.001"),
        ("binary", "6 of 6", "55 [20, 200]", "46 [12, 190]", "9 [8, 10]", "0.0012"),
        ("8 bins", "5 of 6", "105 [70, >240]", "27 [10, 50]", "78 [60, >240]", "0.0002"),
    ]


def test_an_order_is_claimed_only_where_intervals_do_not_touch() -> None:
    said = seen([BINS, BINARY, TOLD])
    assert "SFT 12 [8, 16], binary 55 [20, 200], 8 bins 105 [70, >240]" in said
    assert "surely SFT before binary and 8 bins, and no other order on 6 secrets" in said
    alike = [way("SFT", [8, 9, 10, 11, 12, 80]), BINARY, BINS]
    assert "no order of them is sure on 6 secrets" in seen(alike)


def test_a_range_of_fewer_secrets_claims_no_order() -> None:
    assert "no order of them is sure on 2 secrets" in seen([way("SFT", [8, 8]), way("binary", [40, 80], [30, 70])])


def test_why_tells_the_wait_from_what_follows_and_the_near_misses_that_were_learned() -> None:
    said = why({one.label: one for one in (BINARY, BINS, TOLD)})
    assert said == (
        "Why: episodes to the first right reply + from there on were 46 + 9 for binary, 27 + 78 for 8 bins; bits known "
        "fell below the start on the way in 3 of 6 runs of 8 bins: another answer was learned first; SFT is told "
        "outright and is the control: writing alone took 12."
    )


def test_where_no_run_was_misled_none_is_said_to_have_been() -> None:
    sound = way("8 bins", [70, 80, 90, 120, 160, 170], [10, 20, 24, 30, 44, 50])
    first, second = sentences([BINARY, sound, TOLD])
    assert first.startswith("Seen: ") and second.startswith("Why: ") and "another answer" not in second


def test_a_way_is_read_from_its_runs(tmp_path: Path) -> None:
    """Known between 8 and 16 episodes, hit in the step that ends at 12; the other fell by a bit and got nowhere."""
    rows = [{"step": s, "episodes": 4 * s, "time_s": 1.0, "hits": float(s == 3)} for s in range(5)]
    up = [{**row, **({"bits_known": 0.0 if row["step"] < 4 else 5.9} if row["step"] % 2 == 0 else {})} for row in rows]
    down = [{**row, "hits": 0.0, "bits_known": -float(row["step"] > 1)} for row in rows]
    folders = [write_run(tmp_path / "up", up), write_run(tmp_path / "down", down)]
    found = way_of("binary", 0.0012, folders, ceiling=6.0)
    assert (found.known, found.hit, found.misled, found.watched) == ((16.0, inf), (12.0, inf), 1, 16.0)
    assert str(found.from_hit) == "4, 4 (1)"


# --- what is run


def test_every_channel_meets_the_same_secrets_with_draws_of_its_own(tmp_path: Path) -> None:
    pages = {label: options_of(label, {}) for label in WAYS}
    plans = {label: plan_of(load_page(None, page)) for label, page in pages.items()}
    jobs = jobs_of(tmp_path, pages, plans, SECRETS)
    secrets = {label: [job.argument["secret_seed"] for job in jobs if job.label.startswith(label)] for label in WAYS}
    assert len(jobs) == 5 * 6 and len({tuple(seeds) for seeds in secrets.values()}) == 1
    assert len({job.argument["seed"] for job in jobs}) == len({job.argument["run_dir"] for job in jobs}) == 30
    assert {plans[label].page.run.n_batches for label in WAYS if label != "binary"} == {60}
    assert plans["binary"].page.run.n_batches == 96
    assert plans["SFT"].page.optimizer.learning_rate == plans["binary"].page.optimizer.learning_rate  # the control
    assert plan_of(load_page(None, options_of("SFT", {"learning_rate": "1e-4"}))).page.optimizer.learning_rate == 1e-4
    assert {page["stop_at"] for page in pages.values()} == {"0.66"}  # 6 + log2 0.66 = 5.4 bits
    assert options_of("SFT", {"N": "16"})["stop_at"] == "0.758"  # 4 + log2 0.758 = 3.6
    assert all(int(job.argument["seed"]) < 100 for job in jobs), "the rates were found on seeds from 100 on"


@pytest.mark.parametrize("words", [["seed=3"], ["secrets=0"], ["secrets=65"], ["secrets=6", "secrets=7"]])
def test_what_the_demo_sets_itself_or_cannot_do_is_one_line(
    words: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and list(tmp_path.iterdir()) == []


def test_every_run_of_the_demo_has_a_folder_of_its_own() -> None:
    assert [slug(label) for label in WAYS] == ["dense", "binary", "8-bins", "log-distance", "sft"]


@pytest.mark.parametrize("label", WAYS)
def test_a_curve_is_called_the_same_by_the_demo_and_by_a_run(label: Any) -> None:
    words = [f"{name}={value}" for name, value in WAYS[label].items()]
    assert label_of(small_plan(*words)) == label


def test_the_subtitle_says_what_was_trained() -> None:
    assert subtitle_of(small_plan()) == "N = 8, tiny-0.2M, all weights, groups of 4"
    assert "LoRA rank 2" in subtitle_of(small_plan("lora_rank=2"))
    assert label_of(small_plan("env_type=multi_step credit=sum")) == "dense, summed"
    assert label_of(small_plan("reward_type=higher_lower")) == "higher lower"


@pytest.mark.slow
def test_the_demo_measures_five_ways_and_draws_them(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--out", "there", "secrets=2", *WORDS, "n_batches=4"]) == 0
    folders = [folder.name for folder in (tmp_path / "there").iterdir() if folder.is_dir()]
    assert sorted(folders) == ["8-bins", "binary", "dense", "log-distance", "sft"]
    runs = list((tmp_path / "there").glob("*/secret-*"))
    assert len(runs) == 10 and all(len(read_metrics(run)) <= 5 for run in runs)
    assert (tmp_path / "there" / "curves.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "episodes to 90%" in printed and "run folder: there" in printed
    assert "\nSeen: " in printed and "\nWhy: " in printed
