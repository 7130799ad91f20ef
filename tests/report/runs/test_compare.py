from __future__ import annotations

from pathlib import Path

from tests.made_runs import curve_rows, write_run

from straw.report.runs.compare import compare, labels_of


def test_runs_are_compared_by_what_they_were_told_and_what_came_of_it(tmp_path: Path) -> None:
    fast = write_run(tmp_path / "fast", curve_rows(0.0, 4.0), N=16, learning_rate=1e-3)
    slow = write_run(tmp_path / "slow", curve_rows(0.0, 1.0, 2.0), N=64, learning_rate=1e-4, algorithm="sft")
    found = compare([fast, slow])
    assert found.options == {"N": ["16", "64"], "algorithm": ["reinforce", "sft"], "learning_rate": ["0.001", "0.0001"]}
    assert [one.episodes_to_half for one in found.summaries] == [(0, 10), None]
    assert found.ceiling_bits == 6.0
    assert [(one.label, list(one.bits_known), one.dashed) for one in found.curves()] == [
        ("fast", [0.0, 4.0], False),
        ("slow", [0.0, 1.0, 2.0], True),
    ]
    assert [one.condition for one in found.curves()] == ["binary", "SFT"]
    assert list(found.curves("reward")[0].bits_known) == [0.0, 0.4]


def test_a_colour_stands_for_a_reward_where_each_run_has_another_and_else_for_a_run(tmp_path: Path) -> None:
    bins = write_run(tmp_path / "mine", reward_type="binned_log_distance", reward_bins=4)
    dense = write_run(tmp_path / "yours", env_type="multi_step")
    again = write_run(tmp_path / "again", env_type="multi_step", seed=1)
    assert compare([bins, dense]).conditions == ["4 bins", "dense"]
    assert compare([bins, dense, again]).conditions == ["mine", "yours", "again"]


def test_labels_tell_runs_apart_with_as_little_as_it_takes() -> None:
    assert labels_of([Path("runs/a"), Path("runs/b")]) == ["a", "b"]
    assert labels_of([Path("runs/x/s0"), Path("runs/y/s0")]) == ["x/s0", "y/s0"]
    assert labels_of([Path("runs/a"), Path("runs/a"), Path("runs/b")]) == ["a (1)", "a (2)", "b"]
    assert labels_of([Path("runs/a"), Path("runs/a")]) == ["a (1)", "a (2)"]
