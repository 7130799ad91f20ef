from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from straw.errors import RunError
from straw.runs import store
from straw.runs.reading import read_checkpoints, read_config, read_metrics, read_rollouts
from straw.runs.records import rollout_record
from straw.runs.store import RunFolder, check_is_free, default_path
from straw.types import End, Grade, Message, Problem, Rollout, Turn

PROBLEM = Problem(key="secret-0", messages=(Message("user", "Say it."),), reference=("1", "0"), facts={"secret": 2})
ROLLOUT = Rollout(
    problem=PROBLEM,
    turns=(
        Turn(prompt=(7, 8), reply=(1, 0), logprobs=(-0.1, -1 / 3), policy_version=4),
        Turn(prompt=(7, 8, 1, 0, 9), reply=(1, 0), logprobs=(-0.5, -1e-17), policy_version=5),
    ),
    replies=("1", "1"),
    end=End.ANSWERED,
    grade=Grade(hits=(True, False), well_formed=True),
    rewards={"dense": 1.0, "format": 0.25},
    turn_rewards=(1.0, 0.0),
    advantages=(0.5, -0.5),
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Any]:
    with RunFolder.create(tmp_path / "runs" / "mine", "[task]\nN = 64\n") as made:
        yield made


def test_a_new_folder_has_its_config_and_reads_as_a_run_without_steps(folder: Any) -> None:
    assert read_config(folder.path) == {"task": {"N": 64}}
    assert read_metrics(folder.path) == list(read_rollouts(folder.path)) == read_checkpoints(folder.path) == []


def test_metrics_come_back_in_order_and_nan_is_null(folder: Any) -> None:
    folder.write_metrics({"step": 1, "episodes": 64, "reward": 0.1 + 0.2})
    folder.write_metrics({"step": 2, "episodes": 128, "reward": float("nan")})
    assert [row["reward"] for row in read_metrics(folder.path)] == [0.1 + 0.2, None]
    for line in (folder.path / "metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)


def test_a_rollout_comes_back_with_all_that_was_paid_said_and_drawn(folder: Any) -> None:
    folder.write_rollouts([rollout_record(3, ROLLOUT, "user: Say it.")])
    (record,) = read_rollouts(folder.path)
    assert record == {
        "step": 3,
        "problem": "secret-0",
        "reward": 1.25,
        "rewards": {"dense": 1.0, "format": 0.25},
        "turn_rewards": [1.0, 0.0],
        "advantages": [0.5, -0.5],
        "end": "answered",
        "policy_version": 4,
        "prompt": "user: Say it.",
        "replies": ["1", "1"],
        "facts": {"secret": 2},
        "grade": {"hits": [True, False], "well_formed": True, "offsets": []},
        "turns": [
            {"policy_version": 4, "prompt_tokens": [7, 8], "reply_tokens": [1, 0], "logprobs": [-0.1, -1 / 3]},
            {"policy_version": 5, "prompt_tokens": [9], "reply_tokens": [1, 0], "logprobs": [-0.5, -1e-17]},
        ],
    }


def test_scores_stand_beside_what_was_paid_and_a_reason_where_there_are_none() -> None:
    scored = rollout_record(1, replace(ROLLOUT, scores={"explore": 0.5}, bonuses={"explore": 0.25}), "")
    assert (scored["scores"], scored["bonuses"]) == ({"explore": 0.5}, {"explore": 0.25}) and "unscored" not in scored
    unscored = rollout_record(1, replace(ROLLOUT, unscored="a reason"), "")
    assert unscored["unscored"] == "a reason" and not {"scores", "bonuses", "raw_rewards"} & unscored.keys()


def test_a_turn_that_forgets_what_was_said_is_written_whole_and_says_so() -> None:
    first, second = ROLLOUT.turns
    forgetful = replace(ROLLOUT, turns=(first, replace(second, prompt=(7, 9))))
    turn = rollout_record(1, forgetful, "")["turns"][1]
    assert turn["restarts"] is True
    assert turn["prompt_tokens"] == (7, 9)


def test_a_rollout_that_failed_before_its_first_turn_is_a_record_too() -> None:
    failed = Rollout(problem=PROBLEM, turns=(), replies=(), end=End.FAILED, grade=Grade(hits=(), well_formed=False))
    record = rollout_record(1, failed, "")
    assert record["policy_version"] is None
    assert record["turns"] == []


def test_a_checkpoint_is_seen_when_it_is_whole_and_not_before(folder: Any) -> None:
    with folder.checkpoint(100, policy_version=7) as empty:
        (empty / "model.safetensors").write_bytes(b"weights")
        assert read_checkpoints(folder.path) == []
        assert not (folder.path / "checkpoints" / "step-000100").exists()
    (row,) = read_checkpoints(folder.path)
    assert row == {
        "step": 100, "folder": "checkpoints/step-000100", "policy_version": 7,
        "lines": {"metrics.jsonl": 0, "rollouts.jsonl": 0, "evaluations.jsonl": 0},
        "files": {"model.safetensors": 7}, "sums": {"model.safetensors": crc32(b"weights")},
    }  # fmt: skip
    assert os.listdir(folder.path / "checkpoints") == ["step-000100"]


def test_a_checkpoint_that_failed_is_as_if_never_begun(folder: Any) -> None:
    with pytest.raises(ZeroDivisionError), folder.checkpoint(1) as empty:
        (empty / "model.safetensors").write_bytes(b"wei")
        raise ZeroDivisionError
    assert read_checkpoints(folder.path) == []
    assert not (folder.path / "checkpoints").exists()


def test_a_cut_short_checkpoint_is_passed_over_for_the_one_before(folder: Any) -> None:
    for step in (1, 1_000_000, 20):
        with folder.checkpoint(step) as empty:
            (empty / "model.safetensors").write_bytes(b"weights")
    (folder.path / "checkpoints" / "step-1000000" / "model.safetensors").write_bytes(b"wei")
    assert [row["step"] for row in read_checkpoints(folder.path)] == [1, 20]


def test_a_checkpoint_is_not_written_twice(folder: Any) -> None:
    with folder.checkpoint(5) as empty:
        (empty / "a").touch()
    with pytest.raises(RunError, match="overwrites nothing"), folder.checkpoint(5) as empty:
        (empty / "a").touch()


def test_a_process_killed_inside_a_checkpoint_leaves_a_folder_that_opens(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from straw.runs.store import RunFolder
folder = RunFolder.create(sys.argv[1], "seed = 1")
folder.write_metrics({"step": 1})
for step in (1, 2):
    with folder.checkpoint(step) as empty:
        (empty / "model.safetensors").write_bytes(b"weights")
        if step == 2:
            os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "run")], check=False)
    assert killed.returncode < 0
    assert len(os.listdir(tmp_path / "run" / "checkpoints")) == 2
    with RunFolder.open(tmp_path / "run") as folder:
        folder.write_metrics({"step": 2})
    assert os.listdir(tmp_path / "run" / "checkpoints") == ["step-000001"]
    assert [row["step"] for row in read_checkpoints(tmp_path / "run")] == [1]
    assert read_metrics(tmp_path / "run") == [{"step": 1}, {"step": 2}]


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match=r"overwrites nothing, and .* holds thesis.tex: choose another run_dir"):
        RunFolder.create(tmp_path, "")
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_folder_with_a_run_in_it_says_how_to_go_on_with_it(folder: Any) -> None:
    with pytest.raises(RunError, match=r"choose another run_dir, or go on with the run.*straw resume .*, or --resume"):
        check_is_free(folder.path)


