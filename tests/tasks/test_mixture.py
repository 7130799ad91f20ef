"""A mixture asks each of its tasks as often as its weight says, and lets each grade its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.small_runs import Listener, small_plan

from straw.config import load_page, parse_overrides
from straw.errors import ConfigError
from straw.tasks.mixture import Mixture
from straw.training.resolve.page_to_plan import plan_of
from straw.types import End

MIX = "kind=mixture mix=sum_digits=3,largest=1 mix_options=largest.numbers=2,largest.task_seed=5"


def mixture(words: str = MIX) -> Any:
    task = small_plan(words).task
    assert isinstance(task, Mixture)
    return task


def test_tasks_come_as_often_as_they_weigh() -> None:
    task = mixture()
    counts = Counter(task.problem(index).key.partition("/")[0] for index in range(2000))
    assert counts["sum_digits"] / 2000 == pytest.approx(0.75, abs=0.03)
    held = Counter(task.held_out(index).key.partition("/")[0] for index in range(500))
    assert held["sum_digits"] / 500 == pytest.approx(0.75, abs=0.06)


def test_a_problem_is_its_tasks_own_and_a_function_of_its_index() -> None:
    task, again = mixture(), mixture()
    alone = small_plan("kind=largest numbers=2 task_seed=5").task
    for index in range(40):
        problem = task.problem(index)
        assert problem == again.problem(index)
        name, _, key = problem.key.partition("/")
        if name == "largest":
            assert (problem.messages, key) == (alone.problem(index).messages, alone.problem(index).key)
            assert len(problem.reference) == 1


def test_each_task_grades_its_own() -> None:
    task = mixture()
    for index in range(20):
        problem = task.problem(index)
        assert all(task.grade(problem, problem.reference, End.ANSWERED).hits)
        assert not all(task.grade(problem, ["no"], End.ANSWERED).hits)


def test_what_its_tasks_leave_open_is_on_the_page() -> None:
    page = small_plan(MIX).page
    assert set(page.task.mix_filled) == {"sum_digits.prompt=short", "largest.wording=short"}  # type: ignore[attr-defined]
    assert page.warmup.warmup_accuracy == pytest.approx((3 * 0.05 + 0.5) / 4, abs=0.2)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("mix=secret,largest", "problems that are held out; secret has none such"),
        ("mix=largest,largest", "names each of its tasks once"),
        ("mix=largest=0", "a weight above 0; got largest=0"),
        ("mix=largest,sum_digts", "did you mean 'sum_digits'"),
        ("mix=largest mix_options=largest.nmbers=2", "largest has no option 'nmbers'; did you mean 'numbers'"),
        ("mix=largest mix_options=sum_digits.task_seed=2", "of one that mix names; got sum_digits.task_seed=2"),
        ("mix=largest mix_options=largest.numbers=1", "numbers is how many numbers a list has and has to be >= 2"),
    ],
)
def test_what_is_no_mixture_is_refused(words: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        small_plan(f"kind=mixture {words}")


@pytest.mark.slow
def test_a_mixture_trains_and_goes_on(home: Path, tmp_path: Path) -> None:
    from tests.torture import differing
    from tests.training.test_torture import Dying

    from straw.runs.reading import read_metrics
    from straw.training.session import resume_run, run_page

    words = "model_name=tiny-0.2M warmup=none n_batches=4 save_every=2 eval_every=4 eval_samples=4 group_size=2"

    def page(folder: Path) -> Any:
        return load_page(None, parse_overrides(["task=mixture", *words.split(), "batch_size=2", f"run_dir={folder}"]))

    assert plan_of(page(tmp_path / "alone")).task.name == "mixture"
    run_page(page(tmp_path / "alone"), Listener())
    with pytest.raises(ZeroDivisionError):
        run_page(page(tmp_path / "again"), Dying(3))
    resume_run(tmp_path / "again", Listener())
    assert differing(tmp_path / "alone", tmp_path / "again") == []
    assert "accuracy" in read_metrics(tmp_path / "alone")[-1]
