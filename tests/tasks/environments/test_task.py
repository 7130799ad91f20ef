"""Environments as tasks: what problems there are, which class plays, and how right is told."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from straw import outside
from straw.errors import ConfigError
from straw.tasks.environments.contract import contract_of
from straw.tasks.environments.episode import Limits
from straw.tasks.environments.guess import Guess
from straw.tasks.environments.options import EnvironmentOptions
from straw.tasks.environments.rows import EMPTY, Rows
from straw.tasks.environments.task import Environment, contracts_of
from straw.tasks.environments.world import limits_in, rows_in
from straw.types import End, Message, Play, ToolCall

LIMITS = Limits(turns=4, seconds=5.0, result=200)


class Counter:
    """Pays at the end, and says nothing of success."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1

    def reset(self, **row: Any) -> str:
        self.row = row
        return " Count."

    def add(self, amount: int) -> int:
        """Adds.

        Args:
            amount: How much.
        """
        return amount

    def get_reward(self) -> float:
        return 1.0


def rows_at(path: Path, *rows: dict[str, Any]) -> str:
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


def task_of(rows: Rows | None = None, /, **kinds: Any) -> Environment:
    contracts = {name: contract_of(name, kind) for name, kind in (kinds or {"": Guess}).items()}
    return Environment(name="it", contracts=contracts, rows=rows or Rows(), limits=LIMITS)


def test_without_data_problems_never_end_and_none_is_held_out() -> None:
    task = task_of()
    assert task.num_problems is task.num_held_out is None and (task.max_turns, task.reply_limit) == (4, 0)
    problem = task.problem(5)
    assert (problem.key, problem.messages, problem.reference) == ("it", (Message("user", ""),), ("",))
    assert problem.is_conversation and problem.columns is EMPTY and not task.has_golds


def test_rows_are_counted_on_both_sides(tmp_path: Path) -> None:
    path = rows_at(tmp_path / "a.jsonl", *({"prompt": f"at {number}"} for number in range(7)))
    other = rows_at(tmp_path / "b.jsonl", *({"prompt": f"held {number}"} for number in range(3)))
    task = task_of(Rows(path=path, eval_path=other, limit=5))
    assert (task.num_problems, task.num_held_out) == (5, 3)
    assert task.held_out(1).messages == (Message("user", "held 1"),)
    assert {task.problem(index).messages[0].content for index in range(5)} == {f"at {number}" for number in range(5)}


def test_options_become_rows_and_limits(tmp_path: Path) -> None:
    options = EnvironmentOptions(
        kind="env", path="a.jsonl", num_problems=3, max_turns=7, env_seconds=2.5, max_result=99
    )
    assert rows_in(options) == Rows(path="a.jsonl", limit=3, seed=0)
    assert limits_in(options) == Limits(turns=7, seconds=2.5, result=99)
    assert rows_in(EnvironmentOptions(kind="env", task_seed=4)).seed == 4


def test_it_pays_where_any_class_does_and_knows_success_where_every_one_does(tmp_path: Path) -> None:
    rows = Rows(path=rows_at(tmp_path / "a.jsonl", {"prompt": "go"}))
    assert task_of().pays and task_of().knows_success
    both = task_of(rows, guess=Guess, count=Counter)
    assert both.pays and not both.knows_success

    class Silent(Counter):
        get_reward = None  # type: ignore[assignment]

    assert task_of(rows, guess=Guess, silent=Silent).pays
    assert not task_of(rows, silent=Silent, other=Silent).pays


