"""What a run measures every eval_every steps: the question that its task can answer.

Enumerable   bits known of the secret, by teacher forcing       measure.bits_known
HeldOut      accuracy on problems never trained on              measure.accuracy
             the mean reward of them, where they have no answers

Beside it, for the ledger, what was absorbed (measure.absorbed) and how far the policy is from its start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from straw.config import Run
from straw.engines.base import Engine, SamplingParams
from straw.information import pass_rate_bits
from straw.measure.accuracy import AT_ONCE, Answered, accuracy_of, ask
from straw.measure.bits_known import mean_known
from straw.measure.ledger.absorbed import Start, absorbed_of, gold_bits, measure_secrets, rollouts_kl_bits
from straw.measure.ledger.ledger import Ledger
from straw.measure.multi_sample import several_of
from straw.measure.recent_replies import Said
from straw.rollouts.collect import SeedKey, collect, finish, pay, single_turns
from straw.rollouts.datums import datum_of
from straw.tasks.base import Enumerable, HeldOut, World
from straw.training.plan import Plan
from straw.types import Rollout

MOST_COMPARED = 16  # rollouts, with what the start would have given them


class Measured(NamedTuple):
    """Numbers for metrics.jsonl, and the replies that they came from, if there are any."""

    numbers: dict[str, float]
    answered: list[Answered]


def measure(
    plan: Plan,
    engine: Engine,
    sampling: SamplingParams,
    ledger: Ledger,
    start: Start,
    rollouts: Sequence[Rollout] = (),
    said: Said | None = None,
    *,
    step: int,
) -> Measured:
    """`rollouts` are those of the step, written by the policy as it was before its update; `said` those of late."""
    task, run, is_start = plan.task, plan.page.run, step == 0
    if isinstance(task, Enumerable):
        known, effort = measure_secrets(
            engine, task, start, is_start=is_start, max_answers=run.eval_answers,
            said=said, seed=run.seed,
        )  # fmt: skip
        return Measured(mean_known(known) | named(absorbed_of(task.space, known) | {"kl_from_start_bits": effort}), [])
    numbers = {} if (gold := gold_bits(engine, task, start, is_start=is_start)) is None else {"gold_bits": gold}
    if is_start or rollouts:
        numbers["kl_from_start_bits"] = effort_of(engine, rollouts, sampling.temperature)
    if not isinstance(task, HeldOut) or (plan.is_sft and not plan.has_answers):
        return Measured(named(numbers), [])
    if run.eval_temperature is not None:
        sampling = replace(sampling, temperature=run.eval_temperature)
    if not plan.has_answers:
        answered = paid_answers(plan, engine, task, sampling, step)
        rewards = [one.reward or 0.0 for one in answered]
        solved = accuracy_of(answered) if isinstance(task, World) and task.knows_success else {}
        return Measured({**solved, "eval_reward": sum(rewards) / len(rewards)} | named(numbers), answered)
    answered = ask(engine, task, run.eval_samples, run.seed, sampling, replies=run.eval_replies)
    right, asked = sum(one.is_right for one in answered), len(answered)
    if ledger.first_right is None:
        ledger.first_right = right
    numbers["pass_bits"] = pass_rate_bits(right, asked, ledger.first_right, asked)
    numbers["pass_bits_biased"] = float(0 in (right, ledger.first_right))
    return Measured(several_of(answered, run.eval_replies) | named(numbers), answered)


def paid_answers(plan: Plan, engine: Engine, task: HeldOut, sampling: SamplingParams, step: int) -> list[Answered]:
    """Replies to held-out problems and what the run's reward pays them; every measurement has the same luck."""
    run = plan.page.run
    count = min(run.eval_samples, task.num_held_out or run.eval_samples)
    if isinstance(task, World):
        return played_answers(plan, engine, task, sampling, count, step)
    found: list[Answered] = []
    for start in range(0, count, AT_ONCE):
        indices = range(start, min(start + AT_ONCE, count))
        problems = [task.held_out(index) for index in indices]
        keys = [[(SeedKey(run.seed, 0, index), number) for number in range(run.eval_replies)] for index in indices]
        rows = single_turns(engine, problems, keys, sampling)
        done = [finish(engine.chat, task, one, turns) for one, row in zip(problems, rows, strict=True) for turns in row]
        paid = pay(done, plan.channel, [key.coin(number) for row in keys for key, number in row], step)
        found += [
            Answered(problem=one.problem, reply=one.replies[0], grade=one.grade, reward=one.reward) for one in paid
        ]
    return found


def played_answers(
    plan: Plan, engine: Engine, task: World, sampling: SamplingParams, count: int, step: int
) -> list[Answered]:
    """Whole episodes in worlds of step 0, which no step of the run has; one that failed earned nothing."""
    assert isinstance(task, HeldOut)
    run = plan.page.run
    problems = [task.held_out(index) for index in range(count)]
    keys = [SeedKey(run.seed, 0, index) for index in range(count)]
    groups = collect(engine, task, plan.channel, problems, keys, run.eval_replies, sampling)
    return [
        Answered(problem=one.problem, reply="\n".join(one.replies), grade=one.grade, reward=one.reward)
        for group in groups
        for one in group
    ]


def has_enough(run: Run, known: Mapping[str, float]) -> bool:
    """Whether a run is over before its last step."""
    reached = known.get("p_secret", known.get("accuracy", 0.0))
    return run.stop_at is not None and reached >= run.stop_at


def named(numbers: dict[str, float]) -> dict[str, float]:
    return {f"ledger/{name}": value for name, value in numbers.items()}


def effort_of(engine: Engine, rollouts: Sequence[Rollout], temperature: float) -> float:
    """0 at the start, where nothing was written yet."""
    some = [one for one in rollouts if one.turns][:MOST_COMPARED]
    if not some:
        return 0.0
    data = [datum_of(replace(one, advantages=(0.0,) * len(one.turns)), 1.0) for one in some]
    before = engine.logprobs(data, "start", temperature)
    spoken = [[place for place, weight in enumerate(datum.weights) if weight] for datum in data]
    return rollouts_kl_bits(
        [[datum.logprobs[position] for position in positions] for datum, positions in zip(data, spoken, strict=True)],
        [[logprobs[position] for position in positions] for logprobs, positions in zip(before, spoken, strict=True)],
    )
