"""Verifiers as a task: which of its tasks are trained on, which are held out, and what its options become."""

from __future__ import annotations

from typing import Any

import pytest

from straw.errors import ConfigError, StrawError
from straw.tasks.environments.episode import Limits
from straw.tasks.environments.rows import Rows
from straw.tasks.verifiers.options import VerifiersOptions
from straw.tasks.verifiers.process import Worker, WorkerGone
from straw.tasks.verifiers.task import Verifiers, read_args
from straw.types import Message


class Counted:
    """So many tasks, which say their number."""

    def __init__(self, count: int | None, error: str = "") -> None:
        self.number, self.error, self.closed = count, error, 0

    @property
    def count(self) -> int | None:
        if self.error:
            raise WorkerGone(self.error)
        return self.number

    def prompt(self, index: int) -> list[dict[str, str]]:
        if self.error:
            raise WorkerGone(self.error)
        return [{"role": "system", "content": "Add."}, {"role": "user", "content": f"task {index}"}]

    def close(self) -> None:
        self.closed += 1


def task_of(count: int | None, error: str = "", **fields: Any) -> Verifiers:
    limits = Limits(turns=3, seconds=5.0, result=100)
    return Verifiers(name="game", rows=Rows(), limits=limits, worker=Counted(count, error), **fields)  # type: ignore[arg-type]


def places(task: Verifiers, count: int, first: int = 0) -> list[Any]:
    return [task.problem(index).columns["verifiers_task"] for index in range(first, first + count)]


@pytest.mark.parametrize(
    ("count", "trained", "held_out"),
    [(1, 1, 1), (9, 9, 9), (10, 9, 1), (19, 18, 1), (20, 18, 2), (101, 91, 10)],
)
def test_the_last_of_every_ten_tasks_is_held_out_and_of_fewer_than_ten_none(
    count: int, trained: int, held_out: int
) -> None:
    task = task_of(count)
    assert (task.num_problems, task.num_held_out) == (trained, held_out)
    asked = [task.held_out(index).columns["verifiers_task"] for index in range(held_out)]
    assert asked == ([*range(count)] if count < 10 else [*range(9, count, 10)])
    learnt = places(task, trained)
    assert sorted(learnt) == [one for one in range(count) if count < 10 or one % 10 != 9]
    assert sorted(places(task, trained, first=trained)) == sorted(learnt)  # the second pass


def test_few_held_out_tasks_go_round() -> None:
    assert [task_of(3).held_out(index).key for index in range(4)] == ["game-0", "game-1", "game-2", "game-0"]


def test_a_number_of_problems_takes_the_first_of_those_that_are_trained_on() -> None:
    for most, has in ((5, 5), (9, 9), (12, 12), (18, 18), (19, 18), (500, 18)):
        task = task_of(20, most=most)
        assert task.num_problems == has and task.num_held_out == 2
        assert sorted(places(task, has)) == [one for one in range(20) if one % 10 != 9][:has]


def test_tasks_without_end_are_trained_on_in_their_order_or_so_many_of_them() -> None:
    endless = task_of(None)
    assert (endless.num_problems, endless.num_held_out) == (None, None)
    assert places(endless, 20) == [one for one in range(22) if one % 10 != 9]
    assert [endless.held_out(index).key for index in (0, 1, 30)] == ["game-9", "game-19", "game-309"]
    some = task_of(None, most=11)
    assert some.num_problems == 11 and sorted(places(some, 11)) == [*range(9), 10, 11]


def test_each_pass_and_each_seed_has_an_order_of_its_own() -> None:
    task = task_of(50, seed=3)
    orders = [places(task, 45), places(task, 45, first=45), places(task_of(50, seed=4), 45)]
    assert len({tuple(one) for one in orders}) == 3 and orders[0] == places(task_of(50, seed=3), 45)


def test_a_problem_is_the_messages_of_its_task() -> None:
    problem = task_of(None).problem(10)
    assert (problem.key, problem.columns) == ("game-11", {"verifiers_task": 11})
    assert problem.messages == (Message("system", "Add."), Message("user", "task 11"))
    assert problem.reference == ("",) and problem.is_conversation


