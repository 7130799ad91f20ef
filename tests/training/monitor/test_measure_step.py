"""What a run measures: by the kind of its task, with the same questions and the same luck each time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
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
from straw.training.monitor.measure_step import MOST_COMPARED, Measured, effort_of, has_enough, measure, named

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
