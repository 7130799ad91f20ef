"""Functions, classes and objects in place of names: what they stand for, and a run that goes on with them."""

from __future__ import annotations

import importlib.util
import json
import shutil
from dataclasses import make_dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.library.small import ONE_STEP, RAW, ROWS, SHORT, bytes_of, long

import straw
from straw import outside
from straw.algorithms.baselines import baseline_named
from straw.algorithms.losses import loss_named
from straw.cli import main
from straw.errors import ConfigError, DataError
from straw.library.pages import LoadedPage
from straw.training.plan import Plan
from straw.training.resolve.page_to_plan import plan_of

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def planned(page: LoadedPage) -> Plan:
    page.use()
    return plan_of(page.loaded)


def stop_at(last: int) -> Any:
    return lambda step, metrics: step >= last


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in another program."""
    monkeypatch.setattr(outside, "handed", {})


def test_a_run_with_a_function_goes_on_with_it_and_comes_out_the_same(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = straw.train(ROWS, reward=long, run_dir=tmp_path / "whole", **SHORT)
    options = {**SHORT, "run_dir": tmp_path / "halved"}
    halved = straw.train(ROWS, reward=long, callbacks=[stop_at(1)], **options)
    assert (whole.state, halved.state, halved.checkpoints) == ("done", "stopped", [1])
    forget(monkeypatch)
    with pytest.raises(ConfigError, match=r"hand it in again by .*, for example straw\.resume\(RUN, reward=long\)"):
        straw.resume(tmp_path / "halved", quiet=True)
    again = shutil.copytree(halved.path, tmp_path / "again")
    assert straw.resume(tmp_path / "halved", reward=long, quiet=True).state == "done"
    assert straw.train(ROWS, reward=long, resume=True, **options).state == "done"
    assert bytes_of(halved.path) == bytes_of(whole.path)
    assert all(row["reward"] == len(row["replies"][0]) / 10 for row in whole.rollouts)
    with pytest.raises(ConfigError, match="the source of long was changed"):
        straw.resume(again, reward=another_long(), quiet=True)


def another_long() -> Any:
    def long(completions: list[str]) -> list[float]:
        return [1.0 for _ in completions]

    return long


def test_the_source_of_a_function_is_kept_with_its_hash_and_never_run(home: Path, tmp_path: Path) -> None:
    run = straw.train(ROWS, reward=long, run_dir=tmp_path / "run", **ONE_STEP)
    index = json.loads((run.path / "code" / "files.json").read_text())
    kept = (run.path / "code" / f"long-{index['python:long']}.py").read_text()
    assert run.config["reward"]["reward_type"] == "python:long"
    assert kept.startswith("def long(completions") and "Longer is better" in kept


def test_to_look_at_and_to_evaluate_a_run_takes_no_reward(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = straw.train(ROWS, reward=long, run_dir=tmp_path / "run", **ONE_STEP)
    forget(monkeypatch)
    for command in (["eval", str(run.path), "num_problems=2", "--quiet"], ["show", str(run.path)]):
        assert main(command) == 0
    assert main(["resume", str(run.path)]) == 2
    assert "an object that a Python program handed in" in capsys.readouterr().err
    assert len(straw.Run(run.path).sample(n=2)) == 2


def test_rows_lie_in_the_run_folder_and_come_back_in_another_cache(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = straw.train(ROWS, reward=long, run_dir=tmp_path / "run", callbacks=[stop_at(1)], **SHORT)
    name = run.config["task"]["path"].removeprefix("rows:")
    kept = run.path / "data" / f"{name}.jsonl"
    assert [json.loads(line) for line in kept.read_text().splitlines()] == ROWS
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "another"))
    assert straw.resume(run, quiet=True).state == "done"
    assert (tmp_path / "another" / "data" / f"{name}.jsonl").read_bytes() == kept.read_bytes()
    kept.write_text(kept.read_text().replace("1 + 1", "1 + 2"))
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "a third"))
    with pytest.raises(straw.RunError, match="was changed since the run began"):
        straw.evaluate(run, quiet=True)


def test_data_come_as_lists_frames_data_sets_and_splits(home: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    pandas = pytest.importorskip("pandas")
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    asked = ROWS[:4]
    page = straw.load(ROWS, reward=long, model="tiny-0.2M")
    for same in (pandas.DataFrame(ROWS), datasets.Dataset.from_list(ROWS), iter(ROWS)):
        assert straw.load(same, reward=long).options["path"] == page.options["path"]
    assert straw.load(str(tmp_path / "rows.jsonl"), reward=long).task.num_problems == page.task.num_problems
    split = straw.load({"train": ROWS[4:], "test": asked}, reward=long, model="tiny-0.2M")
    assert (split.task.num_problems, split.task.num_held_out) == (8, 4)  # type: ignore[attr-defined]
    assert straw.load(ROWS, task="gsm8k").options["kind"] == "gsm8k"
    with pytest.raises(DataError, match="row 1 is to be a dict"):
        straw.load(["a text"])
    with pytest.raises(ConfigError, match="got int"):
        straw.load(7)


def test_each_kind_of_object_is_what_its_name_in_a_file_would_be(home: Path) -> None:
    mine = example("my_algorithm")
    plan = planned(straw.load("secret", N=8, baseline=mine.median_baseline, loss=mine.squared_ratio))
    assert baseline_named(str(plan.page.algorithm.baseline)).of_group([0.0, 1.0, 3.0], None) == [-1.0, 0.0, 2.0]  # type: ignore
    assert loss_named(str(plan.page.algorithm.loss_fn)) is mine.squared_ratio
    row = planned(straw.load("secret", N=8, algorithm=mine.MEDIAN))
    assert row.page.algorithm.baseline == "python:median_baseline"
    assert row.row == replace(mine.MEDIAN, baseline="python:median_baseline", loss_fn="python:squared_ratio")
    learner = planned(straw.load("secret", N=8, algorithm=example("my_learner").BestSoFar))
    assert learner.row.learner == "python:BestSoFar"
    channel = example("my_channel").Parity
    assert planned(straw.load("secret", N=8, reward=channel)).channel == channel()
    made = channel()
    assert planned(straw.load("secret", N=8, reward=made)).channel is made
    grader = planned(straw.load(ROWS, reward="binary", grader=example("my_grader").ends_with_gold))
    assert grader.task.grader_name == "python:ends_with_gold"  # type: ignore[attr-defined]


def test_a_task_is_a_class_or_an_object(home: Path, tmp_path: Path) -> None:
    letters = example("my_task").Letters
    assert straw.load(letters, size=4).task.num_problems == 4
    page = straw.load(letters(size=3))
    assert page.options["size"] == 3 and page.task == letters(size=3)  # its options are on the page

    class Fixed(straw.SimpleTask):
        num_problems = 1

        def __init__(self, word: str) -> None:
            self.word = word

        def problem(self, index: int) -> straw.Problem:
            return straw.Problem(key="a", messages=(straw.Message("user", "?"),), reference=(self.word,))

    fixed = Fixed("no")
    assert straw.load(fixed).task is fixed
    run = straw.train(task=fixed, run_dir=tmp_path / "run", **ONE_STEP)
    assert run.config["task"]["kind"] == "python:Fixed" and len(run.sample(n=1)) == 1


def test_several_rewards_have_their_weights(home: Path, tmp_path: Path) -> None:
    def short(completions: list[str], **columns: object) -> list[float]:
        return [-float(len(text)) for text in completions]

    rewards = [long, "correctness", short]
    run = straw.train(ROWS, reward=rewards, reward_weights=[1, 2, 0.5], run_dir=tmp_path / "a", **ONE_STEP)
    for row in run.rollouts:
        length = len(row["replies"][0])
        right = 2.0 * row["grade"]["hits"][0]
        assert row["rewards"] == {"correctness": right, "long": length / 10, "short": -length / 2}
    with pytest.raises(ConfigError, match="one of reward_weights for each reward"):
        straw.load(ROWS, reward=rewards, reward_weights=[1])


@pytest.mark.parametrize("spelled", [list, ",".join])
def test_a_file_that_python_names_beside_a_weight_is_trusted(spelled: Any, tmp_path: Path) -> None:
    """As a command line's is; a page that names it is refused until somebody looked."""
    file = tmp_path / "mine.py"
    file.write_text("def long(completions, **columns):\n    return [len(text) / 10 for text in completions]\n")
    parts = spelled(["correctness=1", f"{file}:long=0.5"])
    run = straw.train("countdown", reward_type="weighted", reward_weights=parts, run_dir=tmp_path / "run", **ONE_STEP)
    assert all(row["rewards"]["long"] == len(row["replies"][0]) / 20 for row in run.rollouts)


