from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from straw.report.curves.conditions_picture import draw_conditions
from straw.report.sweeps.accuracy import cells, facts, has_accuracy, header, measured
from straw.report.sweeps.files import write_files
from straw.report.sweeps.sweep import Ended, Summary
from straw.runs.sweeps.sweep import Condition, Planned, Sweep, SweepRun

SEVERAL = {"pass@2": 0.5, "pass@8": 0.75, "distinct_right": 1.5, "distinct_answers": 4.0}


def condition(label: str, accuracies: Mapping[int, float | None], **more: float) -> Summary:
    """None is a run that failed."""
    return Summary(condition=label, runs=[run(label, seed, accuracy, more) for seed, accuracy in accuracies.items()])


def run(label: str, seed: int, accuracy: float | None, more: Mapping[str, float]) -> Ended:
    known = SweepRun(name=f"{label}-{seed}", condition=label, seed=seed, options={})
    values = {"learning_rate": 1e-3, "algorithm": "grpo", "use_ir": label}
    planned = Planned(run=known, values=values, ceiling_bits=None, episodes=80, start="")
    if accuracy is None:
        return Ended(planned=planned, state="failed", reason="the loss is nan")
    last = {"step": 3, "accuracy": accuracy, **more}
    return Ended(planned=planned, state="done", last=last, done={"cpu_s": 10 + seed, "wall_s": 5.0})


def test_a_row_is_the_mean_of_the_seeds_and_what_lies_between_it_and_the_first() -> None:
    no, knn = condition("no", {0: 0.4, 1: 0.5, 2: 0.6}), condition("knn", {0: 0.5, 1: 0.6, 2: 0.7, 3: None})
    assert header([no, knn]) == ("condition", "seeds", "accuracy", "against no", "p", "CPU s")
    assert cells([no, knn], no) == ("no", "3 of 3", "0.500 ± 0.248", "", "", "11.0")
    assert cells([no, knn], knn) == ("knn", "3 of 4", "0.600 ± 0.248", "+0.100 ± 0.000", "0.25", "11.0")


def test_several_replies_have_columns_of_their_own() -> None:
    no = condition("no", {0: 0.4, 1: 0.5}, **SEVERAL)
    assert measured([no]) == ["accuracy", "pass@8", "distinct_right", "distinct_answers"]
    assert header([no])[-4:] == ("pass@8", "distinct right", "distinct answers", "CPU s")


def test_a_seed_alone_has_no_width_and_a_condition_without_runs_no_numbers() -> None:
    no, knn = condition("no", {0: 0.4}), condition("knn", {0: None})
    assert cells([no, knn], no)[2] == "0.400"
    assert cells([no, condition("once", {0: 0.5})], condition("once", {0: 0.5}))[3:5] == ("+0.100", "")
    assert cells([no, knn], knn) == ("knn", "0 of 1", "", "", "", "")
    assert facts([no, knn], knn) == {}


def test_runs_that_measured_bits_have_no_accuracy() -> None:
    assert not has_accuracy([Summary(condition="b", runs=[run("b", 0, None, {})])])
    assert has_accuracy([condition("no", {0: 0.4})])


def test_the_files_of_a_sweep_hold_accuracy_and_the_pairs(tmp_path: Path) -> None:
    summaries = [condition("no", {0: 0.4, 1: 0.5}, **SEVERAL), condition("knn", {0: 0.5, 1: 0.7}, **SEVERAL)]
    sweep = Sweep(
        name="s", question="", folder=tmp_path, seeds=(0, 1), seed_options=("seed",), base={},
        conditions=tuple(Condition(label=one.condition, options={}) for one in summaries),
    )  # fmt: skip
    write_files(sweep, summaries, [], {})
    whole = json.loads((tmp_path / "sweep.json").read_text())
    assert whole["conditions"][1]["accuracy"]["mean"] == pytest.approx(0.6)
    assert whole["conditions"][1]["accuracy_against_first"]["p"] == 0.5
    assert whole["runs"][3]["accuracy"] == 0.7 and whole["runs"][3]["distinct_right"] == 1.5
    assert "cpu_s" in (tmp_path / "sweep.csv").read_text().partition("\n")[0]


def test_the_picture_has_a_panel_for_each_number(tmp_path: Path) -> None:
    summaries = [condition("no", {0: 0.4, 1: 0.5}, **SEVERAL), condition("knn", {0: 0.5}), condition("x", {0: None})]
    picture = draw_conditions(summaries, tmp_path / "conditions.png", "a subtitle")
    assert picture is not None and picture.read_bytes().startswith(b"\x89PNG")
    assert draw_conditions(summaries[2:], tmp_path / "none.png", "") is None
