"""A mixture asks each of its tasks as often as its weight says, and lets each grade its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.made_environments import Words
from tests.small_runs import Listener, small_plan

from straw.config import load_page, parse_overrides
from straw.errors import ConfigError
from straw.tasks import mixture as module
from straw.tasks.environments.contract import contract_of
from straw.tasks.environments.episode import Limits
from straw.tasks.environments.rows import Rows
from straw.tasks.environments.task import Environment
from straw.tasks.mixture import Mixture, MixtureOptions, read_weight
from straw.training.resolve.page_to_plan import plan_of
from straw.types import End, Message, Problem

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


def options(*mix: str, **more: Any) -> MixtureOptions:
    return MixtureOptions(kind="mixture", mix=mix, **more)


@pytest.mark.parametrize(
    ("text", "name", "weight"),
    [("a", "a", 1.0), (" a ", "a", 1.0), ("a=2", "a", 2.0), (" a=0.5 ", "a", 0.5), ("gym:a=b=3", "gym:a=b", 3.0)],
)
def test_a_task_without_a_weight_weighs_one(text: str, name: str, weight: float) -> None:
    assert read_weight(text) == (name, weight)


@pytest.mark.parametrize("text", ["a=0", "a=-1", "a=inf", "a=nan", "a=much", "a="])
def test_a_weight_is_a_number_above_zero(text: str) -> None:
    with pytest.raises(ConfigError, match=f"a task of a mixture has a weight above 0; got {text}. Write mix="):
        read_weight(text)


def test_a_mixture_has_at_least_one_task_and_each_once() -> None:
    assert options("sum_digits=2", "largest").weights == {"sum_digits": 2.0, "largest": 1.0}
    for mix in ((), ("largest", "largest=2")):
        with pytest.raises(ConfigError, match="a mixture names each of its tasks once"):
            _ = options(*mix).weights


def test_what_is_enough_is_the_mean_by_weight_of_what_each_task_finds_enough() -> None:
    assert options("sum_digits=3", "largest=1").enough_accuracy == pytest.approx((3 * 0.05 + 0.5) / 4)
    assert options("largest=7").enough_accuracy == pytest.approx(0.5)
    assert options("largest", "code").enough_accuracy is None


def test_a_task_that_finds_nothing_enough_counts_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    enough = {"sum_digits": 0.0, "largest": 0.8}
    monkeypatch.setattr(MixtureOptions, "section", lambda self, name: SimpleNamespace(enough_accuracy=enough[name]))
    assert options("sum_digits=1", "largest=3").enough_accuracy == pytest.approx(0.6)


def test_options_belong_to_the_task_that_they_name_and_what_is_said_goes_before_what_was_filled_in() -> None:
    page = options(
        "sum_digits", "largest", mix_options=("largest.numbers=2", "sum_digits.task_seed=4"),
        mix_filled=("largest.numbers=5", "largest.wording=short"),
    )  # fmt: skip
    assert page.said("largest") == {"numbers": 2} and page.said("sum_digits") == {"task_seed": 4}
    assert page.said("largest", filled=True) == {"numbers": 2, "wording": "short"}
    section: Any = page.section("largest")
    assert (section.kind, section.numbers, section.wording, section.digits) == ("largest", 2, "short", 2)


@pytest.mark.parametrize("text", ["largest.kind=code", "largest.numbers", "numbers=2", "code.task_seed=1"])
def test_an_option_that_is_no_task_s_own_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"largest has no option 'kind'|NAME.option=value, of one that mix names"):
        options("largest", mix_options=(text,)).said("largest")


class Part:
    """A task that says its name."""

    def __init__(self, name: str, reply_limit: int = 1, **more: Any) -> None:
        self.name, self.reply_limit = name, reply_limit
        for key, value in more.items():
            setattr(self, key, value)

    def problem(self, index: int) -> Problem:
        return Problem(key=f"{self.name}/{index}", messages=(Message("user", "?"),), reference=("!",))

    def held_out(self, index: int) -> Problem:
        return Problem(key=f"{self.name}/held {index}", messages=(Message("user", "?"),), reference=("!",))

    def grade(self, problem: Problem, replies: Any, end: End) -> Any:
        return self.name, problem.key, replies, end


def made(**weights: float) -> Any:
    tasks: Any = {name: Part(name, reply_limit=place) for place, name in enumerate(weights)}
    return Mixture(tasks=tasks, weights=weights, task_seed=9)


@pytest.mark.parametrize(
    ("share", "name"), [(0.0, "a"), (0.29, "a"), (0.3, "b"), (0.79, "b"), (0.8, "c"), (0.999, "c"), (1.0, "c")]
)
def test_a_share_of_all_weights_falls_to_the_task_whose_part_it_lies_in(
    share: float, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def uniform(*words: Any) -> float:
        asked.append(words)
        return share

    monkeypatch.setattr(module, "uniform_for", uniform)
    task = made(a=3, b=5, c=2)
    assert task.problem(7).key == f"{name}/{name}/7" and task.held_out(4).key == f"{name}/{name}/held 4"
    assert asked == [("mixture", 9, "train", 7), ("mixture", 9, "held out", 4)]


def test_a_problem_goes_back_to_its_task_under_its_own_key() -> None:
    task = made(a=1, b=1)
    problem = Problem(key="b/b/3", messages=(Message("user", "?"),), reference=("!",))
    assert task.grade(problem, ["x"], End.ANSWERED) == ("b", "b/3", ["x"], End.ANSWERED)
    assert (task.reply_limit, task.num_problems, task.num_held_out, task.max_turns) == (1, None, None, 1)


@pytest.mark.parametrize("name", ["mine/letters.py:A", "a", "a/b.py:C"])
def test_a_task_of_a_file_in_a_folder_gets_its_problems_back(name: str) -> None:
    tasks: Any = {one: Part("x") for one in ("a", "mine/letters.py:A", "a/b.py:C")}
    task: Any = Mixture(tasks=tasks, weights={name: 1.0})
    assert task.grade(task.problem(3), ["y"], End.ANSWERED)[1] == "x/3"


def test_a_world_is_no_part_for_an_episode_in_it_is_more_than_a_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(turns=1, seconds=1.0, result=40)
    world = Environment(name="words", contracts={"": contract_of("words", Words)}, rows=Rows(), limits=limits)
    monkeypatch.setattr(module, "find", lambda *_: SimpleNamespace(from_options=lambda section: world))
    with pytest.raises(ConfigError, match="has one reply"):
        module.part_of("env:words.py:Words", options("largest"))


def test_a_mixture_has_golds_where_each_task_has_or_does_not_say_otherwise() -> None:
    for flags, has in (((None, True), True), ((True, False), False), ((None, None), True), ((False, None), False)):
        tasks: Any = {
            str(place): Part("a", **({} if flag is None else {"has_golds": flag})) for place, flag in enumerate(flags)
        }
        assert Mixture(tasks=tasks, weights={}).has_golds is has


def test_a_mixture_runs_for_a_hundred_steps_and_a_model_from_nothing_is_warmed_up() -> None:
    filled = {"mix_filled": ("sum_digits.prompt=short",), "n_batches": 100}
    tiny = load_page(None, {"kind": "mixture", "model_name": "tiny-0.2M"}).page
    assert options("sum_digits").defaults(tiny) == filled | {
        "warmup_batch": 32, "warmup_learning_rate": 2e-3, "warmup_steps": 2000
    }  # fmt: skip
    real = load_page(None, {"kind": "mixture", "model_name": "smollm2"}).page
    assert options("largest").defaults(real) == {"mix_filled": ("largest.wording=largest",), "n_batches": 100}
    chosen = options("largest", mix_options=("largest.wording=biggest",))
    assert chosen.defaults(real)["mix_filled"] == ()