def test_weights_may_be_one_text_as_on_a_command_line() -> None:
    """A text is a sequence of letters too, and was read as one."""
    spelled = straw.load("countdown", reward_type="weighted", reward_weights="correctness=1,integer=0.5")
    assert spelled.options["reward_weights"] == ("correctness=1", "integer=0.5")
    both = straw.load("countdown", reward=["correctness", "integer"], reward_weights="1,0.5")
    assert both.options["reward_weights"] == spelled.options["reward_weights"]
    with pytest.raises(ConfigError, match="two objects are called lambda"):
        straw.load(ROWS, reward=[lambda completions: [0.0], lambda completions: [1.0]])


def test_pages_keep_their_own_objects(home: Path, tmp_path: Path) -> None:
    """A cell of a notebook defines a function or a class anew under its name."""
    first, second = straw.load(ROWS, reward=long, **plain(SHORT)), straw.load(ROWS, reward=another_long())
    assert planned(second).channel.function is not long  # type: ignore[attr-defined]
    run = straw.train(first, run_dir=tmp_path / "run", n_batches=1, quiet=True)
    assert all(row["reward"] == len(row["replies"][0]) / 10 for row in run.rollouts)
    first_of_all = straw.load(letters_with("count"), count=4)
    assert straw.load(letters_with("length"), length=6).options["length"] == 6
    assert straw.load(first_of_all, count=5).options["count"] == 5


