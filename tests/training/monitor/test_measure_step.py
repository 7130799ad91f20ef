"""What a run measures: by the kind of its task, with the same questions and the same luck each time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import e, log
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.small_runs import Parts
from tests.training.learners.test_learners import groups_of

from straw.config import Run
from straw.engines.base import AdamParams, Loss
from straw.information import pass_rate_bits
from straw.measure.ledger.absorbed import Start
from straw.measure.ledger.ledger import Ledger
from straw.rollouts.collect import SeedKey, collect
from straw.rollouts.datums import datum_of
from straw.training.monitor import measure_step
from straw.training.monitor.measure_step import MOST_COMPARED, Measured, effort_of, has_enough, measure, named
from straw.types import End, Grade, Message, Problem, Rollout, Turn

DIGITS = "kind=sum_digits model_name=tiny-0.2M warmup=none max_tokens=12 eval_samples=5"


def measured(parts: Parts, ledger: Ledger, start: Start, rollouts: Any = (), step: int = 0) -> Measured:
    return measure(parts.plan, parts.engine, parts.params, ledger, start, rollouts, step=step)


def learn_a_little(parts: Parts, rollouts: Any) -> None:
    data = [datum_of(replace(one, advantages=(1.0,) * len(one.turns)), 1.0) for one in rollouts]
    parts.engine.forward_backward(data, Loss(name="cross_entropy"))
    parts.engine.optim_step(AdamParams(learning_rate=1e-2))
    parts.engine.publish()


@pytest.mark.parametrize(
    ("stop_at", "known", "is_over"),
    [
        (0.8, {"p_secret": 0.8}, True), (0.8, {"p_secret": 0.79, "accuracy": 1.0}, False),
        (0.8, {"accuracy": 0.8}, True), (0.8, {}, False), (None, {"p_secret": 1.0}, False),
    ],
)  # fmt: skip
def test_a_run_is_over_where_it_knows_as_much_as_was_asked(
    stop_at: float | None, known: dict[str, float], is_over: bool
) -> None:
    assert has_enough(replace(Run(), stop_at=stop_at), known) is is_over


def test_a_secret_is_asked_for_by_all_its_answers(home: Path) -> None:
    parts, start = Parts("N=8"), Start()
    numbers, answered = measured(parts, Ledger(parts.task), start)
    assert answered == [] and numbers["ledger/kl_from_start_bits"] == 0.0
    assert numbers["ledger/absorbed_bits"] == pytest.approx(numbers["bits_known"])
    learn_a_little(parts, groups_of(parts)[0])
    later, _ = measured(parts, Ledger(parts.task), start, step=3)
    assert later["ledger/kl_from_start_bits"] > 0 and later["bits_known"] != numbers["bits_known"]


def test_held_out_problems_are_asked_and_what_was_right_at_the_start_is_kept(home: Path) -> None:
    parts, start, ledger = Parts(DIGITS), Start(), Ledger()
    numbers, answered = measured(parts, ledger, start)
    assert len(answered) == 5 and numbers["accuracy"] == sum(one.is_right for one in answered) / 5
    assert ledger.first_right == sum(one.is_right for one in answered)
    assert numbers["ledger/pass_bits"] == 0.0 and numbers["ledger/kl_from_start_bits"] == 0.0
    assert numbers["ledger/pass_bits_biased"] == float(ledger.first_right == 0)
    again, same = measured(parts, ledger, start, step=2)
    assert [one.reply for one in same] == [one.reply for one in answered]
    assert "ledger/kl_from_start_bits" not in again  # nothing was written in this step
    ledger.first_right = 4
    third, _ = measured(parts, ledger, start, step=2)
    right = sum(one.is_right for one in answered)
    assert third["ledger/pass_bits"] == pytest.approx(pass_rate_bits(right, 5, 4, 5)) and ledger.first_right == 4
    assert third["ledger/pass_bits_biased"] == float(right == 0)
    assert again["ledger/gold_bits"] == pytest.approx(0.0, abs=1e-6)


def test_a_page_may_want_another_temperature_to_be_asked_with(home: Path) -> None:
    warm, cold = Parts(DIGITS), Parts(f"{DIGITS} eval_temperature=0")
    hot = [one.reply for one in measured(warm, Ledger(), Start()).answered]
    likeliest = [one.reply for one in measured(cold, Ledger(), Start()).answered]
    assert likeliest != hot and cold.params.temperature == 1.0
    assert likeliest == [one.reply for one in measured(cold, Ledger(), Start(), step=5).answered]


def test_how_far_the_policy_went_is_told_by_the_first_sixteen_of_its_own_replies(home: Path) -> None:
    parts = Parts(f"{DIGITS} group_size=24")
    (group,) = written(parts, 24)
    assert effort_of(parts.engine, [], 1.0) == 0.0
    assert effort_of(parts.engine, group, 1.0) == pytest.approx(0.0, abs=1e-5)
    learn_a_little(parts, group[:4])
    (later,) = written(parts, 24)
    found = effort_of(parts.engine, later, 1.0)
    assert found > 0.01 and MOST_COMPARED == 16
    assert effort_of(parts.engine, later[:16], 1.0) == found != effort_of(parts.engine, later[:15], 1.0)
    silent = replace(later[0], turns=())
    assert effort_of(parts.engine, [silent, *later], 1.0) == found


def written(parts: Parts, size: int) -> Any:
    problems = [parts.task.problem(0)]
    return collect(parts.engine, parts.task, parts.channel, problems, [SeedKey(0, 1, 0)], size, parts.params)


def test_numbers_of_the_ledger_have_its_name() -> None:
    assert named({"a": 1.0}) == {"ledger/a": 1.0}


def test_what_nobody_can_call_right_is_measured_by_what_the_reward_pays(home: Path, tmp_path: Path) -> None:
    """Each held-out row once, some of them in a second call, with coins and seeds of its own."""
    rows = "\n".join(f'{{"prompt": "Name {number}.", "least": {number}}}' for number in range(300))
    (tmp_path / "rows.jsonl").write_text(rows)
    (tmp_path / "mine.py").write_text("def f(completions, least): return [float(number) for number in least]\n")
    words = f"kind=data path={tmp_path}/rows.jsonl reward={tmp_path}/mine.py:f max_tokens=2 eval_share=0.3 warmup=none"
    parts = Parts(words, "eval_samples=70")
    numbers, answered = measured(parts, Ledger(), Start())
    assert len(answered) == 70 == len({one.problem.key for one in answered})
    assert [one.reward for one in answered] == [float(one.problem.columns["least"]) for one in answered]
    assert numbers["eval_reward"] == pytest.approx(sum(one.reward or 0.0 for one in answered) / 70)
    assert not any("accuracy" in name for name in numbers)
    fewer = Parts(words, "eval_samples=10")
    assert [one.reply for one in measured(fewer, Ledger(), Start()).answered] == [one.reply for one in answered[:10]]
    every = Parts(words, "eval_samples=1000")
    assert len(measured(every, Ledger(), Start()).answered) == every.task.num_held_out < 150


# --- by hand


class Held:
    """Problems whose held-out ones are their numbers; so many, or without end."""

    name, max_turns, num_problems = "held", 1, None

    def __init__(self, num_held_out: int | None) -> None:
        self.num_held_out = num_held_out

    def held_out(self, index: int) -> Problem:
        return Problem(key=str(index), messages=(Message("user", "?"),), reference=("1",))


def plan_with(task: Any, **options: Any) -> Any:
    run = replace(Run(), seed=7, eval_samples=3, eval_replies=2, **options)
    return SimpleNamespace(task=task, page=SimpleNamespace(run=run), channel="channel")


@dataclass
class Finished:
    """A rollout that was paid as many tenths as its problem's number."""

    problem: Problem
    replies: tuple[str, ...] = ("one", "two")
    grade: str = "grade"

    @property
    def reward(self) -> float:
        return int(self.problem.key) / 10