def test_a_row_names_the_class_that_plays_it(tmp_path: Path) -> None:
    rows = [{"prompt": "go", "environment": name, "level": 2} for name in ("guess", "count", "cuont")]
    task = task_of(Rows(path=rows_at(tmp_path / "a.jsonl", *rows)), guess=Guess, count=Counter)
    guess, count, wrong = (task.asked(row) for row in rows)
    assert task.contract(count).name == "Counter" and [one["function"]["name"] for one in task.schemas(guess)] == [
        "say"
    ]
    assert task.parameters(count) == {"add": ["amount"]} or dict(task.parameters(count)) == {"add": ("amount",)}
    episode = task.episode(count, seed=3)
    episode.open()
    assert episode.instance.row == {"prompt": "go", "level": 2}  # not the name: that is ours
    with pytest.raises(ConfigError, match="one of guess, count; got environment='cuont': did you mean 'count'"):
        task.episode(wrong, seed=3)


def test_alone_a_class_gets_all_of_the_row() -> None:
    task = task_of(**{"": Counter})
    problem = task.asked({"prompt": "go", "environment": "x"})
    episode = task.episode(problem, 1)
    assert episode.open() == (Message("user", "go Count."),)
    assert episode.instance.row == {"prompt": "go", "environment": "x"}


def test_an_instance_is_used_again_unless_its_episode_failed() -> None:
    task = task_of(**{"": Counter})
    before, problem = Counter.made, task.problem(0)
    first = task.episode(problem, 1)
    task.give_back(problem, first)
    second = task.episode(problem, 2)
    assert second.instance is first.instance and Counter.made == before + 1
    second.reason = "it broke"
    task.give_back(problem, second)
    assert task.episode(problem, 3).instance is not first.instance


def played(solved: bool | None, *statuses: str) -> Play:
    calls = tuple(ToolCall(turn=0, name="a", arguments={}, result="", status=status) for status in statuses)
    return Play(
        environment="it", calls=calls, heard=(), tools=(), reward=None, turn_rewards=None, solved=solved, reason="",
        seconds=0.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("play", "end", "hit", "well_formed"),
    [
        (played(True, "answered", "failed"), End.ANSWERED, True, True), (played(None), End.ANSWERED, False, True),
        (played(False, "answered", "unknown"), End.ANSWERED, False, False),
        (played(True, "malformed"), End.ANSWERED, True, False), (played(True), End.OUT_OF_TOKENS, True, False),
    ],
)  # fmt: skip
def test_right_is_what_the_environment_says_and_well_formed_what_could_be_read(
    play: Play, end: End, hit: bool, well_formed: bool
) -> None:
    grade = task_of().grade_of(play, end)
    assert (grade.hits, grade.well_formed) == ((hit,), well_formed)


def test_rows_and_classes_have_to_fit(tmp_path: Path) -> None:
    for kinds in ({"a": Guess, "b": Counter}, {"": None}):
        with pytest.raises(ConfigError, match="without data an environment says what is asked"):
            Environment(
                name="it", contracts={name: contract_of(name, kind) for name, kind in kinds.items()}, rows=Rows(),
                limits=LIMITS,
            )  # fmt: skip