def letters_with(name: str) -> type[straw.SimpleTask]:
    """A class Letters with one option, which has this name."""
    number = straw.option(3, "a number", at_least=1)
    options = make_dataclass("Options", [(name, int, number)], bases=(straw.TaskSection,), frozen=True, kw_only=True)
    return type("Letters", (straw.SimpleTask,), {"Options": options, "problem": lambda self, index: None})


def plain(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "quiet"}


def test_what_objects_cannot_do_is_said_in_a_line(home: Path, tmp_path: Path) -> None:
    page = tmp_path / "sweep.toml"
    page.write_text("seeds = [0]\n[base]\nN = 8\n")
    with pytest.raises(ConfigError, match="put long into a file"):
        straw.sweep(page, reward_type=long)
    with pytest.raises(ConfigError, match="a run keeps its page"):
        run = straw.train("secret", N=8, run_dir=tmp_path / "run", max_tokens=2, n_batches=1, **RAW)
        straw.resume(run, learning_rate=1e-3)
    with pytest.raises(ConfigError, match="did you mean 'learning_rate'"):
        straw.load("secret", learning_rat=1e-3)
    with pytest.raises(ConfigError, match="given twice"):
        straw.load("secret", lr=1e-3, learning_rate=1e-4)
    with pytest.raises(ConfigError, match="which an object cannot reach"):
        straw.train("secret", N=8, loss=example("my_algorithm").squared_ratio, engine="monarch")


def test_an_object_that_is_missing_is_asked_for_by_its_own_keyword(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`reward=` would be no way to hand a grader in."""
    mine = example("my_algorithm")
    pages = {
        "grader=ends_with_gold": straw.load(ROWS, reward="binary", grader=example("my_grader").ends_with_gold),
        "baseline=median_baseline": straw.load("secret", N=8, baseline=mine.median_baseline),
        "algorithm=BestSoFar": straw.load("secret", N=8, algorithm=example("my_learner").BestSoFar),
    }
    forget(monkeypatch)
    for told, page in pages.items():
        with pytest.raises(ConfigError, match=rf"straw\.resume\(RUN, {told}\)"):
            plan_of(page.loaded)
