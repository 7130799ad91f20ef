from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.made_runs import curve_rows, write_run
from tests.made_studies import make_study
from tests.report.study.in_memory import Measured, run_of

from straw.errors import RunError
from straw.report.study.load_runs import (
    Seen,
    check_numbers,
    column_of,
    columns_of,
    folders_at,
    gathered,
    names_of,
    sweep_rows,
    told_by_sweep,
    with_defaults,
)


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
    assert (run.step, run.cpu_s, run.is_trial) == (0, None, False)


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


def ended(*values: float, ceiling: float | None = 4.0, **options: object) -> Seen:
    name = "accuracy" if ceiling is None else "p_secret"
    other = "p_secret" if ceiling is None else "accuracy"
    columns: dict[str, Measured] = {name: (range(len(values)), values), other: ([0], [1.0])}
    return run_of(columns if values else {}, ceiling=ceiling, **options)


@pytest.mark.parametrize("ceiling", [4.0, None])
def test_a_run_knew_enough_where_its_last_measurement_reached_stop_at(ceiling: float | None) -> None:
    """Of p(S) where there are bits to be known, and of accuracy where there are none."""
    assert ended(0.1, 0.9, ceiling=ceiling, stop_at=0.9).knew_enough
    assert not ended(0.95, 0.89, ceiling=ceiling, stop_at=0.9).knew_enough
    assert not ended(1.0, ceiling=ceiling).knew_enough and not ended(ceiling=ceiling, stop_at=0.9).knew_enough
    assert not ended(1.0, ceiling=ceiling, stop_at="none").knew_enough


def test_what_a_run_did_not_say_is_nothing() -> None:
    run = run_of()
    assert (run.rate, run.N, run.secret, run.seed, run.is_sft) == (0.0, None, "", "", False)
    assert run_of(learning_rate="none").rate == 0 and run_of(learning_rate=3e-4).rate == 3e-4
    assert run.column("accuracy").last is None and len(run.column("accuracy").episodes) == 0
    assert run_of(algorithm="sft").is_sft and run_of(seed=7).seed == "7"
    assert run_of(N=8).N == 8 and run_of(N=8, ceiling=None).N is None


def test_a_secret_is_told_by_what_was_fixed_or_by_its_seed_or_by_that_of_the_task() -> None:
    assert run_of(fixed_secret=7, secret_seed=1, task_seed=2).secret == "secret 7"
    assert run_of(fixed_secret="none", secret_seed=1, task_seed=2).secret == "1"
    assert run_of(task_seed=2).secret == "2"


def test_names_are_the_paths_below_what_all_share() -> None:
    assert names_of([Path("/a/b/one"), Path("/a/b/c/two")]) == ["one", "c/two"]
    assert names_of([Path("/a/b/one"), Path("/a/two"), Path("/a/three")]) == ["b/one", "two", "three"]
    assert names_of([Path("/a/b/one")]) == ["one"]


@pytest.mark.parametrize("episodes", [-1, 10**12 + 1, None, "4", float("nan")])
def test_a_row_without_a_number_of_episodes_is_refused(episodes: object) -> None:
    check_numbers({}, [{"episodes": 0}, {"episodes": 10**12}])
    with pytest.raises(RunError, match="numbers from 0 to 1,000,000,000,000"):
        check_numbers({}, [{"episodes": 0}, {"episodes": episodes}])


@pytest.mark.parametrize("name", ["N", "learning_rate", "lora_rank", "num_secrets", "reward_bins", "stop_at"])
def test_an_option_that_a_figure_counts_with_is_a_number_or_none(name: str) -> None:
    check_numbers({name: "none"}, [])
    check_numbers({name: "4"}, [])
    with pytest.raises(ValueError, match="many"):
        check_numbers({name: "many"}, [])


def test_a_column_leaves_out_what_is_no_number() -> None:
    rows = [{"episodes": at, "hits": value} for at, value in enumerate((0.5, None, "x", float("nan"), 1.0))]
    found = column_of(rows, "hits")
    assert (found.episodes.tolist(), found.values.tolist(), found.last) == ([0, 4], [0.5, 1.0], 1.0)


def test_a_task_or_an_algorithm_that_is_not_installed_has_no_defaults_of_its_own() -> None:
    assert with_defaults({"kind": "unheard_of", "N": "4"}) == {"kind": "unheard_of", "N": "4"}
    assert with_defaults({"N": "4"}) == {"N": "4"}
    known, odd = with_defaults({"kind": "secret", "N": "4"}), with_defaults({"kind": "secret", "algorithm": "odd"})
    assert (known["N"], known["engine"], odd["algorithm"], odd["engine"]) == ("4", "local", "odd", "local")


def test_a_sweeps_row_is_found_beside_the_run_or_above_its_folder_of_trials(tmp_path: Path) -> None:
    rows = [{"run": "one", "condition": "first"}, {"run": "tune/two", "condition": "second", "is_trial": True}]
    (tmp_path / "sweep.json").write_text(json.dumps({"runs": rows}))
    assert told_by_sweep(tmp_path / "one") == rows[0] and told_by_sweep(tmp_path / "tune" / "two") == rows[1]
    assert told_by_sweep(tmp_path / "three") == {} == told_by_sweep(tmp_path / "tune" / "one")


@pytest.mark.parametrize("text", ["[]", "[1]", "{", '{"runs": [{"name": "one"}]}', '{"runs": 3}', "{}"])
def test_a_sweep_that_cannot_be_read_tells_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "sweep.json").write_text(text)
    assert sweep_rows(tmp_path) == {}


def test_a_run_says_how_far_it_came_how_it_was_begun_and_what_it_cost(tmp_path: Path) -> None:
    write_run(tmp_path / "run", [*curve_rows(0.0, 1.0, 2.0)], N=8)
    (run,) = gathered([tmp_path / "run"]).runs
    assert (run.name, run.episodes, run.step, run.cpu_s, run.condition) == ("run", 20, 2, 0.9, "")
    assert all(isinstance(word, str) for word in run.command)
    assert folders_at(tmp_path / "run") == [(tmp_path / "run").resolve()]


def test_a_folder_without_metrics_or_with_bits_of_an_unknown_task_is_named_with_the_reason(tmp_path: Path) -> None:
    (write_run(tmp_path / "lost", curve_rows(0.0, 1.0), N=8) / "metrics.jsonl").unlink()
    (write_run(tmp_path / "mute", curve_rows(0.0, 1.0), N=8) / "rollouts.jsonl").unlink()  # which no figure needs
    write_run(tmp_path / "odd", curve_rows(0.0, 1.0), kind="sum_digits")
    write_run(tmp_path / "fine", curve_rows(0.0, 1.0), N=8)
    found = gathered([tmp_path])
    reasons = dict(found.left_out)
    assert [run.name for run in found.runs] == ["fine", "mute"]
    assert reasons["lost"] == "metrics.jsonl missing"
    assert reasons["odd"].startswith("bits were measured, and of how many its page does not say")
