from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.made_runs import curve_rows, write_run
from tests.made_studies import make_study

from straw.errors import RunError
from straw.report.study.load_runs import columns_of, gathered


def test_of_the_metrics_the_columns_are_kept_where_they_were_measured() -> None:
    rows = [{"episodes": 0, "bits_known": 0.0}, {"episodes": 4, "hits": 0.5}, {"episodes": 8, "bits_known": None}]
    found = columns_of(rows)
    assert found.keys() == {"bits_known", "hits"}
    assert (found["hits"].episodes.tolist(), found["hits"].values.tolist()) == ([4], [0.5])


def test_every_run_below_a_folder_is_there_once(tmp_path: Path) -> None:
    make_study(tmp_path / "a", {8: [40, 50]})
    found = gathered([tmp_path, tmp_path / "a"])
    assert [run.name for run in found.runs] == ["binary-N-8-0", "binary-N-8-1"]
    assert found.left_out == []


def test_a_run_knows_its_secret_its_ceiling_and_how_far_it_came(tmp_path: Path) -> None:
    (run,) = gathered([make_study(tmp_path, {8: [40]}, cap=100)]).runs
    assert (run.N, run.ceiling_bits, run.secret, run.seed, run.rate) == (8, 3.0, "0", "0", 3e-4)
    assert (run.episodes, run.state, run.is_trial) == (100, "done", False)
    assert np.all(np.diff(run.column("bits_known").episodes) > 0)


def test_broken_runs_are_named_and_left_out(tmp_path: Path) -> None:
    make_study(tmp_path, {8: [40, 50, 60]})
    (tmp_path / "binary-N-8-0" / "metrics.jsonl").write_text("[1]\n")
    config = tmp_path / "binary-N-8-1" / "config.toml"
    config.write_text(config.read_text().replace("N = 8", "N = 16"))
    found = gathered([tmp_path])
    assert [run.name for run in found.runs] == ["binary-N-8-2"]
    reasons = dict(found.left_out)
    assert "line 1" in reasons["binary-N-8-0"]
    assert "edited" in reasons["binary-N-8-1"]


def test_a_run_that_has_written_nothing_yet_is_one_without_numbers(tmp_path: Path) -> None:
    write_run(tmp_path / "young", [], done=False, N=8)
    (run,) = gathered([tmp_path]).runs
    assert (run.state, run.episodes, run.column("bits_known").last) == ("stopped", 0, None)


def test_runs_below_tune_found_a_learning_rate(tmp_path: Path) -> None:
    make_study(tmp_path, {8: [40]})
    make_study(tmp_path / "tune", {8: [50]}, secret_seed=100)
    assert [run.is_trial for run in gathered([tmp_path]).runs] == [False, True]


def test_a_sweep_says_what_it_calls_its_conditions(tmp_path: Path) -> None:
    make_study(tmp_path, {8: [40]})
    row = {"run": "binary-N-8-0", "condition": "EMA baseline, N=8", "is_trial": False}
    (tmp_path / "sweep.json").write_text(json.dumps({"runs": [row]}))
    assert gathered([tmp_path]).runs[0].condition == "EMA baseline, N=8"


def test_an_option_that_an_older_version_did_not_write_is_as_it_is_by_default(tmp_path: Path) -> None:
    write_run(tmp_path / "run", curve_rows(0.0, 1.0))
    assert gathered([tmp_path]).runs[0].options["engine"] == "local"


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="none under"):
        gathered([tmp_path])
