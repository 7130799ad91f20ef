"""A run that stopped and went on is bit for bit the run that never stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.small_runs import Listener, small_page, train

from straw.config import load_page
from straw.errors import ConfigError, RunError
from straw.runs.reading import (
    read_about,
    read_checkpoints,
    read_config,
    read_events,
    read_metrics,
    state_of,
)  # fmt: skip
from straw.sandbox.programs import SPENT
from straw.training.session import continue_page, resume_run, run_page

WORDS = "n_batches=6 eval_every=2 save_every=2 keep_last=0 replay=1 kl_coef=0.1 baseline=ema learning_rate=1e-3"


class Stopping(Listener):
    """Asks to stop at a step."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def update(self, step: int, row: dict[str, float]) -> bool:
        return step == self.at


class Falling(Listener):
    """Falls over at a step."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def update(self, step: int, row: dict[str, float]) -> None:
        if step == self.at:
            raise ZeroDivisionError


def everything(folder: Path) -> dict[str, object]:
    """All that a run leaves, but the clock; flat, so that a failing test names what differs."""
    lines = enumerate(read_metrics(folder))
    rows = {f"{line} {key}": value for line, row in lines for key, value in row.items() if key != "time_s"}
    last = folder / read_checkpoints(folder)[-1]["folder"]
    files = {path.name: path.read_bytes() for path in last.rglob("*.safetensors")}
    return {**rows, "rollouts": (folder / "rollouts.jsonl").read_bytes(), **files}


@pytest.fixture(scope="module")
def made(shared_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of WORDS: one that was left alone and one that was stopped, with checkpoints at 2, 4 and 5."""
    folder = tmp_path_factory.mktemp("session")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRAW_HOME", str(shared_cache))
        train(folder / "whole", WORDS)
        run_page(small_page(f"run_dir={folder / 'cut'}", WORDS), Stopping(5))
    return folder


@pytest.fixture
def cut(home: Path, made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "cut", tmp_path / "cut"))


@pytest.mark.parametrize(
    "words",
    ["", "lora_rank=2", "env_type=multi_step", "algorithm=sft", "algorithm=grpo updates_per_batch=2"],
)
@pytest.mark.parametrize("at", [*(pytest.param(step, marks=pytest.mark.slow) for step in (1, 3)), 4])
def test_a_run_that_fell_over_goes_on_as_if_it_had_not(home: Path, tmp_path: Path, words: str, at: Any) -> None:
    words = f"{WORDS} {words}".replace("baseline=ema", "" if "algorithm" in words else "baseline=ema")
    words = words.replace("kl_coef=0.1 ", "") if "sft" in words else words
    whole = train(tmp_path / "whole", words)
    with pytest.raises(ZeroDivisionError):
        run_page(small_page(f"run_dir={tmp_path / 'cut'}", words), Falling(at))
    assert state_of(tmp_path / "cut") == "failed"
    resumed = resume_run(tmp_path / "cut", Listener())
    assert state_of(resumed.folder) == "done"
    assert everything(resumed.folder) == everything(whole.folder)
    assert resumed.known == whole.known
    assert [event["step"] for event in read_events(resumed.folder) if event["event"] == "resumed"] == [
        (at - 1) // 2 * 2
    ]


def test_programs_that_ran_before_a_run_are_in_none_of_its_steps(home: Path, tmp_path: Path) -> None:
    with SPENT:
        pass
    rows = read_metrics(train(tmp_path / "run", "n_batches=1 eval_every=1").folder)
    assert not [name for row in rows for name in row if name.startswith("sandbox/")]


def test_a_run_that_was_asked_to_stop_keeps_the_step_it_was_in(home: Path, tmp_path: Path, made: Path) -> None:
    stopped = run_page(small_page(f"run_dir={tmp_path / 'cut'}", WORDS), Stopping(3))
    assert (stopped.is_done, stopped.steps, state_of(tmp_path / "cut")) == (False, 3, "stopped")
    assert [row["step"] for row in read_checkpoints(tmp_path / "cut")] == [2, 3]
    assert resume_run(tmp_path / "cut", Listener()).steps == 6
    assert everything(tmp_path / "cut") == everything(made / "whole")


