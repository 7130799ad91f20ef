from __future__ import annotations

import json
from math import exp, log, log2
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.measure.ledger.test_received import game, rollout
from tests.small_runs import Listener, Parts, small_page, train
from tests.torture import differing

from straw.engines.base import Engine
from straw.measure.ledger.absorbed import Start, measure_secrets
from straw.measure.recent_replies import KEPT, Said
from straw.runs.reading import read_checkpoints, read_metrics, read_rollouts
from straw.tasks.secret.bit_by_bit import SecretBits
from straw.tasks.secret.numbers import Hidden
from straw.tasks.secret.single_step import Secret
from straw.training.session import resume_run, run_page
from straw.training.updates import Updates
from straw.types import Metric


@pytest.mark.parametrize(
    ("task", "replies", "index"),
    [
        (Secret(Hidden(N=10)), ("07",), 7),
        (Secret(Hidden(N=10)), ("10",), None),
        (Secret(Hidden(N=10, length=2)), ("3 7",), 37),
        (Secret(Hidden(N=10, length=2)), ("3",), None),
        (SecretBits(Hidden(N=6)), ("1", "0", "1"), 5),
        (SecretBits(Hidden(N=6)), ("1", "1", "1"), None),
        (SecretBits(Hidden(N=6)), ("1", "no", "1"), None),
        (SecretBits(Hidden(N=6)), ("1", "0"), None),
    ],
)
def test_a_reply_is_one_of_the_answers_or_none(task: Any, replies: Any, index: int | None) -> None:
    assert task.index_of(replies) == index


@pytest.mark.parametrize("task", [Secret(Hidden(N=10, length=2)), SecretBits(Hidden(N=13))])
def test_every_answer_is_read_as_itself(task: Any) -> None:
    assert [task.index_of(task.answer_at(index)) for index in range(task.space)] == [*range(task.space)]
    assert task.index_of(task.problem(0).reference) == task.target_index(task.problem(0))


def test_the_newest_come_first_each_once_and_the_oldest_leave() -> None:
    task, channel = game("N=100", 3)
    said = Said()
    said.add(task, [rollout(task, channel, (text,)) for text in ("7", "no", "5", "7", "12")])
    assert said.newest == {"secret-0": [12, 7, 5]}
    assert said.of_late("secret-0", 7, 9) == [12, 5] and said.of_late("secret-0", 12, 1) == [7]
    said.add(task, [rollout(task, channel, (str(number),)) for number in range(20, 20 + KEPT)])
    assert said.newest["secret-0"] == [*range(19 + KEPT, 19, -1)]
    said.keep("secret-0", {83: -1.5, 7: -2.0})
    assert said.at_start("secret-0") == {83: -1.5}  # 7 is no longer among them
    again = Said()
    again.load_state_dict(json.loads(json.dumps(said.state_dict())))
    assert (again.newest, again.nats) == (said.newest, said.nats)


class Locked(Engine):
    """0.7 on the answer 77, 0.02 on the secret 4321, 0.13 on the other 4,998; at the start all were alike."""

    def __init__(self, parts: Parts) -> None:
        self.chat, self.task = parts.chat, parts.task
        self.asked: list[tuple[str, int]] = []

    def logprobs(self, data: Any, policy: Any = "current", temperature: Any = 1.0) -> Any:
        self.asked.append((policy, len(data)))
        shares = {77: 0.7, 4321: 0.02} if policy == "current" else {}
        other = 0.13 / 4998 if policy == "current" else 0.9 / 5000
        said = [int(self.chat.decode(datum.tokens)) for datum in data]
        return [
            [log(shares.get(one, other)), *[0.0] * (len(datum.tokens) - 1)]
            for one, datum in zip(said, data, strict=True)
        ]


Locked.__abstractmethods__ = frozenset()


def test_a_run_that_is_locked_in_is_measured_where_its_mass_is() -> None:
    """N=5,000, 33 answers asked for: 0.85 of all replies are answers. By the others alone it were 0.15."""
    parts = Parts("N=5000 fixed_secret=4321 warmup=none")
    engine = Locked(parts)
    (known,), effort = measure_secrets(
        engine, parts.task, Start(), is_start=False, max_answers=33, said=having_said(77, 4321, 9)
    )
    assert known.bits == pytest.approx(log2(100))
    assert known.valid_mass == pytest.approx(0.85)
    assert known.normalised == pytest.approx(log2(100 / 0.85))
    assert known.distance_to_uniform == pytest.approx(0.72 / 0.85 - 2 / 5000)
    truth = {77: 0.7, 4321: 0.02}
    now = np.array([*(truth.get(one, 0.13 / 4998) for one in range(5000)), 0.15])
    before = np.array([*[0.9 / 5000] * 5000, 0.1])
    assert effort == pytest.approx(float(now @ np.log2(now / before)), abs=1e-3)
    (blind,), _ = measure_secrets(engine, parts.task, Start(), is_start=False, max_answers=33)
    assert blind.valid_mass == pytest.approx(0.15, rel=1e-3)


