"""Runs of word problems and of countdown, whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.made_data import gsm8k_folder
from tests.small_runs import Listener, small_page, small_plan, train

from straw.cli import main
from straw.config import dump, load_page, parse_overrides
from straw.runs.reading import read_evaluations, read_metrics, read_rollouts
from straw.training.resolve.page_to_plan import plan_of
from straw.training.session import resume_run, run_page

FEW = "group_size=2 batch_size=2 n_batches=2 max_tokens=8 eval_samples=3 warmup=none"
DATA = Path(__file__).parent.parent.parent.parent / "shared" / "data"


class Stopping(Listener):
    def update(self, step: int, row: dict[str, float]) -> bool:
        return step == 1


@pytest.fixture
def made(tmp_path: Path) -> Any:
    return gsm8k_folder(tmp_path / "made")


def test_gsm8k_is_trained_from_a_folder_and_asked_what_is_held_out(home: Path, tmp_path: Path, made: Any) -> None:
    train(tmp_path / "run", f"task=gsm8k path={made}", FEW)
    rows, records = read_metrics(tmp_path / "run"), list(read_rollouts(tmp_path / "run"))
    assert {"accuracy", "format_compliance"} <= rows[0].keys() and {"reward", "reward_std"} <= rows[1].keys()
    assert len(records) == 8 and {record["facts"]["place"].partition(":")[0] for record in records} == {"train.jsonl"}
    asked = read_evaluations(tmp_path / "run")
    assert {record["facts"]["place"].partition(":")[0] for record in asked} == {"test.jsonl"}
    assert all(record["extracted"] is None or isinstance(record["extracted"], str) for record in asked)


def test_a_run_that_goes_on_reads_the_data_again_and_goes_on_alike(home: Path, tmp_path: Path, made: Any) -> None:
    words = f"task=gsm8k path={made} max_prompt_tokens=170 long_prompts=skip save_every=1 {FEW}"
    train(tmp_path / "whole", words)
    run_page(small_page(words, f"run_dir={tmp_path / 'cut'}"), Stopping())
    resume_run(tmp_path / "cut", Listener())
    for name in ("rollouts.jsonl", "evaluations.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes()


def test_there_are_as_many_held_out_questions_as_there_are(home: Path, tmp_path: Path, made: Any) -> None:
    train(tmp_path / "run", f"task=gsm8k path={made}", FEW, "eval_samples=50")
    assert len(read_evaluations(tmp_path / "run")) == 2 * 4


def test_solutions_can_be_learned_by_imitation(home: Path, tmp_path: Path, made: Any) -> None:
    train(tmp_path / "run", f"task=gsm8k path={made} algorithm=sft learning_rate=1e-2", FEW, "n_batches=12")
    losses = [row["loss"] for row in read_metrics(tmp_path / "run") if "loss" in row]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("task", ["countdown", "gym:chain_sum"])
def test_made_problems_are_trained_without_end(home: Path, tmp_path: Path, task: str) -> None:
    if task.startswith("gym"):
        pytest.importorskip("reasoning_gym")
    train(tmp_path / "run", f"task={task}", FEW, "max_tokens=none" if task == "countdown" else "")
    records = list(read_rollouts(tmp_path / "run"))
    assert len({record["problem"] for record in records}) == 4


def test_what_the_page_leaves_open_is_filled_in(made: Any) -> None:
    page = small_plan(f"task=gsm8k path={made} seed=5 batch_size=2").page
    assert (page.task.task_seed, page.task.grader, page.run.n_batches) == (5, "exact", 6)
    assert small_plan(f"task=gsm8k path={made} system_prompt=boxed").page.task.grader == "extract"
    small, real = small_plan("task=countdown").page, small_plan("task=countdown model_name=a/b").page
    assert (small.task.prompt, small.task.numbers, small.task.operators) == ("short", "3", "+-")
    assert (small.warmup.warmup_accuracy, small.run.n_batches) == (0.3, 100)
    assert (real.task.prompt, real.task.numbers, real.warmup.warmup) == ("long", "3..4", "none")
    assert small_plan("task=countdown max_number=20 prompt=long").page.task.max_number == 20


@pytest.mark.parametrize("words", ["task=gsm8k path={made}", "task=countdown", "task=gym:chain_sum"])
def test_a_plan_written_as_a_page_is_the_same_plan(words: str, tmp_path: Path, made: Any) -> None:
    if "gym" in words:
        pytest.importorskip("reasoning_gym")
    page = plan_of(small_page(words.format(made=made))).page
    (tmp_path / "page.toml").write_text(dump(page))
    assert plan_of(load_page(tmp_path / "page.toml")).page == page


def test_the_first_word_names_the_task(
    home: Path, tmp_path: Path, made: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [f"path={made}", "model_name=tiny-0.2M", "run_dir=run", *FEW.split()]
    assert main(["train", "gsm8k", *words, "--quiet"]) == 0
    assert main(["train", "gsm8k", "path=nowhere", "--quiet"]) == 2
    assert "there is no nowhere. Check path." in capsys.readouterr().err
    assert main(["train", "gym:chain_sum", "--help"]) == 0  # asks nothing of the library
    assert "gym_options" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="the data is not here")
def test_gsm8k_on_a_real_model_for_a_few_steps(tmp_path: Path) -> None:
    """Needs `straw models add smollm2`."""
    words = [
        "task=gsm8k", f"path={DATA / 'gsm8k'}", "model_name=smollm2", "group_size=2", "batch_size=1", "n_batches=2",
        "max_tokens=48", "eval_samples=2", "max_prompt_tokens=256", "long_prompts=skip", f"run_dir={tmp_path / 'run'}",
    ]  # fmt: skip
    heard = Listener()
    run_page(load_page(None, parse_overrides(words)), heard)
    assert any("skipped, longer than 256 tokens: 1 of 7473 prompts" in line for line in heard.lines)
    records = list(read_rollouts(tmp_path / "run"))
    assert len(records) == 4 and all(len(record["turns"][0]["reply_tokens"]) <= 48 for record in records)
    assert [row["step"] for row in read_metrics(tmp_path / "run")] == [0, 1, 2]
