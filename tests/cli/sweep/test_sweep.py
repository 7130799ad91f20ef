from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.small_runs import WORDS, small_words
from tests.small_sweeps import BINARY_AND_BINS, SHORT, page_at

from straw.cli import main
from straw.cli.sweep.sweep import SWEEP
from straw.runs.files.lock import Lock
from straw.runs.reading import read_config, read_events, read_metrics, read_rollouts, state_of
from straw.runs.sweeps.page import read_sweep

TUNE = "[tune]\nmultiply = [1, 3]\nseeds = [100]\n"
NAMES = ["8-bins-seed-0", "8-bins-seed-1", "binary-seed-0", "binary-seed-1"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    """Where we stand, with a page; runs are small and start from the cache of the session."""
    monkeypatch.chdir(tmp_path)
    page_at(tmp_path)
    return tmp_path


def sweep(*words: str, jobs: str = "--sequential") -> int:
    again = {word.partition("=")[0] for word in words}
    short = [word for word in SHORT if word.partition("=")[0] not in again]
    return main(["sweep", "page.toml", "out=out", *jobs.split(), *small_words(*short, *words)])


def runs_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if (path / "config.toml").is_file())


def test_a_sweep_leaves_a_folder_for_every_run_and_its_own_files(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep() == 0
    assert runs_in(place / "out") == NAMES
    assert all(state_of(place / "out" / name) == "done" for name in NAMES)
    assert (place / "out" / "curves.png").read_bytes().startswith(b"\x89PNG")
    whole = json.loads((place / "out" / "sweep.json").read_text())
    assert [one["seeds_done"] for one in whole["conditions"]] == [2, 2]
    printed = capsys.readouterr().out
    assert "2 of 2" in printed and "episodes to 90%, median" in printed and "out/sweep.csv" in printed


def test_a_run_of_a_sweep_is_the_run_of_train_with_the_same_options(place: Path) -> None:
    assert sweep() == 0
    own = ["reward_type=binned_log_distance", "secret_seed=1", "seed=1", "run_dir=alone"]
    assert main(["train", *small_words(*SHORT, *own), "--quiet"]) == 0
    theirs, alone = place / "out" / "8-bins-seed-1", place / "alone"
    assert without(read_config(theirs), "run_dir") == without(read_config(alone), "run_dir")
    assert list(read_rollouts(theirs)) == list(read_rollouts(alone))
    assert [without(row, "time_s") for row in read_metrics(theirs)] == [
        without(row, "time_s") for row in read_metrics(alone)
    ]


def without(record: dict, name: str) -> dict:
    return {
        key: without(value, name) if isinstance(value, dict) else value for key, value in record.items() if key != name
    }


def test_what_is_done_is_left_alone_and_what_was_stopped_goes_on(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep() == 0
    stopped, kept, missing = (place / "out" / name for name in NAMES[:3])
    before = {path: path.stat().st_mtime_ns for path in kept.rglob("*")}
    whole = [without(row, "time_s") for row in read_metrics(stopped)]
    (stopped / "done.json").unlink()
    missing.rename(place / "aside")
    capsys.readouterr()
    assert sweep() == 0
    assert {path: path.stat().st_mtime_ns for path in kept.rglob("*")} == before
    assert [without(row, "time_s") for row in read_metrics(stopped)] == whole
    assert "resumed" in [event["event"] for event in read_events(stopped)]
    assert state_of(missing) == "done"
    printed = capsys.readouterr().out
    assert f"{NAMES[0]}: done" in printed and f"{NAMES[1]}: done" not in printed


def test_one_failed_run_ends_nothing_and_is_shown_with_its_reason(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page_at(place, BINARY_AND_BINS + '[[condition]]\nname = "no stop"\nstop = "END"\n')
    assert sweep() == 1
    assert runs_in(place / "out") == NAMES
    reason = "a stop text is one token of the model; 'END' is 3"
    assert f"failed: no-stop-seed-0: {reason}" in capsys.readouterr().err
    rows = {row["run"]: row for row in json.loads((place / "out" / "sweep.json").read_text())["runs"]}
    assert rows["no-stop-seed-0"]["state"] == "failed" and reason in rows["no-stop-seed-0"]["reason"]
    assert rows["binary-seed-0"]["state"] == "done"


def test_the_rate_that_is_found_on_other_secrets_is_that_of_the_runs_that_are_judged(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page_at(place, "seeds = [0]\n" + TUNE)
    assert sweep("reward_type=log_distance") == 0
    assert runs_in(place / "out" / "tune") == ["lr-0.0002-seed-100", "lr-0.0006-seed-100"]
    (condition,) = json.loads((place / "out" / "sweep.json").read_text())["conditions"]
    bits = {row["learning_rate"]: row["bits_known"] for row in condition["tuning"]}
    assert bits[6e-4] > bits[2e-4], "three steps are too few to get there, so the bits decide"
    assert condition["learning_rate"] == 6e-4
    assert read_config(place / "out" / "seed-0")["optimizer"]["learning_rate"] == 6e-4
    assert "0.0006 *" in capsys.readouterr().out
    has_weights = [(place / "out" / name / "checkpoints").exists() for name in ("tune/lr-0.0006-seed-100", "seed-0")]
    assert has_weights == [False, True], "nobody goes on from a trial"
    (place / "out" / "sweep.csv").unlink()
    assert sweep("reward_type=log_distance") == 0, "a second time all is found done"
    assert (place / "out" / "sweep.csv").exists()


def test_a_run_that_is_done_is_not_passed_off_as_one_of_another_rate(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page_at(place, "seeds = [0]\n")
    assert sweep("reward_type=log_distance") == 0
    page_at(place, "seeds = [0]\n" + TUNE)
    assert sweep("reward_type=log_distance") == 1
    assert (
        "began with learning_rate=0.0002, and the trials now find 0.0006: choose another out="
        in capsys.readouterr().err
    )


def test_a_dry_run_tells_states_and_episodes_and_leaves_nothing(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep("--dry-run", jobs="") == 0
    assert not (place / "out").exists()
    printed = capsys.readouterr().out
    assert "missing" in printed and "4 of 4 runs to do, 48 episodes, warm-ups at most 1; folder: out" in printed
    assert sweep() == 0
    (place / "out" / NAMES[0] / "done.json").unlink()
    (place / "out" / NAMES[1]).rename(place / "aside")
    capsys.readouterr()
    assert sweep("--dry-run", jobs="") == 0
    printed = capsys.readouterr().out
    assert "stopped" in printed and "done" in printed
    assert "2 of 4 runs to do, 12 episodes" in printed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sweep", "pages"], "straw sweep takes a page first; got 'pages'"),
        (["sweep", "nowhere.toml"], "nowhere.toml: this page cannot be read"),
        (["sweep", "page.toml", "--jobs", "0"], "--jobs is a whole number from 1 to 1,024; got '0'"),
        (["sweep", "page.toml", "--jobs", "2", "--sequential"], "got --jobs 2 with it"),
        (["sweep", "page.toml", "seed=1"], "seed is set by seeds"),
        (["sweep", "page.toml", "reward_type=binary"], "reward_type is varied by the sweep"),
        (["sweep", "page.toml", "N=0", "--sequential"], "run binary-seed-0: N is .* >= 1; got N=0"),
        (
            ["sweep", "page.toml", "algorithm=sft", "loss_fn=ppo", "--sequential"],
            "run binary-seed-0: loss_fn=cross_entropy",
        ),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    place: Path, words: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(said, line), line
    assert [path.name for path in place.iterdir()] == ["page.toml"]


def test_two_sweeps_do_not_write_one_folder(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "out").mkdir()
    lock = Lock(place / "out")
    assert sweep() == 2
    assert "another process is writing out" in capsys.readouterr().err
    lock.release()


def test_workers_leave_what_one_process_leaves(place: Path) -> None:
    assert sweep() == 0
    (place / "out").rename(place / "one")
    assert sweep(jobs="--jobs 2") == 0
    for name in NAMES:
        assert list(read_rollouts(place / "out" / name)) == list(read_rollouts(place / "one" / name))


@pytest.mark.slow
def test_a_sweep_that_is_interrupted_keeps_its_runs(place: Path) -> None:
    words = [*WORDS, "n_batches=100000", "eval_every=100000", "save_every=100000"]
    program = subprocess.Popen(
        [sys.executable, "-m", "straw", "sweep", "page.toml", "out=out", "--jobs", "2", *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    folders = [place / "out" / name for name in ("binary-seed-0", "binary-seed-1")]
    until = time.monotonic() + 60
    while not all((folder / "metrics.jsonl").exists() and len(read_metrics(folder)) > 5 for folder in folders):
        assert time.monotonic() < until and program.poll() is None
        time.sleep(0.1)
    program.send_signal(signal.SIGINT)
    _, said = program.communicate(timeout=60)
    assert program.returncode == 130 and "stopped by you" in said
    assert [state_of(folder) for folder in folders] == ["stopped", "stopped"]
    assert all(any((folder / "checkpoints").iterdir()) for folder in folders)
    rows = {row["run"]: row["state"] for row in json.loads((place / "out" / "sweep.json").read_text())["runs"]}
    assert rows == dict(zip(NAMES, ["missing", "missing", "stopped", "stopped"], strict=True))


def test_help_shows_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("--jobs N", "--sequential", "--dry-run", "out=FOLDER", "[grid]", "[tune]"))


def test_the_page_of_the_help_can_be_read(tmp_path: Path) -> None:
    example = SWEEP.split("A page:\n")[1].split("\nThe folder holds")[0]
    path = tmp_path / "page.toml"
    path.write_text("\n".join(re.split("   +", line.strip())[0] for line in example.splitlines()))
    assert [one.label for one in read_sweep(path, {}).conditions] == ["binary, reward_bins=4", "binary, reward_bins=8"]


def test_a_sweep_of_accuracies_ends_with_them_and_compares_with_the_first(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conditions = '[[condition]]\nname = "no"\n[[condition]]\nname = "surprise"\nuse_ir = "surprise"\n'
    base = '[base]\nkind = "countdown"\nwarmup = "none"\neval_samples = 3\neval_replies = 2\ngroup_size = 2\n'
    page_at(place, f'seeds = [0]\nseed_options = ["seed"]\n{base}{conditions}')
    small = [word for word in WORDS if not word.startswith(("N=", "warmup"))]
    assert main(["sweep", "page.toml", "out=out", "--sequential", "n_batches=1", "batch_size=2", *small]) == 0
    assert "not reached" not in capsys.readouterr().out
    assert (place / "out" / "conditions.png").read_bytes().startswith(b"\x89PNG")
    whole = json.loads((place / "out" / "sweep.json").read_text())
    assert {"accuracy", "pass@2", "distinct_answers"} <= whole["conditions"][1].keys()