def having_said(*answers: int) -> Said:
    said = Said()
    said.newest = {"secret-0": [*answers]}
    return said


def test_the_start_is_asked_once_for_each_answer() -> None:
    """Nine answers asked for: three places for what was said, and six that are drawn once and for all."""
    parts = Parts("N=5000 fixed_secret=4321 warmup=none")
    engine, start, said = Locked(parts), Start(), having_said()
    for newest, asked in (([], [9 - 3, 6]), ([77], [7, 1]), ([77, 9], [8, 1]), ([9, 77], [8]), ([1, 2, 3, 4], [9, 3])):
        said.newest, engine.asked = {"secret-0": newest}, []
        measure_secrets(engine, parts.task, start, is_start=False, max_answers=9, said=said)
        assert [count for _, count in engine.asked] == asked
        assert [policy for policy, _ in engine.asked] == ["current", "start"][: len(asked)]
    kept = {**start.answers["secret-0"], **said.at_start("secret-0")}
    assert len(start.answers["secret-0"]) == 6 and {*said.at_start("secret-0")} == {1, 2, 3}
    assert all(exp(nats) == pytest.approx(0.9 / 5000) for nats in kept.values())


class Falling(Listener):
    """Falls over behind a step."""

    def update(self, step: int, row: dict[str, float]) -> None:
        if step == 4:
            raise ZeroDivisionError


WORDS = "N=8 n_batches=6 eval_every=1 save_every=3 eval_answers=5 learning_rate=1e-3"


@pytest.mark.parametrize("learns", [True, False])
def test_a_run_keeps_what_it_said_and_goes_on_bit_for_bit(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, learns: bool
) -> None:
    """Weights that stay the same are measured once, before a kill or after it."""
    if not learns:
        monkeypatch.setattr(Updates, "on", lambda *_: {"updates": Metric(0.0)})
    train(tmp_path / "whole", WORDS)
    with pytest.raises(ZeroDivisionError):
        run_page(small_page(f"run_dir={tmp_path / 'cut'}", WORDS), Falling())
    resume_run(tmp_path / "cut", Listener())
    assert differing(tmp_path / "whole", tmp_path / "cut") == []


def test_what_a_run_said_stands_in_its_checkpoints(home: Path, tmp_path: Path) -> None:
    """Where all answers are asked for nothing has to be kept."""
    words = "N=8 n_batches=3 save_every=3 learning_rate=1e-3 eval_every=1"
    for name, more, kept in (("some", "eval_answers=4", True), ("all", "", False)):
        train(tmp_path / name, words, more)
        folder = tmp_path / name / read_checkpoints(tmp_path / name)[-1]["folder"]
        said = [one["replies"][0] for one in read_rollouts(tmp_path / name)]
        newest = [*dict.fromkeys(int(text) for text in reversed(said) if text.isdigit() and int(text) < 8)]
        state = json.loads((folder / "state.json").read_text())
        assert state["said"].get("newest", {}) == ({"secret-0": newest} if kept else {})
        assert "valid_mass" in read_metrics(tmp_path / name)[-1]


@pytest.mark.parametrize(("max_answers", "asked"), [(9, [8, 8]), (8, [8, 8]), (7, [5, 5])])
def test_just_as_many_answers_as_there_are_are_all_asked_for(max_answers: int, asked: list[int]) -> None:
    """Of seven places two are kept for what will be said."""
    parts = Parts("N=8 fixed_secret=3 warmup=none")
    engine = Locked(parts)
    measure_secrets(engine, parts.task, Start(), is_start=False, max_answers=max_answers)
    assert engine.asked == [("current", asked[0]), ("start", asked[1])]


def test_every_prompt_is_measured_and_their_efforts_add_up() -> None:
    one, two = (Parts(f"N=8 num_secrets={count} warmup=none") for count in (1, 2))
    found = [measure_secrets(Locked(parts), parts.task, Start(), is_start=False) for parts in (one, two)]
    assert [len(known) for known, _ in found] == [1, 2]
    assert found[1][1] == pytest.approx(2 * found[0][1]) and found[0][1] > 0
    start = Start()
    _, effort = measure_secrets(Locked(two), two.task, start, is_start=True)
    assert effort == 0 and set(start.answers) == {"secret-0", "secret-1"}
