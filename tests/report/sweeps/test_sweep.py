from __future__ import annotations

import csv
import json
from math import inf
from pathlib import Path

import pytest
from tests.made_runs import write_run

from straw.report.curves.curve import Curve
from straw.report.sweeps.files import write_files
from straw.report.sweeps.sweep import Ended, Summary, draw_sweep, ended, episodes_to
from straw.runs.sweeps.sweep import Condition, Planned, Sweep, SweepRun
from straw.runs.sweeps.tuning import NEVER, Row, Trial

EPISODES = (0, 40, 80)


def planned(folder: Path, condition: str = "binary", seed: int = 0, **values: object) -> Planned:
    run = SweepRun(
        name=f"{condition}-{seed}",
        condition=condition,
        seed=seed,
        options={"run_dir": str(folder / f"{condition}-{seed}")},
    )
    known = {"learning_rate": 1e-3, "algorithm": "reinforce", "secret_seed": seed, "run_dir": run.options["run_dir"]}
    return Planned(run=run, values={**known, **values}, ceiling_bits=10.0, episodes=80, start="")


def done(bits: tuple[float, ...], seed: int = 0, condition: str = "binary", **values: object) -> Ended:
    curve = Curve(condition, EPISODES[: len(bits)], bits)
    return Ended(planned=planned(Path(), condition, seed, **values), state="done", curve=curve)


def failed(seed: int = 0, condition: str = "binary", **values: object) -> Ended:
    return Ended(planned=planned(Path(), condition, seed, **values), state="failed", reason="the loss is nan")


def test_the_first_count_of_episodes_with_so_many_bits() -> None:
    curve = Curve("", EPISODES, (0.0, 9.0, 9.9))
    assert [episodes_to(curve, bits) for bits in (0, 9.0, 9.5, 10)] == [0, 40, 80, NEVER]


def test_a_trial_is_how_a_run_ended() -> None:
    assert done((0.0, 8.0, 9.5)).trial == Trial(1e-3, 80, 9.5)
    assert done((0.0, 9.5, 8.0)).trial == Trial(1e-3, 40, 8.0)
    assert failed().trial == Trial(1e-3, NEVER, -inf)


def test_a_condition_is_the_median_of_the_seeds_that_are_done() -> None:
    summary = Summary(
        condition="binary", runs=[done((0.0, 9.0, 9.4)), done((0.2, 3.0, 9.2), 1), done((0.0, 1.0, 2.0), 2), failed(3)]
    )
    assert (summary.bits, summary.episodes) == (9.2, 80)
    assert summary.curve() == Curve("binary", [0, 40, 80], [0.0, 3.0, 9.2])
    assert summary.cells() == ("binary", "3 of 4", "9.20 of 10.00", "80", "0.001")


def test_unpaid_draws_and_updates_stand_beside_the_episodes_of_a_condition(tmp_path: Path) -> None:
    """Two runs of two steps: 4,096 + 64 draws and 8 + 6 updates, and none that an older version did not count."""
    for seed, counts in enumerate([{"unpaid_draws": 4096, "updates": 8}, {}]):
        rows = [{"step": step, "episodes": 4 * step, "time_s": 1.0, "bits_known": 9.5} for step in range(3)]
        if counts:
            rows[1] |= counts
            rows[2] |= {"unpaid_draws": 64, "updates": 6}
        write_run(tmp_path / f"surrogate-{seed}", rows)
    new, old = (ended(planned(tmp_path, "surrogate", seed)) for seed in (0, 1))
    assert Summary(condition="a", runs=[new]).unpaid() == "a: 4,160 unpaid draws and 14 updates a run, median"
    assert Summary(condition="a", runs=[old]).unpaid() is None


def test_a_condition_without_a_run_that_is_done_has_no_numbers() -> None:
    assert Summary(condition="binary", runs=[failed()]).cells() == ("binary", "0 of 1", "", "not reached", "0.001")


def test_curves_meet_where_all_seeds_were_measured() -> None:
    summary = Summary(condition="binary", runs=[done((0.0, 9.0, 9.4)), done((1.0, 3.0), 1)])
    assert summary.curve().episodes == [0, 40]


def test_a_picture_has_a_line_for_each_condition_with_a_run(tmp_path: Path) -> None:
    known = Summary(condition="SFT", runs=[done((0.0, 9.0, 9.4), algorithm="sft")])
    assert known.curve().dashed
    picture = draw_sweep([known, Summary(condition="b", runs=[failed()])], tmp_path, "a subtitle")
    assert picture == tmp_path / "curves.png" and picture.read_bytes().startswith(b"\x89PNG")
    assert draw_sweep([Summary(condition="b", runs=[failed()])], tmp_path, "") is None


def test_files_hold_every_run_with_the_options_in_which_they_differ(tmp_path: Path) -> None:
    same = {"N": 1024, "reward_bins": 8}
    row = Row(rate=1e-3, episodes=NEVER, bits=-inf, num_trials=2, num_reached=0)
    summaries = [
        Summary(condition="binary", runs=[done((0.0, 9.0, 9.4), 0, **same), failed(1, **same)], trials=[row]),
        Summary(condition="4 bins", runs=[done((0.0, 1.0, 2.0), 0, "4 bins", **(same | {"reward_bins": 4}))]),
    ]
    sweep = Sweep(
        name="width", question="How?", folder=tmp_path, seeds=(0, 1), seed_options=("seed",), base={"N": 1024},
        conditions=(Condition(label="binary", options={}),),
    )  # fmt: skip
    write_files(sweep, summaries, [done((0.0, 9.0, 9.4), 100, **same)], {"wall_s": 1.5})
    rows = list(csv.DictReader((tmp_path / "sweep.csv").open()))
    assert [row["condition"] for row in rows] == ["binary", "binary", "4 bins", "binary"]
    assert [row["bits_known"] for row in rows] == ["9.4", "", "2.0", "9.4"]
    assert [row["is_trial"] for row in rows] == ["False", "False", "False", "True"]
    assert [row["reward_bins"] for row in rows] == ["8", "8", "4", "8"] and "N" not in rows[0]
    assert rows[1]["reason"] == "the loss is nan"
    whole = json.loads((tmp_path / "sweep.json").read_text())
    assert whole["conditions"][0]["tuning"][0]["bits_known"] is None
    assert whole["conditions"][0]["seeds_done"] == 1 and whole["this_time"] == {"wall_s": 1.5}
    assert len(whole["runs"]) == 4


def test_a_run_without_a_folder_is_missing_or_failed_before_it_had_one(tmp_path: Path) -> None:
    assert ended(planned(tmp_path)).state == "missing"
    assert ended(planned(tmp_path), "no such model").state == "failed"


def test_pandas_reads_a_row_a_run(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    sweep = Sweep(name="a", question="", folder=tmp_path, seeds=(0,), seed_options=(), base={}, conditions=())
    write_files(sweep, [Summary(condition="binary", runs=[done((0.0, 9.0, 9.5)), failed(1)])], [], {})
    table = pandas.read_csv(tmp_path / "sweep.csv")
    assert table.groupby("condition").bits_known.median()["binary"] == 9.5