def add(a: int) -> int:
    """Adds.

    Args:
        a: One.
    """
    return a


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was loaded by its name."""
    named: dict[str, Any] = {"g.py:Guess": Guess, "c.py:Counter": Counter, "t.py:add": add}
    found: list[str] = []

    def load(name: str) -> Any:
        found.append(name)
        return named[name]

    monkeypatch.setattr(outside, "load", load)
    return found


def test_a_class_of_its_own_is_alone_and_several_have_names_and_tools_are_beside_each(loaded: list[str]) -> None:
    alone = contracts_of(EnvironmentOptions(kind="env:g.py:Guess", tools=("t.py:add",)))
    assert {name: one.tools for name, one in alone.items()} == {"": ("add", "say")} and len(loaded) == 2
    both = contracts_of(EnvironmentOptions(kind="env", environments=("a=g.py:Guess", "b=c.py:Counter")))
    assert {name: one.tools for name, one in both.items()} == {"a": ("say",), "b": ("add",)}
    tools = contracts_of(EnvironmentOptions(kind="env", tools=("t.py:add",)))
    assert tools[""].factory is None and tools[""].tools == ("add",) and [*tools] == [""]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"kind": "env"}, "env wants an environment: write env:FILE.py:Class"),
        ({"kind": "env:g.py:Guess", "environments": ("a=g.py:Guess",)}, "got env:g.py:Guess and environments: leave"),
        ({"kind": "env", "environments": ("a=g.py:Guess", "g.py:Guess")}, "FILE.py:Class; got 'g.py:Guess'"),
        ({"kind": "env", "environments": ("a=",)}, "FILE.py:Class; got 'a'"),
    ],
)
def test_what_names_no_environment_is_one_line(words: dict[str, Any], why: str, loaded: list[str]) -> None:
    with pytest.raises(ConfigError, match=why):
        contracts_of(EnvironmentOptions(**words))


def test_a_task_is_called_by_its_classes_each_once(tmp_path: Path, loaded: list[str]) -> None:
    path = rows_at(tmp_path / "a.jsonl", {"prompt": "go", "environment": "a"})
    names = ("a=g.py:Guess", "b=c.py:Counter", "c=g.py:Guess")
    task = Environment.from_options(
        EnvironmentOptions(
            kind="env", environments=names, path=path, max_turns=6, stop_when_done=True, tool_form="bare"
        )
    )
    assert (task.name, task.tool_form) == ("Guess-Counter", "bare") and task.rows == Rows(path=path)
    assert task.limits == Limits(turns=6, seconds=60.0, result=2_000, stops_when_done=True)
    alone = Environment.from_options(EnvironmentOptions(kind="env:g.py:Guess"))
    assert not alone.limits.stops_when_done and alone.tool_form == "auto" and alone.name == "Guess"


def test_what_an_instance_draws_while_it_is_made_is_the_same_for_all_and_nobody_else_s() -> None:
    class Drawn(Counter):
        def __init__(self) -> None:
            super().__init__()
            self.drawn = random.random()

    task = task_of(**{"": Drawn})
    random.seed(5)
    expected = random.random()
    random.seed(5)
    drawn = {task.episode(task.problem(index), index).instance.drawn for index in range(3)}
    assert len(drawn) == 1 and random.random() == expected


def test_all_episodes_may_play_at_once_and_nothing_is_said_or_graded_beside_them() -> None:
    task = task_of()
    problem = task.problem(0)
    assert [task.room_for(wanted) for wanted in (1, 7)] == [1, 7]
    said: Any = task
    assert said.next_message(problem, ["a"]) is None
    for end, well_formed in ((End.ANSWERED, True), (End.OUT_OF_TURNS, False)):
        grade = task.grade(problem, ["a"], end)
        assert (grade.hits, grade.well_formed) == ((False,), well_formed)
    assert task.tool_form == "auto" and task.has_golds is False


def test_an_episode_has_the_seed_and_the_limits_that_it_is_given_and_those_that_failed_lend_no_instance() -> None:
    task = task_of(**{"": Counter})
    problem = task.problem(0)
    first, second = task.episode(problem, 11), task.episode(problem, 12)
    assert (first.luck.seed, second.luck.seed) == (11, 12) and first.limits is task.limits
    assert first.instance is not second.instance and task.pool == {"": []}
    task.give_back(problem, first)
    task.give_back(problem, second)
    assert task.episode(problem, 13).instance is second.instance and task.pool[""] == [first.instance]


def test_tools_alone_have_nothing_to_give_back(tmp_path: Path) -> None:
    rows = Rows(path=rows_at(tmp_path / "a.jsonl", {"prompt": "go"}))
    task = Environment(name="it", contracts={"": contract_of("tools", None, [add])}, rows=rows, limits=LIMITS)
    problem = task.problem(0)
    episode = task.episode(problem, 1)
    assert episode.instance is None and not task.pays
    task.give_back(problem, episode)
    assert task.pool == {"": []}
