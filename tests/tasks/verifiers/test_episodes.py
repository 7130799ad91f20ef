"""Episodes of verifiers with a worker that is pretended: tokens, tools, rewards, and every way to fail."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from tests.made_environments import Say, Scripted

from straw.engines.base import SamplingParams
from straw.errors import ConfigError
from straw.rollouts.collect import SeedKey
from straw.rollouts.worlds import play
from straw.tasks.openenv import local_server
from straw.tasks.verifiers import process
from straw.tasks.verifiers.options import VerifiersOptions
from straw.tasks.verifiers.task import Verifiers, read_args
from straw.types import End, Message, Played

PARAMS = SamplingParams(max_tokens=200)
PRETEND = Path(__file__).parents[2] / "pretend" / "verifiers_worker.py"


@pytest.fixture(autouse=True)
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "WORKER", PRETEND)
    monkeypatch.setattr(local_server, "END_S", 0.1)
    monkeypatch.setenv("STRAW_VERIFIERS_PYTHON", sys.executable)


def task_named(name: str, **options: Any) -> Verifiers:
    values = {"max_turns": 5, "env_seconds": 20.0} | options
    return Verifiers.from_options(VerifiersOptions(kind=f"verifiers:{name}", **values))


def played(task: Verifiers, say: Say, size: int = 1) -> list[Played]:
    keys = [[(SeedKey(seed=0, step=1, group=0), sample) for sample in range(size)]]
    (row,) = play(Scripted(say), task, [task.problem(0)], keys, PARAMS)
    return row


def tokens_of(done: Played) -> tuple[int, ...]:
    return done.turns[-1].prompt + done.turns[-1].reply


def whole(*messages: tuple[str, str]) -> tuple[int, ...]:
    chat = Scripted(lambda row, turn: "").chat
    text = chat.written([Message(*one) for one in messages], speak=False)
    return tuple(chat.tokenizer.encode(text, add_special_tokens=False))


def test_an_episode_is_the_tokens_of_its_conversation() -> None:
    task = task_named("talks", solved_at=1.0)
    said = ["1", "22", "3"]
    done = played(task, lambda row, turn: said[turn], size=3)
    index = task.problem(0).columns["verifiers_task"]
    for one in done:
        assert one.end is End.ANSWERED and one.play is not None
        assert tokens_of(one) == whole(
            ("system", "Add."), ("user", f"task {index}"), ("assistant", "1"), ("user", "not 1"), ("assistant", "22"),
            ("user", "not 22"), ("assistant", "3"),
        )  # fmt: skip
        assert one.play.reward == 1.0 and one.play.solved is True
        assert one.environment.rewards == {"right": 1.0} and one.environment.metrics == {"turns": 3.0}


def test_calls_go_to_its_tools_and_what_they_gave_comes_back() -> None:
    said = ["add(1, 2)\nfly(3)\nadd(", "done"]
    (done,) = played(task_named("tools"), lambda row, turn: said[turn])
    assert done.play is not None and done.play.tools == ("add",)
    assert [(one.name, one.status, one.result) for one in done.play.calls] == [
        ("add", "answered", 'result of {"a": 1, "b": 2}'),
        ("fly", "unknown", 'result of {"0": 3}'),
        ("add", "malformed", "result of add("),
    ]
    assert done.play.reward == 1.0 and not done.grade.well_formed


def test_where_turns_run_out_what_there_is_is_paid() -> None:
    (done,) = played(task_named("talks", max_turns=2), lambda row, turn: "1")
    assert done.end is End.OUT_OF_TURNS and done.play is not None
    assert done.play.reward == 0.25 and not done.play.reason


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("raises", "raises failed: TaskError: no board"),
        ("shows", "asks with more than texts"),
        ("forgets", "does not go on from its last request"),
        ("pays_words", "pays a finite number, and paid 'much'"),
        ("dies", "the process of verifiers ended: no memory"),
        ("hangs", "did not answer within"),
    ],
)
def test_what_fails_is_an_episode_with_its_reason(name: str, why: str) -> None:
    done = played(task_named(name, env_seconds=1.0 if name == "hangs" else 20.0), lambda row, turn: "1")
    for one in done:
        assert one.end is End.FAILED and one.play is not None
        assert why in one.play.reason and one.play.reward is None


def test_one_task_in_ten_is_held_out_and_the_others_are_trained_on_in_turn() -> None:
    task = task_named("talks", task_seed=3)
    assert (task.num_problems, task.num_held_out) == (18, 2)
    trained = [task.problem(index).columns["verifiers_task"] for index in range(36)]
    asked = [task.held_out(index).columns["verifiers_task"] for index in range(2)]
    assert sorted(trained[:18]) == sorted(trained[18:]) == sorted(set(range(20)) - set(asked))
    assert trained[:18] != trained[18:] and asked == [9, 19]
    endless = task_named("endless")
    assert endless.num_problems is None
    assert {endless.problem(index).columns["verifiers_task"] for index in range(18)} == set(range(20)) - {9, 19}
    assert task.problem(0).messages[0].content == f"task {trained[0]}"


def test_few_tasks_are_trained_on_and_asked() -> None:
    task = task_named("talks", taskset=("num_tasks=4",))
    assert (task.num_problems, task.num_held_out) == (4, 4)
    assert {task.held_out(index).key for index in range(4)} == {task.problem(index).key for index in range(4)}


def test_options_of_a_taskset() -> None:
    assert read_args(["num_tasks=3", "task.tools.place=here", "on=true"]) == {
        "num_tasks": 3, "task": {"tools": {"place": "here"}}, "on": True,
    }  # fmt: skip
    with pytest.raises(ConfigError, match="name=value"):
        read_args(["num_tasks"])


@pytest.mark.parametrize(
    ("name", "why"), [("nothere", "straw worlds add verifiers nothere"), ("broken", "cannot be opened: ValueError")]
)
def test_what_is_not_installed_is_one_line(name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        _ = task_named(name).count


def test_without_an_interpreter_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STRAW_VERIFIERS_PYTHON")
    monkeypatch.setenv("STRAW_HOME", str(tmp_path))
    monkeypatch.setattr("straw.tasks.environments.own_python.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="straw worlds add verifiers"):
        _ = task_named("talks").count
    monkeypatch.setenv("STRAW_VERIFIERS_PYTHON", str(tmp_path / "python"))
    with pytest.raises(ConfigError, match="there is no"):
        _ = task_named("talks").count


def test_its_data_lie_in_its_package() -> None:
    with pytest.raises(ConfigError, match="leave path"):
        task_named("talks", path="rows.jsonl")
