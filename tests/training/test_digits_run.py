"""Runs of digits, whole: a folder with accuracies, replies and a table of what changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.small_runs import Listener, Parts, small_page, small_plan, train

from straw.cli import main
from straw.engines.local.build import load_engine
from straw.errors import TrainingError
from straw.measure.accuracy import ask
from straw.report.runs.evaluations import before_and_after
from straw.runs.reading import read_checkpoints, read_config, read_evaluations, read_metrics, read_rollouts
from straw.training.resolve import generators as processes
from straw.training.session import Finished, resume_run, run_page
from straw.training.warmup import imitation
from straw.training.warmup.initial_policy import course_of, fingerprint

FRESH = "task=reverse_digits warmup=none eval_samples=4 n_batches=3"
NAMES = {"accuracy", "accuracy_low", "accuracy_high", "format_compliance"}


class Stopping(Listener):
    """Asks to stop after a step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.last = step

    def update(self, step: int, row: dict[str, float]) -> bool:
        return step == self.last


@pytest.fixture(scope="module")
def fresh(shared_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRAW_HOME", str(shared_cache))
        return train(tmp_path_factory.mktemp("digits") / "run", FRESH)


def test_accuracy_is_measured_before_training_and_after(fresh: Finished) -> None:
    rows = read_metrics(fresh.folder)
    assert [rows[step].keys() >= NAMES for step in range(4)] == [True, False, False, True]
    assert not rows[0].keys() & {"bits_known", "p_secret"}
    assert fresh.known.keys() >= NAMES
    assert [row["step"] for row in read_evaluations(fresh.folder)] == [0] * 4 + [3] * 4


def test_every_eval_every_steps_too(home: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", FRESH, "eval_every=2")
    assert {row["step"] for row in read_evaluations(tmp_path / "run")} == {0, 2, 3}


def test_the_replies_are_saved_with_what_was_read_in_them(fresh: Finished) -> None:
    for record in read_evaluations(fresh.folder):
        assert record.keys() >= {"step", "problem", "prompt", "reply", "extracted", "right", "well_formed"}
        assert record["right"] == (record["extracted"] == record["facts"]["answer"])
    before, after = before_and_after(fresh.folder)
    assert [one.question for one in before] == [one.question for one in after]


def test_a_run_that_goes_on_measures_what_it_would_have(home: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(whole, FRESH, "eval_every=1 save_every=1")
    run_page(small_page(FRESH, f"eval_every=1 save_every=1 run_dir={cut}"), Stopping(2))
    assert len(read_evaluations(cut)) == 12
    resume_run(cut, Listener())
    for name in ("evaluations.jsonl", "rollouts.jsonl"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()
    assert [row["metrics"]["accuracy"] for row in read_checkpoints(cut)]


def test_replies_behind_the_last_checkpoint_are_taken_back(home: Path, tmp_path: Path) -> None:
    """Step 2 was measured and its checkpoint lost: the run that goes on measures it again, once."""
    run_page(small_page(FRESH, f"eval_every=1 save_every=1 run_dir={tmp_path / 'run'}"), Stopping(2))
    (tmp_path / "run" / "checkpoints" / "step-000002" / "state.json").write_text("")
    resume_run(tmp_path / "run", Listener())
    assert [row["step"] for row in read_evaluations(tmp_path / "run")] == [step for step in range(4) for _ in range(4)]


def test_problems_never_come_again_and_none_is_held_out(home: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", FRESH, "num_generators=3 engine=local group_size=2 samples_per_step=6 baseline=group")
    records = list(read_rollouts(tmp_path / "run"))
    trained = [record["problem"] for record in records]
    assert len(trained) == 18 and len(set(trained)) == 9
    assert not set(trained) & {record["problem"] for record in read_evaluations(tmp_path / "run")}
    assert {record["reward"] for record in records} == {-1.0}


def test_a_measurement_may_take_the_likeliest_reply(home: Path, tmp_path: Path) -> None:
    """At 0 nothing is drawn: another seed of the run asks the same problems and hears the same."""
    for seed in (0, 1):
        train(tmp_path / str(seed), FRESH, f"eval_temperature=0 n_batches=1 seed={seed}")
    parts = Parts(FRESH)
    greedy = ask(parts.engine, parts.task, 4, 7, replace(parts.params, temperature=0.0))
    for seed in (0, 1):
        heard = [row["reply"] for row in read_evaluations(tmp_path / str(seed)) if row["step"] == 0]
        assert heard == [one.reply for one in greedy]
    drawn = ask(parts.engine, parts.task, 4, 0, parts.params)
    assert [one.reply for one in drawn] != [one.reply for one in greedy]


def test_who_names_generators_is_told_what_computes(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "lack_of_monarch", lambda: "torchmonarch is not installed")
    listener = Listener()
    run_page(small_page(FRESH, f"n_batches=1 num_generators=3 run_dir={tmp_path / 'run'}"), listener)
    assert listener.lines[0] == (
        "num_generators=3 means processes; torchmonarch is not installed, so engine=local, one process, the same bits"
    )
    assert read_config(tmp_path / "run")["engine"]["engine"] == "local"


def test_verbose_prints_every_rollout(home: Path, tmp_path: Path) -> None:
    listener = Listener()
    run_page(small_page(FRESH, f"verbose=true run_dir={tmp_path / 'run'}"), listener)
    said = [line for line in listener.lines if "paid -1" in line]
    assert len(said) == 3 * 2 and said[0].startswith("step 1  ")
    assert all("\n" not in line for line in said)


def test_a_run_ends_with_a_table_of_what_changed(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [*FRESH.split(), "model_name=tiny-0.2M", "algorithm=sft", "learning_rate=1e-2", "run_dir=run"]
    words = [word for word in words if "eval_samples" not in word] + ["eval_samples=20"]
    assert main(["train", *words, "--quiet"]) == 0
    shown = capsys.readouterr().out
    for word in ("accuracy", "95% interval", "format compliance", "held-out problems are answered otherwise", "before"):
        assert word in shown, word


# --- warm-up

EASY = "task=reverse_digits warmup_steps=20 warmup_batch=4 eval_samples=4 n_batches=1"


def test_a_warm_up_that_does_not_reach_its_accuracy_is_one_line(home: Path, tmp_path: Path) -> None:
    with pytest.raises(
        TrainingError, match=r"has to reach accuracy 0\.5; got warm-up 20 steps: accuracy 0\.00"
    ) as caught:
        Parts(EASY, "warmup_accuracy=0.5")
    assert "\n" not in str(caught.value) and "warmup=none" in str(caught.value)


def test_a_warm_up_stops_where_its_accuracy_is_measured_and_is_kept(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if every reply were right from step 20 on."""
    asked = []

    def numbers(answered: Any) -> Any:
        asked.append(answered)
        return {"accuracy": 1.0 if len(asked) == 2 else 0.0, "format_compliance": 0.5}

    monkeypatch.setattr(imitation, "accuracy_of", numbers)
    words = "task=reverse_digits warmup_steps=60 warmup_batch=4 warmup_accuracy=0.9"
    first = Parts(words)
    assert first.heard.lines == ["warm-up 20 steps: accuracy 1.00, format 0.50"]
    second = Parts(words)
    assert second.heard.lines == ["warm-up 20 steps: accuracy 1.00, format 0.50 (from the cache)"]
    assert len(asked) == 2
    mine, theirs = (parts.engine.model.state_dict() for parts in (first, second))
    assert all(mine[name].equal(theirs[name]) for name in mine)


def test_a_warm_up_asks_other_problems_than_the_run_measures_with(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(imitation, "ask", lambda engine, task, *_, first: seen.append(first) or [])
    monkeypatch.setattr(imitation, "accuracy_of", lambda _: {"accuracy": 1.0, "format_compliance": 1.0})
    Parts(EASY, "warmup_accuracy=0.95")
    assert set(seen) == {imitation.FAR} and imitation.FAR > 10**9


def test_another_goal_is_another_warm_up() -> None:
    def name(words: str) -> str:
        plan = small_plan("task=reverse_digits", words)
        engine = load_engine(plan.page)
        return fingerprint(engine, plan, course_of(plan, engine.chat))

    assert name("seed=1") == name("seed=2")
    for words in ("warmup_accuracy=0.4", "task_seed=1", "prompt=long", "warmup_batch=8", "temperature=0.7"):
        assert name(words) != name(""), words


@pytest.mark.slow
def test_the_long_prompt_leaves_room_for_steps(home: Path, tmp_path: Path) -> None:
    finished = train(tmp_path / "run", "task=sum_digits prompt=long warmup=none eval_samples=2 n_batches=1")
    assert finished.plan.page.sampling.max_tokens == 257  # 256 characters and the end
    (record,) = [one for one in read_rollouts(tmp_path / "run")][:1]
    assert record["prompt"].startswith("What is the total digit sum of [")
    assert len(record["turns"][0]["prompt_tokens"]) > 200  # the system prompt with its example