def test_an_empty_folder_is_welcome_but_not_the_one_we_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    RunFolder.create(tmp_path / "here", "").close()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    with pytest.raises(RunError, match="standing"):
        RunFolder.create(".", "")


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="is a file"):
        check_is_free(tmp_path / "file")
    with pytest.raises(RunError, match="nothing can be made in"):
        check_is_free(tmp_path / "file" / "run")


def test_a_place_without_permission_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "access", lambda path, mode: False)
    with pytest.raises(RunError, match=f"nothing can be made in {re.escape(str(tmp_path))}"):
        RunFolder.create(tmp_path / "a" / "b", "")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_may_not_be_looked_into_is_one_line_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "locked").mkdir()
    monkeypatch.setattr(store.Path, "iterdir", forbidden)
    with pytest.raises(RunError, match="permission denied"):
        check_is_free(tmp_path / "locked")


def test_runs_without_a_name_of_their_own_get_date_time_and_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store.time, "strftime", lambda form: "2026-05-01-143207")
    paths = []
    for _ in range(3):
        with RunFolder.create(default_path("secret / binary"), "") as folder:
            paths.append(str(folder.path))
    first = "runs/2026-05-01-143207-secret-binary"
    assert paths == [first, first + "-2", first + "-3"]


def test_what_is_no_run_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"holds config\.toml"):
        read_metrics(tmp_path)


def test_reading_and_drawing_runs_needs_no_torch() -> None:
    program = """
import sys
import straw.runs.store, straw.runs.metrics, straw.runs.progress
import straw.report.curves.picture, straw.report.curves.terminal
heavy = {"torch", "transformers", "numpy", "matplotlib"} & sys.modules.keys()
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], check=True)