def test_a_taskset_without_tasks_or_without_a_process_is_one_line() -> None:
    with pytest.raises(ConfigError, match="game has no task: see its taskset's options"):
        _ = task_of(0).count
    with pytest.raises(StrawError, match=r"^it died$"):
        _ = task_of(None, error="it died").count
    with pytest.raises(StrawError, match=r"^it died$"):
        task_of(None, error="it died").at(3)


def test_tools_are_those_of_the_task_s_own_requests_or_before_them_of_any_other() -> None:
    task = task_of(20)
    first, second, third = task.problem(0), task.problem(1), task.problem(2)
    assert task.schemas(first) == ()
    add, sub = ({"function": {"name": name}} for name in ("add", "sub"))
    episodes = [task.episode(one, 0) for one in (first, second)]
    for episode, tool in zip(episodes, (add, sub), strict=True):
        episode.learn_tools((tool,))
    assert (task.schemas(first), task.schemas(second), task.schemas(third)) == ((add,), (sub,), (add,))


def test_every_episode_has_an_id_of_its_own_and_plays_its_problem() -> None:
    task = task_of(None, solved_at=0.5)
    episodes = [task.episode(task.problem(index), 9) for index in (0, 10, 0)]
    assert [(one.id, one.index) for one in episodes] == [("0", 0), ("1", 11), ("2", 0)]
    assert all(one.worker is task.worker and one.limits is task.limits and one.solved_at == 0.5 for one in episodes)
    assert episodes[0].name == "game"
    task.close()
    assert task.worker.closed == 1  # type: ignore[attr-defined]


def options(kind: str = "verifiers:game", **more: Any) -> Verifiers:
    return Verifiers.from_options(VerifiersOptions(kind=kind, **more))


def test_what_is_not_chosen_is_five_minutes_an_episode_and_all_tasks() -> None:
    task = options()
    assert task.limits == Limits(turns=10, seconds=300.0, result=2_000) and (task.seed, task.most) == (0, None)
    assert (task.tool_form, task.solved_at, task.rows, task.pays, task.knows_success) == (
        "auto", None, Rows(), True, False
    )  # fmt: skip
    assert isinstance(task.worker, Worker) and (task.worker.name, task.worker.args, task.worker.max_turns) == (
        "game", {}, 10
    )  # fmt: skip


def test_what_is_chosen_reaches_the_task_and_its_process() -> None:
    task = options(
        taskset=("num_tasks=3",), max_turns=4, env_seconds=2.0, task_seed=5, num_problems=6, solved_at=0.0,
        tool_form="plain",
    )  # fmt: skip
    assert (task.seed, task.most, task.solved_at, task.tool_form, task.knows_success) == (5, 6, 0.0, "plain", True)
    assert (task.worker.args, task.worker.max_turns, task.limits.seconds) == ({"num_tasks": 3}, 4, 2.0)


@pytest.mark.parametrize("more", [{"path": "a.jsonl"}, {"eval_path": "a.jsonl"}])
def test_rows_of_a_file_are_not_for_it(more: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="leave path and eval_path out"):
        options(**more)


@pytest.mark.parametrize("kind", ["verifiers", "verifiers:", "verifiers:NAME"])
def test_an_environment_has_to_be_named(kind: str) -> None:
    with pytest.raises(ConfigError, match="verifiers:NAME names an installed environment"):
        options(kind)


def test_options_of_a_taskset_are_values_of_json_or_texts_in_as_many_levels_as_there_are_dots() -> None:
    words = ["a.b.c=1", "a.b.d=x=y", "a.e=null", "f=[1, 2]", "g=", "h=1.5", "i=yes"]
    assert read_args(words) == {
        "a": {"b": {"c": 1, "d": "x=y"}, "e": None}, "f": [1, 2], "g": "", "h": 1.5, "i": "yes"
    }  # fmt: skip
    with pytest.raises(ConfigError, match=r"taskset=a.b.c=1 stands below b='x', which has nothing below it"):
        read_args(["a.b=x", "a.b.c=1"])
    for word in ("a", "=1"):
        with pytest.raises(ConfigError, match=r"name=value; got .* Write taskset=num_tasks=10"):
            read_args(["a=1", word])