def test_no_cache_is_needed_to_go_on(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the warm-up, nor for adapters the weights beneath them."""
    words = f"{WORDS} lora_rank=2"
    whole = train(tmp_path / "whole", words)
    run_page(small_page(f"run_dir={tmp_path / 'cut'}", words), Stopping(2))
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "empty"))
    resume_run(tmp_path / "cut", Listener())
    assert everything(tmp_path / "cut") == everything(whole.folder)
    assert not (tmp_path / "empty").exists()


def test_a_run_that_is_done_is_left_alone(home: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", WORDS)
    before = everything(tmp_path / "run")
    listener = Listener()
    assert resume_run(tmp_path / "run", listener).is_done
    assert "is done" in listener.lines[-1]
    assert everything(tmp_path / "run") == before


# --- damage


def damage_size(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def damage_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "file"),
    [
        (damage_size, "weights.safetensors"),
        (damage_bit, "optimizer.safetensors"),
        (damage_bit, "state.json"),
        (Path.unlink, "state.json"),
    ],
)
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(
    cut: Path, tmp_path: Path, damage: Any, file: str, made: Path
) -> None:
    damage(cut / "checkpoints" / "step-000005" / file)
    listener = Listener()
    resume_run(cut, listener)
    assert any("step-000005 is damaged" in line for line in listener.lines)
    assert any("going on from step 4" in line for line in listener.lines)
    assert (cut / "checkpoints" / "aside-step-000005").is_dir()  # not overwritten, not removed
    assert everything(cut) == everything(made / "whole")


def test_a_line_that_was_cut_by_a_kill_is_written_again(cut: Path, tmp_path: Path, made: Path) -> None:
    with (cut / "rollouts.jsonl").open("ab") as file:
        file.write(b'{"step":6,"problem":"sec')
    resume_run(cut, Listener())
    assert everything(cut) == everything(made / "whole")


@pytest.mark.parametrize("file", ["metrics.jsonl", "rollouts.jsonl"])
def test_lines_that_are_missing_stop_it(cut: Path, file: str) -> None:
    (cut / file).write_text("")
    with pytest.raises(RunError, match=rf"{file} had [\d,]+ bytes at step 5 and has 0, lines are missing: restore it"):
        resume_run(cut, Listener())


def test_a_config_that_was_edited_is_refused_and_the_edit_named(cut: Path) -> None:
    config = cut / "config.toml"
    config.write_text(config.read_text().replace("learning_rate = 0.001", "learning_rate = 0.002", 1))
    with pytest.raises(RunError, match=r"learning_rate=0\.002, not 0\.001.*--branch learning_rate=0\.002"):
        resume_run(cut, Listener())


def test_one_writer_at_a_time(cut: Path) -> None:
    from straw.runs.store import RunFolder

    with RunFolder.open(cut), pytest.raises(RunError, match="one writer"):
        resume_run(cut, Listener())


# --- --resume


def test_the_same_page_goes_on_and_another_is_refused(cut: Path, tmp_path: Path, made: Path) -> None:
    with pytest.raises(RunError, match="group_size=8, not 4"):
        continue_page(small_page(f"run_dir={cut}", WORDS, "group_size=8"), Listener())
    continue_page(small_page(f"run_dir={cut}", WORDS), Listener())
    assert everything(cut) == everything(made / "whole")


def test_to_resume_what_never_began_is_to_begin(home: Path, tmp_path: Path) -> None:
    assert continue_page(small_page(f"run_dir={tmp_path / 'new'}", "n_batches=1"), Listener()).is_done
    with pytest.raises(ConfigError, match="write run_dir="):
        continue_page(small_page("n_batches=1"), Listener())


def test_a_run_may_be_moved(cut: Path, tmp_path: Path, made: Path) -> None:
    shutil.move(cut, tmp_path / "elsewhere")
    resume_run(tmp_path / "elsewhere", Listener())
    assert everything(tmp_path / "elsewhere") == everything(made / "whole")


# --- what a folder tells


def test_a_folder_tells_what_ran_it(home: Path, tmp_path: Path) -> None:
    finished = train(tmp_path / "run", "n_batches=2")
    about = read_about(finished.folder)
    assert about["versions"].keys() >= {"python", "torch", "transformers"}
    assert about["config"] == read_config(finished.folder)
    assert load_page(finished.folder / "config.toml").page == finished.plan.page
    assert [event["event"] for event in read_events(finished.folder)] == ["started", "gates", "checkpoint", "finished"]


def test_the_newest_and_the_best_are_kept(home: Path, tmp_path: Path) -> None:
    words = "algorithm=sft n_batches=6 save_every=1 keep_last=2"
    kept = train(tmp_path / "falls", words, "schedule=linear keep_best=learning_rate").folder
    assert [row["step"] for row in read_checkpoints(kept)] == [1, 5, 6]
    assert sorted(path.name for path in (kept / "checkpoints").iterdir()) == [
        "step-000001", "step-000005", "step-000006"
    ]  # fmt: skip
    kept = train(tmp_path / "rises", words, "schedule=linear keep_best=-learning_rate").folder
    assert [row["step"] for row in read_checkpoints(kept)] == [5, 6]


def test_a_best_metric_that_no_checkpoint_has_keeps_none_and_is_told(home: Path, tmp_path: Path) -> None:
    listener = Listener()
    finished = run_page(
        small_page(f"run_dir={tmp_path / 'run'}", "n_batches=3 save_every=1 keep_last=1 keep_best=bits_know"), listener
    )
    assert [row["step"] for row in read_checkpoints(finished.folder)] == [3]
    assert sum("did you mean 'bits_known'" in line for line in listener.lines) == 1


# --- no checkpoint left


def files_of(folder: Path) -> dict[str, bytes]:
    """The history: every file of lines, byte for byte."""
    return {path.name: path.read_bytes() for path in folder.glob("*.jsonl") if path.name != "events.jsonl"}


def gone(folder: Path) -> None:
    shutil.rmtree(folder / "checkpoints")


def without_weights(folder: Path) -> None:
    for path in folder.glob("checkpoints/*/weights.safetensors"):
        path.unlink()


@pytest.mark.parametrize("damage", [gone, without_weights])
def test_a_run_whose_checkpoints_are_gone_is_refused_and_its_history_stays(cut: Path, damage: Any) -> None:
    before = files_of(cut)
    damage(cut)
    with pytest.raises(RunError, match=r"checkpoints/step-000005 gone or damaged.* over 5 steps.*straw resume .*--br"):
        resume_run(cut, Listener())
    with pytest.raises(RunError, match="none of its checkpoints left"):
        continue_page(small_page(f"run_dir={cut}", WORDS), Listener())
    assert files_of(cut) == before


def test_checkpoints_whose_lines_are_gone_too_are_missed_by_the_events(cut: Path) -> None:
    gone(cut)
    (cut / "checkpoints.jsonl").write_text("")
    before = files_of(cut)
    with pytest.raises(RunError, match=r"none of its checkpoints left \(checkpoints.jsonl gone or damaged"):
        resume_run(cut, Listener())
    assert files_of(cut) == before


def test_without_its_start_either_it_is_a_new_run_of_the_same_page(cut: Path) -> None:
    gone(cut)
    shutil.rmtree(cut / "start")
    with pytest.raises(RunError, match=r"another folder: straw train .*cut/config.toml run_dir=NEW"):
        resume_run(cut, Listener())


def fallen_early(folder: Path) -> Path:
    """Two steps and no checkpoint."""
    words = WORDS.replace("save_every=2", "save_every=5")
    with pytest.raises(ZeroDivisionError):
        run_page(small_page(f"run_dir={folder}", words), Falling(2))
    return folder


def test_a_run_that_was_killed_before_its_first_checkpoint_does_its_steps_again_and_says_so(
    home: Path, tmp_path: Path
) -> None:
    run, listener = fallen_early(tmp_path / "cut"), Listener()
    whole = train(tmp_path / "whole", WORDS.replace("save_every=2", "save_every=5"))
    assert resume_run(run, listener).is_done
    assert "no checkpoint was written yet: the first 2 steps are done again, and come out the same" in listener.lines
    assert everything(run) == everything(whole.folder)


def test_it_is_refused_where_they_would_come_out_otherwise(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fallen_early(tmp_path / "cut")
    before = files_of(run)
    monkeypatch.setattr("straw.training.session.processor", lambda: "another one")
    with pytest.raises(
        RunError, match=r"2 steps again, and they would not come out the same \(processor .*another one"
    ):
        resume_run(run, Listener())
    assert files_of(run) == before


@pytest.mark.parametrize("steps", [(1,), (1, 1), (1, 2)])
def test_kills_inside_the_first_checkpoint_lose_nothing(home: Path, tmp_path: Path, steps: Any) -> None:
    """Its line is written before its folder is there, by each process that dies there."""
    run = fallen_early(tmp_path / "cut")
    with (run / "checkpoints.jsonl").open("w") as file:
        for step in steps:
            folder = f"checkpoints/step-{step:06}"
            file.write(f'{{"step":{step},"folder":"{folder}","files":{{"x":1}},"sums":{{"x":"0"}},"lines":{{}}}}\n')
    assert resume_run(run, Listener()).is_done


@pytest.mark.parametrize("event", ["checkpoint", "resumed"])
def test_what_was_whole_and_is_gone_is_known_by_either_event(cut: Path, event: str) -> None:
    gone(cut)
    events = [line for line in (cut / "events.jsonl").read_text().splitlines() if '"event":"checkpoint"' not in line]
    line = json.loads(events[-1]) | {"event": event, "step": 2}
    (cut / "events.jsonl").write_text("".join(f"{one}\n" for one in [*events, json.dumps(line)]))
    with pytest.raises(RunError, match="none of its checkpoints left"):
        resume_run(cut, Listener())
