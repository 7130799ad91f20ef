"""Against verifiers itself: a taskset of one turn, one of several, one with tools, and a task that straw serves.

Needs an interpreter that has verifiers (straw worlds add verifiers, or STRAW_VERIFIERS_PYTHON), in a virtual
environment of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.made_environments import Say, Scripted
from tests.server.play.test_play import secret, served

from straw.engines.base import SamplingParams
from straw.errors import ConfigError
from straw.rollouts.collect import SeedKey
from straw.rollouts.worlds import play
from straw.server.play.package import write_package
from straw.tasks.environments.own_python import python_of
from straw.tasks.verifiers.options import VerifiersOptions
from straw.tasks.verifiers.task import Verifiers
from straw.types import End, Message, Played

pytestmark = pytest.mark.slow
PACKAGES = {
    "made_copy": """
import verifiers.v1 as vf

__all__ = ["CopyTaskset"]


class CopyData(vf.TaskData):
    answer: str


class CopyTask(vf.Task[CopyData]):
    @vf.reward(weight=2.0)
    async def same(self, trace: vf.Trace) -> float:
        return float(trace.last_reply == self.data.answer)

    @vf.metric
    async def length(self, trace: vf.Trace) -> float:
        return float(len(trace.last_reply or ""))


class CopyConfig(vf.TasksetConfig):
    num_tasks: int = 5


class CopyTaskset(vf.Taskset[CopyTask, CopyConfig]):
    def load(self):
        return [
            CopyTask(CopyData(prompt=f"Say {n}.", system_prompt="You repeat.", answer=str(n)), self.config.task)
            for n in range(self.config.num_tasks)
        ]
""",
    "made_talk": """
import verifiers.v1 as vf

__all__ = ["TalkTaskset", "TalkEnv"]


class TalkData(vf.TaskData):
    number: int


class TalkTask(vf.Task[TalkData]):
    pass


class TalkTaskset(vf.Taskset[TalkTask, vf.TasksetConfig]):
    def load(self):
        return [TalkTask(TalkData(prompt="Guess.", number=n), self.config.task) for n in range(30)]


class TalkEnv(vf.SingleAgentEnv):
    async def run(self, task, agents):
        tries = 0
        async with agents.agent.interaction(task) as talk:
            segment = await talk.turn()
            while not segment.terminated:
                tries += 1
                if int(segment.last_reply) == task.data.number:
                    break
                segment = await talk.turn("higher" if int(segment.last_reply) < task.data.number else "lower")
            talk.trace.record_reward("found", 1.0 / tries, 1.0)
""",
    "made_fault": """
import verifiers.v1 as vf

__all__ = ["FaultTaskset"]


class FaultTask(vf.Task[vf.TaskData]):
    @vf.reward(weight=1.0)
    async def faulty(self, trace: vf.Trace) -> float:
        raise KeyError("score")


class FaultTaskset(vf.Taskset[FaultTask, vf.TasksetConfig]):
    def load(self):
        return [FaultTask(vf.TaskData(prompt="Say."), self.config.task)]
""",
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Found as installed ones are, without pip: on the interpreter's path."""
    if python_of("verifiers") is None:
        pytest.skip("no interpreter has verifiers: straw worlds add verifiers")
    folder = tmp_path_factory.mktemp("packages")
    for name, source in PACKAGES.items():
        (folder / f"{name}.py").write_text(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(folder / "straw_secret")]))
        yield folder


def task_named(name: str, **options: Any) -> Verifiers:
    values = {"max_turns": 8, "solved_at": 1.0} | options
    return Verifiers.from_options(VerifiersOptions(kind=f"verifiers:{name}", **values))


def played(task: Verifiers, say: Say, size: int = 1, index: int = 0) -> list[Played]:
    keys = [[(SeedKey(seed=0, step=1, group=0), sample) for sample in range(size)]]
    (row,) = play(Scripted(say), task, [task.problem(index)], keys, SamplingParams(max_tokens=200))
    return row


def test_one_turn_is_paid_by_its_reward_functions(packages: Path) -> None:
    task = task_named("made_copy", taskset=("num_tasks=3",))
    assert task.num_problems == 3
    done = played(task, lambda row, turn: str(row), size=3)
    assert [one.play.reward for one in done if one.play] == [
        2.0 * (f"Say {row}." == one.problem.messages[-1].content) for row, one in enumerate(done)
    ]
    assert sum(one.grade.hits == (True,) for one in done) == 1
    first = done[0]
    assert first.environment.metrics == {"length": 1.0} and first.end is End.ANSWERED
    chat = Scripted(lambda row, turn: "").chat
    messages = [Message("system", "You repeat."), first.problem.messages[-1], Message("assistant", "0")]
    text = chat.written(messages, speak=False)
    assert first.turns[-1].prompt + first.turns[-1].reply == tuple(
        chat.tokenizer.encode(text, add_special_tokens=False)
    )


def test_several_turns_with_a_user_of_its_own(packages: Path) -> None:
    task = task_named("made_talk")
    number = task.problem(0).columns["verifiers_task"]
    said = ["0", "29", str(number)] if number not in (0, 29) else [str(number)]
    (done,) = played(task, lambda row, turn: said[turn])
    assert done.play is not None and done.end is End.ANSWERED
    assert done.play.heard == (*("higher", "lower")[: len(said) - 1], "")
    assert done.play.reward == pytest.approx(1 / len(said))
    tokens = Scripted(lambda row, turn: "").chat
    messages = [("user", "Guess."), ("assistant", said[0])]
    for reply, heard in zip(said[1:], done.play.heard, strict=False):
        messages += [("user", heard), ("assistant", reply)]
    text = tokens.written([Message(*one) for one in messages], speak=False)
    assert done.turns[-1].prompt + done.turns[-1].reply == tuple(
        tokens.tokenizer.encode(text, add_special_tokens=False)
    )


def test_where_turns_run_out_it_is_scored_all_the_same(packages: Path) -> None:
    (done,) = played(task_named("made_talk", max_turns=2), lambda row, turn: "31")
    assert done.play is not None and not done.play.reason
    assert done.play.reward == 0.5


def test_a_reward_function_that_raises_is_an_episode_that_failed(packages: Path) -> None:
    (done,) = played(task_named("made_fault"), lambda row, turn: "a")
    assert done.end is End.FAILED and done.play is not None and "KeyError" in done.play.reason


def test_what_is_not_installed_is_one_line(packages: Path) -> None:
    with pytest.raises(ConfigError, match="straw worlds add verifiers nothere"):
        _ = task_named("nothere").count


def test_verifiers_plays_what_straw_serves(packages: Path) -> None:
    """Its own loaders load the package that straw wrote, and its own environment plays the secret game."""
    with served(secret()) as server:
        write_package(packages / "straw_secret", "secret", server.url)
        task = task_named("straw-secret", taskset=("num_tasks=20",))
        assert (task.num_problems, task.num_held_out) == (18, 2)
        done = played(task, lambda row, turn: str(row), size=8)
    assert sorted(one.play.reward for one in done if one.play) == [0.0] * 7 + [1.0]  # type: ignore[type-var]
    assert {one.replies for one in done} == {(str(guess),) for guess in range(8)}