def asked_by(plan: Any, monkeypatch: pytest.MonkeyPatch, step: int = 4) -> tuple[Any, list[Any], list[Any]]:
    """What is answered and paid; which seats the replies had, call by call; which coins, with the step."""
    seats: list[Any] = []
    coins: list[Any] = []

    def single(engine: Any, problems: Any, keys: Any, sampling: Any) -> Any:
        seats.append(keys)
        return [["turns"] * len(row) for row in keys]

    def paid(done: Any, channel: Any, drawn: Any, step: int) -> Any:
        coins.append((drawn, step))
        return done

    monkeypatch.setattr(measure_step, "single_turns", single)
    monkeypatch.setattr(measure_step, "finish", lambda chat, task, problem, turns: Finished(problem))
    monkeypatch.setattr(measure_step, "pay", paid)
    engine: Any = SimpleNamespace(chat=None)
    sampling: Any = None
    return measure_step.paid_answers(plan, engine, plan.task, sampling, step), seats, coins


def test_held_out_problems_are_paid_by_seeds_and_coins_of_step_0_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    found, (seats,), coins = asked_by(plan_with(Held(None)), monkeypatch)
    keys = [SeedKey(7, 0, index) for index in range(3)]
    assert seats == [[(key, 0), (key, 1)] for key in keys]
    assert coins == [([key.coin(number) for key in keys for number in range(2)], 4)]
    assert [(one.problem.key, one.reply, one.grade, one.reward) for one in found] == [
        (str(index), "one", "grade", index / 10) for index in (0, 0, 1, 1, 2, 2)
    ]


