"""straw resume and straw train --resume, as a person types them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.small_runs import WORDS, Listener, small_page, small_words, train

from straw.cli import main
from straw.runs.checkpoints.integrity import is_sound
from straw.runs.checkpoints.weights import files_of
from straw.runs.reading import read_about, read_checkpoints, read_evaluations, read_metrics, state_of
from straw.training.session import run_page

RUN = "algorithm=sft n_batches=6 save_every=2 keep_last=0 eval_every=2 learning_rate=1e-3"


class Stopping(Listener):
    def update(self, step: int, row: dict[str, float]) -> bool:
        return step == 3


@pytest.fixture
def stopped(home: Path, tmp_path: Path) -> Path:
    run_page(small_page(f"run_dir={tmp_path / 'run'}", RUN), Stopping())  # checkpoints at 2 and 3
    return tmp_path / "run"


def rows(folder: Path) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != "time_s"} for row in read_metrics(folder)]


def test_a_stopped_run_goes_on(stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", str(stopped), "--quiet"]) == 0
    assert rows(stopped) == rows(train(tmp_path / "whole", RUN).folder)


def test_the_same_words_with_resume_begin_go_on_and_find_it_done(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "secret", *WORDS, *RUN.split(), f"run_dir={tmp_path / 'run'}", "--resume"]
    assert main(words) == 0
    before = rows(tmp_path / "run")
    assert main(words) == 0
    assert "is done, nothing is left to do" in capsys.readouterr().err
    assert rows(tmp_path / "run") == before


def test_options_make_another_run(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", str(stopped), "learning_rate=2e-3"]) == 2
    assert f"straw resume {stopped} --branch learning_rate=2e-3" in capsys.readouterr().err


def test_a_branch_has_the_history_and_another_future(
    stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resume", str(stopped), "--branch", "--quiet", "learning_rate=5e-3"]) == 0
    branch = stopped.with_name("run-branch")
    assert read_about(branch)["parent"] == {"run": str(stopped), "step": 3, "changed": {"learning_rate": "5e-3"}}
    assert rows(branch)[:4] == rows(stopped)
    assert [row["learning_rate"] for row in rows(branch)[1:]] == [1e-3] * 3 + [5e-3] * 3
    assert state_of(stopped) == "stopped"


def test_a_branch_may_begin_earlier_and_lie_elsewhere(
    stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "there"
    words = ["resume", str(stopped), "--branch", "--at", "2", "--quiet", f"run_dir={there}", "n_batches=4"]
    assert main(words) == 0
    assert [row["step"] for row in read_checkpoints(there)] == [2, 4]
    assert main(words) == 2
    assert "overwrites nothing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["nowhere"], "there is no run at nowhere"),
        (["{run}", "--branch", "--at", "soon"], "a checkpoint is last, a step, or best:METRIC; got 'soon'"),
        (["{run}", "--branch", "--at", "9"], "has no checkpoint of step 9; it has those of step 2, 3"),
        (["{run}", "--branch", "learning_rat=1"], "did you mean 'learning_rate'"),
        (["{run}", "--branch", "--at", "best:bits"], "no checkpoint has the metric 'bits'"),
    ],
)
def test_bad_wishes_get_one_line_and_leave_nothing(
    stopped: Path, capsys: pytest.CaptureFixture[str], words: Any, line: str
) -> None:
    there = sorted(stopped.parent.rglob("*"))
    assert main(["resume", *(word.format(run=stopped) for word in words)]) == 2
    assert line in capsys.readouterr().err
    assert sorted(stopped.parent.rglob("*")) == there


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_ends_the_step_and_keeps_it(home: Path, tmp_path: Path, number: Any) -> None:
    folder = tmp_path / "run"
    words = [*WORDS, "n_batches=100000", "save_every=0", f"run_dir={folder}"]
    env = {**os.environ, "STRAW_HOME": str(home)}
    child = subprocess.Popen(
        [sys.executable, "-m", "straw", "train", "secret", *words], env=env, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not folder.is_dir() or len(read_metrics(folder)) < 3:
        assert time.monotonic() < deadline and child.poll() is None
        time.sleep(0.05)
    child.send_signal(number)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130
    step = read_metrics(folder)[-1]["step"]
    assert f"stopped at step {step}; go on with: straw resume {folder}" in said
    assert [row["step"] for row in read_checkpoints(folder)] == [step]
    assert state_of(folder) == "stopped"


def test_a_run_that_is_done_may_drop_its_weights_and_says_so(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, bare = train(tmp_path / "kept", RUN).folder, train(tmp_path / "bare", RUN, "keep_weights=false").folder
    assert rows(bare) == rows(kept) and state_of(bare) == "done"
    assert {file.name for file in kept.iterdir()} - {file.name for file in bare.iterdir()} == {"start", "checkpoints"}
    assert main(["show", str(bare)]) == 0
    for words in (["resume", str(bare), "--branch", "n_batches=8"], ["export", str(bare)]):
        capsys.readouterr()
        assert main(words) == 2
        assert f"{bare} kept no weights when it was done" in capsys.readouterr().err


def test_a_run_that_is_done_may_drop_its_optimizer_and_is_the_same_run(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its weights have the same bytes, and so has what is exported; a branch, which would need more, is refused."""
    kept, lean = train(tmp_path / "kept", RUN).folder, train(tmp_path / "lean", RUN, "keep_optimizer=false").folder
    assert rows(lean) == rows(kept) and state_of(lean) == "done"
    there, here = files_of(kept), files_of(lean)
    gone = {name for name in there if name.endswith("optimizer.safetensors")}
    assert len(gone) == 3 and here.keys() == there.keys() - gone
    weights = [name for name in here if name.endswith("weights.safetensors")]
    assert len(weights) == 4 and all(here[name].read_bytes() == there[name].read_bytes() for name in weights)
    assert [row["step"] for row in read_checkpoints(lean)] == [row["step"] for row in read_checkpoints(kept)]
    assert all(is_sound(lean, row) for row in read_checkpoints(lean))
    exported = [export(run) for run in (kept, lean)]
    assert exported[0] == exported[1]
    capsys.readouterr()
    assert main(["resume", str(lean), "--branch", "learning_rate=1e-4"]) == 2
    said = capsys.readouterr().err
    assert "kept no optimizer state" in said and not (tmp_path / "lean-branch").exists()
    again = said.rpartition("from_checkpoint=")[2].strip()
    assert (
        main(["train", "secret", *small_words(*RUN.split(), f"from_checkpoint={again}", f"run_dir={tmp_path / 'new'}")])
        == 0
    )


