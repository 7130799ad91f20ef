"""Rollouts worth reading, out of a hundred thousand: the best, the worst, and what changed.

    best      every text once, by the highest reward it was paid, the later of equals
    worst     every text once, by the lowest
    changed   the reply to a problem early in training, beside a reply to it late

A line of rollouts.jsonl begins with what the rollout earned and ends with its tokens, so one pass over
the bytes finds these; only the chosen lines are parsed. A line that cannot be read is counted and passed over.
"""

from __future__ import annotations

import json
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import nlargest, nsmallest
from math import inf
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from straw.errors import RunError
from straw.files import lines_of, parse_json, reading
from straw.report.curves.curve import is_number
from straw.runs.files.jsonl import LONGEST
from straw.runs.reading import ROLLOUTS, run_folder

FACTS = re.compile(rb'\{"step":([0-9]{1,18}),"problem":("[^"\\]*"),"reward":(null|[-+.0-9eE]+),')
LARGEST = sys.float_info.max
REPLIES, BEHIND_REPLIES = b',"replies":[', b',"facts":'  # inside a text their quotes would be escaped


class Line(NamedTuple):
    """Where a rollout stands in the file, and what can be told without parsing it."""

    line: int  # its number, from 1
    start: int  # where it begins, in bytes
    step: int
    reward: float | None


@dataclass(slots=True)
class Text:
    """One reply to one problem, however often it was given."""

    best: Line
    worst: Line
    times: int = 0