@pytest.mark.parametrize(("there_are", "wanted", "calls"), [(None, 130, [64, 64, 2]), (65, 130, [64, 1]), (5, 3, [3])])
def test_sixty_four_problems_are_asked_at_once_and_none_twice(
    monkeypatch: pytest.MonkeyPatch, there_are: int | None, wanted: int, calls: list[int]
) -> None:
    plan = plan_with(Held(there_are))
    plan.page.run = replace(plan.page.run, eval_samples=wanted)
    found, seats, coins = asked_by(plan, monkeypatch)
    assert [len(rows) for rows in seats] == calls and [len(drawn) for drawn, _ in coins] == [2 * one for one in calls]
    assert [one.problem.key for one in found[::2]] == [str(index) for index in range(sum(calls))]


def test_whole_episodes_are_played_in_worlds_of_step_0_and_told_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []

    def collected(engine: Any, task: Any, channel: Any, problems: Any, keys: Any, replies: int, sampling: Any) -> Any:
        told.append((channel, [one.key for one in problems], keys, replies, sampling))
        return [[Finished(one)] * replies for one in problems]

    monkeypatch.setattr(measure_step, "collect", collected)
    nobody: Any = None
    task: Any = Held(None)
    monkeypatch.setattr(measure_step, "HeldOut", Held)
    found = measure_step.played_answers(plan_with(task), nobody, task, nobody, 2, 9)
    assert told == [("channel", ["0", "1"], [SeedKey(7, 0, 0), SeedKey(7, 0, 1)], 2, None)]
    assert [(one.problem.key, one.reply, one.reward) for one in found] == [
        ("0", "one\ntwo", 0.0), ("0", "one\ntwo", 0.0), ("1", "one\ntwo", 0.1), ("1", "one\ntwo", 0.1),
    ]  # fmt: skip


def looked_at(monkeypatch: pytest.MonkeyPatch, rewards: list[float | None], **plan: Any) -> Measured:
    """A measurement of a task without answers, by these rewards."""
    told = {"is_sft": False, "has_answers": False, **plan}
    answered = [SimpleNamespace(reward=one) for one in rewards]
    monkeypatch.setattr(measure_step, "paid_answers", lambda *_: answered)
    monkeypatch.setattr(measure_step, "HeldOut", Held)
    monkeypatch.setattr(measure_step, "gold_bits", lambda *_, is_start: 0.5 if told.get("gold") else None)
    made = plan_with(told.get("task", Held(3)))
    made.is_sft, made.has_answers = told["is_sft"], told["has_answers"]
    nobody: Any = None
    sampling: Any = SimpleNamespace(temperature=0.5)
    return measure(made, nobody, sampling, nobody, nobody, step=told.get("step", 3))


def test_what_is_paid_of_held_out_problems_is_a_mean_in_which_nothing_counts_as_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = looked_at(monkeypatch, [1.0, 0.0, 0.0, None])
    assert found.numbers == {"eval_reward": 0.25} and len(found.answered) == 4
    assert looked_at(monkeypatch, [1.0], gold=True).numbers == {"eval_reward": 1.0, "ledger/gold_bits": 0.5}
    assert looked_at(monkeypatch, [1.0], step=0).numbers == {"eval_reward": 1.0, "ledger/kl_from_start_bits": 0.0}


def test_nothing_is_asked_of_references_without_answers_nor_where_nothing_is_held_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert looked_at(monkeypatch, [1.0], is_sft=True) == Measured({}, [])
    nothing: Any = SimpleNamespace(name="it", max_turns=1)
    assert looked_at(monkeypatch, [1.0], task=nothing, gold=True) == Measured({"ledger/gold_bits": 0.5}, [])


def test_a_step_in_which_something_was_written_tells_how_far_the_policy_went(home: Path) -> None:
    parts, start, ledger = Parts(DIGITS), Start(), Ledger()
    measured(parts, ledger, start)
    (group,) = written(parts, 3)
    numbers, _ = measured(parts, ledger, start, group, step=2)
    assert numbers["ledger/kl_from_start_bits"] == pytest.approx(0.0, abs=1e-5)


def test_how_far_a_policy_went_is_a_sum_over_the_tokens_that_it_wrote_at_the_page_s_temperature() -> None:
    """One token where the start gives e times as much, one of the other side between them, one that is alike."""
    one = Rollout(
        problem=Problem(key="a", messages=(Message("user", "?"),), reference=("1",)),
        turns=(Turn(prompt=(1,), reply=(2,), logprobs=(-2.0,), policy_version=0),
               Turn(prompt=(1, 2, 9), reply=(3,), logprobs=(-3.0,), policy_version=0)),
        replies=("1", "1"), end=End.ANSWERED, grade=Grade(hits=(True,), well_formed=True),
    )  # fmt: skip
    asked: list[Any] = []

    def logprobs(*what: Any) -> list[list[float]]:
        asked.append(what[1:])
        return [[-1.0, -77.0, -3.0]]

    engine: Any = SimpleNamespace(logprobs=logprobs)
    assert effort_of(engine, [one], 0.5) == pytest.approx((e - 2) / log(2)) and asked == [("start", 0.5)]
    assert effort_of(engine, [replace(one, turns=())], 0.5) == 0.0 and len(asked) == 1
