"""What outlives a step beside the weights: the part of a checkpoint that is the loop's own.

    engine.save      weights, both of Adam's moments and its step, policy version
    state.json       step, running mean of the baseline, replayed rollouts, alarms, ledger, last measurement, counters

Problem order and every seed are functions of (seed, step, group, sample), so no generator has a state to keep.
Floats are written so that they read back equal: a run that goes on has the bits of one that never stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from straw.algorithms.baselines import Credit
from straw.algorithms.replay import BestReplay
from straw.errors import RunError
from straw.files import GIB, parse_json, read_file
from straw.measure.ledger.ledger import Ledger
from straw.measure.recent_replies import Said
from straw.runs.files.jsonl import json_line
from straw.training.learners.soft_targets import BeliefLearner
from straw.training.monitor.alarms import Alarms
from straw.training.monitor.early_stopping import Patience
from straw.training.sources.pass_rates import PassRates
from straw.types import End, Grade, Message, Play, Problem, Rollout, ToolCall, Turn

STATE = "state.json"
Ahead = dict[int, list[list[Rollout]]]


@dataclass(slots=True, kw_only=True)
class RunState:
    """The loop's own part of a run."""

    credit: Credit
    replay: BestReplay
    alarms: Alarms
    ledger: Ledger = field(default_factory=Ledger)
    student: BeliefLearner | None = None
    said: Said = field(default_factory=Said)
    patience: Patience = field(default_factory=Patience)
    step: int = 0
    num_tokens: int = 0  # of all rollouts so far, prompts included
    time_s: float = 0.0  # before this process took over
    cpu_s: float = 0.0
    known: dict[str, float] = field(default_factory=dict)  # the last measurement
    measured_version: int | None = None  # of the weights that it was made with
    ahead: Ahead = field(default_factory=dict)  # rollouts that were made for later steps, by step
    redrawn: int = 0  # episodes of groups that were drawn again
    pass_rates: PassRates = field(default_factory=PassRates)
    next_group: int = 0  # to be begun, where generators run free

    def state_dict(self) -> dict[str, Any]:
        """Plain JSON values, one entry a part."""
        ahead = {str(step): [[asdict(one) for one in group] for group in groups] for step, groups in self.ahead.items()}
        replay = {key: [asdict(rollout) for rollout in kept] for key, kept in self.replay.best.items()}
        return {
            "step": self.step, "num_tokens": self.num_tokens, "known": self.known,
            "time_s": self.time_s, "cpu_s": self.cpu_s, "ahead": ahead,
            "redrawn": self.redrawn, "pass_rates": self.pass_rates.state_dict(),
            "next_group": self.next_group, "measured_version": self.measured_version,
            "credit": self.credit.state_dict(), "replay": replay, "alarms": self.alarms.state_dict(),
            "ledger": self.ledger.state_dict(), "said": self.said.state_dict(), "patience": self.patience.state_dict(),
            "student": None if self.student is None else self.student.state_dict(),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.step, self.num_tokens = state["step"], state["num_tokens"]
        self.time_s, self.cpu_s = state["time_s"], state["cpu_s"]
        self.known, self.measured_version = dict(state["known"]), state.get("measured_version")
        self.credit.load_state_dict(state["credit"])
        self.ahead = {
            int(step): [[rollout_from(one) for one in group] for group in groups]
            for step, groups in state["ahead"].items()
        }
        self.next_group = state.get("next_group", 0)
        self.redrawn = state.get("redrawn", 0)
        self.pass_rates.load_state_dict(state.get("pass_rates", {}))
        self.alarms.load_state_dict(state["alarms"])
        self.ledger.load_state_dict(state["ledger"])
        self.said.load_state_dict(state.get("said", {}))
        self.patience.load_state_dict(state.get("patience", {}))
        if self.student is not None:
            self.student.load_state_dict(state["student"])
        self.replay.best = {key: [rollout_from(one) for one in kept] for key, kept in state["replay"].items()}

    def save(self, folder: Path) -> None:
        (folder / STATE).write_text(json_line(self.state_dict()), encoding="ascii")

    def load(self, folder: Path) -> None:
        try:
            self.load_state_dict(parse_json(read_file(folder / STATE, GIB)))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"a checkpoint holds the loop's {STATE}, and that of {folder} cannot be used ({error!r}): "
                "go on from another checkpoint"
            ) from error


def rollout_from(record: Mapping[str, Any]) -> Rollout:
    """The way back from `asdict` and JSON."""
    problem, grade = record["problem"], record["grade"]
    per_turn = record["turn_rewards"]
    return Rollout(
        problem=Problem(
            key=problem["key"],
            messages=tuple(Message(*message) for message in problem["messages"]),
            reference=tuple(problem["reference"]),
            facts=problem["facts"],
            columns=problem.get("columns", {}),
            is_conversation=problem.get("is_conversation", False),
        ),
        turns=tuple(turn_from(turn) for turn in record["turns"]),
        replies=tuple(record["replies"]),
        end=End(record["end"]),
        grade=Grade(
            hits=tuple(grade["hits"]),
            well_formed=grade["well_formed"],
            offsets=tuple(grade["offsets"]),
            answer=grade.get("answer"),
            text=grade.get("text"),
            form=grade.get("form", {}),
            num_tokens=grade.get("num_tokens"),
        ),
        rewards=record["rewards"],
        raw_rewards=record.get("raw_rewards", {}),
        turn_rewards=None if per_turn is None else tuple(per_turn),
        bonuses=record.get("bonuses", {}),
        scores=record.get("scores", {}),
        unscored=record.get("unscored", ""),
        words=record.get("words", ""),
        extra=record.get("extra", {}),
        metrics=record.get("metrics", {}),
        advantages=tuple(record["advantages"]),
        play=None if record.get("play") is None else play_from(record["play"]),
    )


def play_from(record: Mapping[str, Any]) -> Play:
    by_turn = record["turn_rewards"]
    return Play(
        **{name: value for name, value in record.items() if name not in ("calls", "heard", "tools", "turn_rewards")},
        calls=tuple(ToolCall(**call) for call in record["calls"]),
        heard=tuple(record["heard"]),
        tools=tuple(record["tools"]),
        turn_rewards=None if by_turn is None else tuple(by_turn),
    )


def turn_from(record: Mapping[str, Any]) -> Turn:
    return Turn(
        prompt=tuple(record["prompt"]),
        reply=tuple(record["reply"]),
        logprobs=tuple(record["logprobs"]),
        policy_version=record["policy_version"],
    )