@dataclass(slots=True)
class History:
    """The first and the last rollouts at a problem."""

    first: list[tuple[Line, bytes]]
    last: deque[tuple[Line, bytes]]
    times: int = 0

    @property
    def num_pairs(self) -> int:
        """As many as leave no rollout both early and late."""
        return min(len(self.first), self.times // 2)

    @property
    def change(self) -> float:
        """How far the mean reward has moved."""
        early, late = ([one.reward for one, _ in part if one.reward is not None] for part in (self.first, self.last))
        return abs(sum(late) / len(late) - sum(early) / len(early)) if early and late else 0.0


@dataclass(slots=True)
class Index:
    """What one pass over the file finds."""

    kept: int  # rollouts of a problem that are kept at either end
    num_rollouts: int = 0
    unreadable: list[int] = field(default_factory=list)  # line numbers
    texts: dict[bytes, Text] = field(default_factory=dict)
    histories: dict[bytes, History] = field(default_factory=dict)

    def take(self, rollout: Line, problem: bytes, replies: bytes) -> None:
        self.num_rollouts += 1
        key = problem + replies
        text = self.texts.get(key)
        if text is None:
            text = self.texts[key] = Text(rollout, rollout)
        text.times += 1
        if rollout.reward is not None:
            if rollout.reward >= (-inf if text.best.reward is None else text.best.reward):
                text.best = rollout
            if rollout.reward <= (inf if text.worst.reward is None else text.worst.reward):
                text.worst = rollout
        history = self.histories.get(problem)
        if history is None:
            history = self.histories[problem] = History([], deque(maxlen=self.kept))
        if len(history.first) < self.kept:
            history.first.append((rollout, replies))
        history.last.append((rollout, replies))
        history.times += 1

    def paid(self) -> list[Text]:
        return [text for text in self.texts.values() if text.best.reward is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """The chosen rollouts as records, without their tokens where nobody asks for them; `times`: the reply's number."""

    num_rollouts: int
    unreadable: list[int]
    best: list[dict[str, Any]]
    worst: list[dict[str, Any]]
    changed: list[dict[str, dict[str, Any]]]  # {"early": record, "late": record}


def samples_of(folder: str | Path, count: int, *, tokens: bool = False) -> Samples:
    """Up to `count` rollouts of each kind; `tokens`: with their turns as they were sampled."""
    path = run_folder(folder) / ROLLOUTS
    try:
        with reading(path) as file:
            return _chosen(file, index_of(file, count), count, tokens)
    except OSError as problem:
        raise RunError(f"a run folder holds {ROLLOUTS}; cannot read {path}: {problem.strerror}") from problem


def index_of(file: BinaryIO, kept: int) -> Index:
    index, start = Index(kept), 0
    for number, line in enumerate(lines_of(file, LONGEST), start=1):
        if not line.endswith(b"\n"):  # still being written
            break
        told = _told(line, number, start)
        if told is None:
            index.unreadable.append(number)
        else:
            index.take(*told)
        start += len(line)
    return index


def _told(line: bytes, number: int, start: int) -> tuple[Line, bytes, bytes] | None:
    """The rollout, its problem and its replies as they are spelled; None where the line is no record."""
    facts = FACTS.match(line)
    begin = line.find(REPLIES)
    end = line.find(BEHIND_REPLIES, begin)
    if facts is None or begin < 0 or end < 0 or not line.endswith(b"}\n"):
        return _told_slowly(line, number, start)
    step, problem, reward = facts.groups()
    try:
        paid = None if reward == b"null" else float(reward)
    except ValueError:
        return None
    return (Line(number, start, int(step), paid), problem, line[begin:end]) if is_paid(paid) else None


def _told_slowly(line: bytes, number: int, start: int) -> tuple[Line, bytes, bytes] | None:
    """Of a line that is spelled otherwise, by hand or by another version."""
    try:
        record = parse_json(line)
        step, paid, *texts = record["step"], record["reward"], record["problem"], record["replies"]
    except (ValueError, KeyError, TypeError):
        return None
    if not is_number(step) or not is_paid(paid):
        return None
    problem, replies = (json.dumps(one).encode() for one in texts)
    return Line(number, start, int(step), paid), problem, replies


def is_paid(reward: object) -> bool:
    """None, or what can be put in order: a number, which true, an infinity and a whole number of any length are not."""
    if isinstance(reward, bool) or not isinstance(reward, float | int):
        return reward is None
    return abs(reward) <= LARGEST


def _chosen(file: BinaryIO, index: Index, count: int, tokens: bool) -> Samples:
    texts = index.paid()
    best = nlargest(count, texts, key=lambda text: (text.best.reward or 0.0, text.best.step))
    worst = nsmallest(count, texts, key=lambda text: (text.worst.reward or 0.0, -text.worst.step))
    pairs = [pair for _, pair in zip(range(count), _pairs(index.histories.values()), strict=False)]
    chosen = [text.best for text in best] + [text.worst for text in worst] + [one for pair in pairs for one in pair]
    records = {rollout.line: _record(file, rollout, tokens) for rollout in chosen}
    broken = [line for line, record in records.items() if record is None]
    known = {line: record for line, record in records.items() if record is not None}
    return Samples(
        num_rollouts=index.num_rollouts - len(broken),
        unreadable=sorted(index.unreadable + broken),
        best=[known[one.best.line] | {"times": one.times} for one in best if one.best.line in known],
        worst=[known[one.worst.line] | {"times": one.times} for one in worst if one.worst.line in known],
        changed=[
            {"early": known[early.line], "late": known[late.line]}
            for early, late in pairs
            if early.line in known and late.line in known
        ],
    )


def _pairs(histories: Iterable[History]) -> Iterator[tuple[Line, Line]]:
    """Early and late rollouts whose replies differ: first one of every problem, those that moved most in front."""
    moved = sorted(histories, key=lambda history: -history.change)
    for rank in range(max((history.num_pairs for history in moved), default=0)):
        for history in moved:
            if rank < history.num_pairs:
                (early, before), (late, after) = history.first[rank], history.last[rank - history.num_pairs]
                if before != after and early.step < late.step:
                    yield early, late


def is_rollout(record: Any) -> bool:
    """Whether a line holds what is printed of a rollout, each part of its kind; it may have come from anywhere."""
    if not isinstance(record, dict) or not isinstance(record.get("step"), int):
        return False
    kinds = {"rewards": dict, "grade": dict, "advantages": list, "replies": list, "turn_rewards": list, "play": dict}
    if not all(isinstance(record.get(name) or kind(), kind) for name, kind in kinds.items()):
        return False
    if not is_play(record.get("play") or {}):
        return False
    return all(map(is_number, record.get("advantages") or []))


def is_play(play: Mapping[str, Any]) -> bool:
    """Whether what stands there of an environment can be printed."""
    calls = play.get("calls") or []
    return isinstance(calls, list) and all(
        isinstance(one, dict) and isinstance(one.get("turn"), int) and isinstance(one.get("arguments") or {}, dict)
        for one in calls
    )


def _record(file: BinaryIO, rollout: Line, tokens: bool) -> dict[str, Any] | None:
    """The whole line, with or without its tokens; None where its middle is damaged."""
    file.seek(rollout.start)
    try:
        record = parse_json(file.readline(LONGEST))
    except ValueError:
        return None
    if not is_rollout(record):
        return None
    return {name: value for name, value in record.items() if tokens or name != "turns"}