def export(run: Path) -> bytes:
    assert main(["export", str(run)]) == 0
    return Path(f"{run}-model/model.safetensors").read_bytes()


def test_a_kill_while_an_optimizer_is_dropped_loses_no_checkpoint(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line of what is left is there, the file still is: the line before it is the true one."""
    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", RUN, "keep_optimizer=false")
    monkeypatch.undo()
    run = tmp_path / "run"
    assert state_of(run) == "done" and len((run / "checkpoints.jsonl").read_text().splitlines()) == 3 + 1
    assert [row["step"] for row in read_checkpoints(run)] == [2, 4, 6]
    assert all("optimizer.safetensors" in row["files"] and is_sound(run, row) for row in read_checkpoints(run))


def killed(path: Path, missing_ok: bool = False) -> None:
    if path.name == "optimizer.safetensors":
        raise KeyboardInterrupt
    path.exists()


def test_a_run_that_was_stopped_keeps_its_weights(home: Path, tmp_path: Path) -> None:
    page = small_page(f"run_dir={tmp_path / 'run'}", RUN, "keep_weights=false")
    run_page(page, Stopping())
    assert main(["resume", str(tmp_path / "run"), "--quiet"]) == 0
    assert rows(tmp_path / "run") == rows(train(tmp_path / "whole", RUN).folder)
    assert not (tmp_path / "run" / "start").exists()


def test_a_branch_of_a_run_with_held_out_problems_has_their_replies_up_to_there(home: Path, tmp_path: Path) -> None:
    """Without them it would be taken for a run that lost lines, and refused."""
    words = "kind=reverse_digits warmup=none n_batches=4 eval_every=1 eval_samples=2 save_every=1 keep_last=0"
    run, branch = train(tmp_path / "run", words).folder, tmp_path / "branch"
    words = ["resume", str(run), "--branch", "--at", "2", "--quiet", "learning_rate=5e-3", f"run_dir={branch}"]
    assert main(words) == 0
    there, here = (read_evaluations(one) for one in (run, branch))
    early = [one for one in there if one["step"] <= 2]
    assert len(early) == 6 and here[: len(early)] == early and {one["step"] for one in here} == {0, 1, 2, 3, 4}
