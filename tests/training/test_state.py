"""What outlives a step: through JSON and back, and as older runs wrote it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from straw.algorithms.baselines import Credit
from straw.algorithms.replay import BestReplay
from straw.errors import RunError
from straw.training.monitor.alarms import Alarms
from straw.training.monitor.early_stopping import Patience
from straw.training.state import RunState, rollout_from
from straw.types import End, Grade, Message, Play, Problem, Rollout, ToolCall, Turn

PLAYED = Rollout(
    problem=Problem(
        key="a", messages=(Message("system", "Play."), Message("user", "?")), reference=("1", "2"), facts={"secret": 1},
        columns={"level": 3}, is_conversation=True,
    ),
    turns=(
        Turn(prompt=(1, 2), reply=(3,), logprobs=(-0.5,), policy_version=4),
        Turn(prompt=(1, 2, 3, 4), reply=(5, 6), logprobs=(-0.1, -0.2), policy_version=5),
    ),
    replies=("one", "two"), end=End.OUT_OF_TURNS,
    grade=Grade(hits=(True, False), well_formed=False, offsets=(None, -3), answer=7, text="7", form={"tags": 0.5},
                num_tokens=3),
    rewards={"paid": 1.5}, raw_rewards={"paid": 3.0}, turn_rewards=(1.0, 0.5), bonuses={"explore": 0.25},
    scores={"explore": 0.75}, unscored="why", words="higher", extra={"log": [1]}, metrics={"m": 2.0},
    advantages=(0.5, -0.5),
    play=Play(
        environment="Guess", calls=(ToolCall(turn=1, name="guess", arguments={"n": 5}, result="no", status="failed"),),
        heard=("x", "y"), tools=("guess",), reward=1.0, turn_rewards=(0.5, 0.5), solved=False, reason="r", seconds=0.5,
    ),
)  # fmt: skip
PLAIN = Rollout(
    problem=Problem(key="b", messages=(Message("user", "?"),), reference=("1",)),
    turns=(Turn(prompt=(1,), reply=(3,), logprobs=(-0.5,), policy_version=0),), replies=("one",), end=End.ANSWERED,
    grade=Grade(hits=(True,), well_formed=True), play=Play(environment="it"),
)  # fmt: skip


def through_json(one: Any) -> Any:
    return json.loads(json.dumps(one))


class Believer:
    """A student whose state is one number."""

    def __init__(self, number: int) -> None:
        self.number = number

    def state_dict(self) -> dict[str, Any]:
        return {"number": self.number}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.number = state["number"]


def fresh(student: Any = None) -> RunState:
    patience = Patience("accuracy", 3)
    return RunState(
        credit=Credit(baseline="ema"), replay=BestReplay(1), alarms=Alarms(), student=student, patience=patience
    )


def used() -> RunState:
    state = fresh(Believer(7))
    state.step, state.num_tokens, state.time_s, state.cpu_s = 3, 40, 1.5, 0.75
    state.known, state.measured_version = {"bits_known": 2.5}, 6
    state.ahead, state.redrawn, state.next_group = {4: [[PLAYED], [PLAIN]], 5: []}, 8, 9
    state.credit.running_mean = 0.25
    state.replay.best = {"b": [PLAIN], "a": [PLAYED, PLAIN]}
    state.alarms.raised = {"nan": (2, 1)}
    state.pass_rates.rates = {"a": 0.65}
    state.said.newest = {"a": [3, 1]}
    state.patience.hear({"accuracy": 0.5})
    state.patience.hear({"accuracy": 0.5})
    state.ledger.first_right = 4
    return state


def test_all_of_a_run_s_state_goes_through_a_checkpoint(tmp_path: Path) -> None:
    before, after = used(), fresh(Believer(0))
    before.save(tmp_path)
    after.load(tmp_path)
    assert through_json(after.state_dict()) == through_json(before.state_dict())
    assert after.ahead == before.ahead and after.replay.best == before.replay.best
    assert (after.step, after.num_tokens, after.time_s, after.cpu_s) == (3, 40, 1.5, 0.75)
    assert (after.known, after.measured_version) == ({"bits_known": 2.5}, 6)
    assert (after.redrawn, after.next_group, after.credit.running_mean) == (8, 9, 0.25)
    assert after.alarms.raised == {"nan": (2, 1)}
    assert (after.patience.best, after.patience.waited) == (0.5, 1)
    assert (after.pass_rates.rates, after.said.newest) == ({"a": 0.65}, {"a": [3, 1]})
    assert after.student is not None and after.student.state_dict() == {"number": 7}
    assert after.ledger.first_right == 4


def test_a_run_begins_with_nothing() -> None:
    state = fresh()
    assert (state.step, state.num_tokens, state.time_s, state.cpu_s, state.redrawn, state.next_group) == (0,) * 6
    assert (state.known, state.measured_version, state.ahead) == ({}, None, {})
    assert state.state_dict()["student"] is None


def test_what_an_older_run_did_not_write_is_as_at_the_start() -> None:
    written = through_json(used().state_dict())
    for name in ("next_group", "redrawn", "pass_rates", "said", "patience", "measured_version"):
        del written[name]
    state = fresh()
    state.next_group = state.redrawn = 5
    state.load_state_dict(written)
    assert (state.next_group, state.redrawn, state.measured_version) == (0, 0, None)
    assert (state.pass_rates.rates, state.said.newest, state.patience.best, state.patience.waited) == ({}, {}, None, 0)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"step": 1}', '{"step": 1, "num_tokens": 1, "time_s": 0}'])
def test_a_state_that_cannot_be_used_is_refused_with_advice(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(RunError, match=r"^a checkpoint holds the loop's state\.json, .*go on from another checkpoint$"):
        fresh().load(tmp_path)


@pytest.mark.parametrize("one", [PLAYED, PLAIN])
def test_a_rollout_comes_back_from_json_as_it_was(one: Rollout) -> None:
    record = through_json(fresh_record(one))
    assert rollout_from(record) == one


def fresh_record(one: Rollout) -> Any:
    state = fresh()
    state.replay.best = {"": [one]}
    return state.state_dict()["replay"][""][0]


def test_a_rollout_of_an_older_run_lacks_what_was_not_there_yet() -> None:
    record = through_json(fresh_record(PLAYED))
    for name in ("raw_rewards", "bonuses", "scores", "unscored", "words", "extra", "metrics", "play"):
        del record[name]
    for name in ("columns", "is_conversation"):
        del record["problem"][name]
    for name in ("answer", "text", "form", "num_tokens"):
        del record["grade"][name]
    back = rollout_from(record)
    assert (back.raw_rewards, back.bonuses, back.scores, back.extra, back.metrics) == ({},) * 5
    assert (back.unscored, back.words, back.play) == ("", "", None)
    assert (back.problem.columns, back.problem.is_conversation) == ({}, False)
    assert (back.grade.answer, back.grade.text, back.grade.form, back.grade.num_tokens) == (None, None, {}, None)
    assert back.grade.offsets == (None, -3) and back.turns == PLAYED.turns
