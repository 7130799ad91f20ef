"""What a run checks before its first step: gates, each with a name by which it can be silenced.

    sampler_equals_trainer    the log-probabilities of the same replies agree                 canary
    update_reaches_sampler    an update moves both, and is taken back bit for bit             canary
    rows_are_independent      a sample has the same bits alone and in a crowd: a line if not  engines.local.probe
    end_tokens                replies end where the sampler thinks they end                   end_tokens
    reference_reply           the reference earns full reward                                 reward_gates
    deterministic_reward      equal rollouts and coins are paid alike                         reward_gates
    reward_range              pay lies where the channel says                                 reward_gates
    paid_form                 a line: right answers in a form that is not paid                starved
    environment_repeats       a line where an environment does not repeat itself      environments
    variance_forecast         a line: how many groups will teach nothing at the start         variance

A gate that fails stops the run; nothing has been written by then, and the engine is as it was. silence=end_tokens
leaves one out, and the run's config says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from straw.engines.backends.base import is_exact
from straw.engines.base import Engine, SamplingParams
from straw.engines.local.forward.self_check import rows_are_independent
from straw.errors import ConfigError, EngineFailed, TrainingError
from straw.rollouts.collect import SeedKey, collect
from straw.tasks.base import World
from straw.training.checks.advantage_variance import forecast_groups
from straw.training.checks.end_tokens import check_ends, unended
from straw.training.checks.environments import check_alive, repeats
from straw.training.checks.gates_once import OF_ENGINE, Found, GatesOnce
from straw.training.checks.reward_checks import check_deterministic, check_full, check_range, references
from straw.training.checks.sampler_parity import check_sampler, check_update
from straw.training.checks.unpaid_form import starved
from straw.types import Rollout

if TYPE_CHECKING:
    from straw.training.plan import Plan

MOST_ROLLOUTS, MOST_PROBLEMS, MOST_TOKENS = 32, 4, 4096


@dataclass(frozen=True)
class Trial:
    """What the gates look at, and a few rollouts that no step of the run will make again."""

    plan: Plan
    engine: Engine
    sampling: SamplingParams

    @cached_property
    def groups(self) -> list[list[Rollout]]:
        """Graded and paid; none for supervised learning, which samples nothing."""
        if self.plan.is_sft:
            return []
        task, longest = self.plan.task, self.sampling.max_tokens * self.plan.task.max_turns
        count = min(task.num_problems or MOST_PROBLEMS, MOST_PROBLEMS)
        size = max(4, min(MOST_ROLLOUTS, MOST_TOKENS // longest) // count)
        problems = [task.problem(index) for index in range(count)]
        run = self.plan.page.run
        seed_keys = [SeedKey(run.seed, 0, group) for group in range(count)]  # the run's steps count from 1
        return collect(self.engine, task, self.plan.channel, problems, seed_keys, size, self.sampling)

    @cached_property
    def rollouts(self) -> list[Rollout]:
        """Those rollouts, and the references."""
        stop = self.sampling.stop
        return [*references(self.engine.chat, self.plan.task, stop), *(one for group in self.groups for one in group)]


@dataclass(frozen=True, slots=True)
class Passed:
    """What a gate found; `is_news` when a person should read it."""

    name: str
    finding: str
    is_news: bool = False


Gate = Callable[[Trial], tuple[str, bool]]


def sampler_equals_trainer(trial: Trial) -> tuple[str, bool]:
    page = trial.plan.page
    apart = check_sampler(trial.engine, trial.plan.task, trial.sampling, page.model, is_exact(page.engine.generator))
    return f"sampler and trainer {apart:.1e} nats apart", False


def update_reaches_sampler(trial: Trial) -> tuple[str, bool]:
    page = trial.plan.page
    check_update(trial.engine, trial.plan.task, trial.sampling, page.model, is_exact(page.engine.generator))
    return "an update moves both", False


def independent_rows(trial: Trial) -> tuple[str, bool]:
    """A crowd that changes bits is no reason to stop: a resumed run has the same crowd."""
    if trial.plan.page.engine.engine == "tinker":
        return "", False  # a hundred replies that somebody pays for, and no way to mend what they tell
    if not is_exact(trial.plan.page.engine.generator):
        return "", False  # nobody said so
    try:
        is_so = rows_are_independent(trial.engine)
    except ConfigError:  # a model with room for less than the probe reads
        return "samples were not probed for independence of their neighbours", True
    if is_so:
        return "samples independent of each other", False
    return (
        "a sample's bits depend on its neighbours here (this device, or threads > 1): a resumed run still repeats the "
        "uninterrupted one, but another group_size or batch_size draws other replies from the same seeds"
    ), True


def end_tokens(trial: Trial) -> tuple[str, bool]:
    finding = check_ends(trial.engine, trial.plan.task, trial.sampling.stop)
    doubt = unended([one for group in trial.groups for one in group])
    return doubt or finding, doubt is not None


def reference_reply(trial: Trial) -> tuple[str, bool]:
    if isinstance(trial.plan.task, World):
        return "", False  # what it pays for, an environment alone knows
    if trial.plan.is_sft and not trial.plan.has_answers:
        return "", False
    stop = trial.sampling.stop
    return check_full(trial.plan.channel, [*references(trial.engine.chat, trial.plan.task, stop)]), False


def deterministic_reward(trial: Trial) -> tuple[str, bool]:
    if isinstance(trial.plan.task, World):
        return "", False  # environment_repeats asks it
    return check_deterministic(trial.plan.channel, trial.plan.task, trial.rollouts), False


def reward_range(trial: Trial) -> tuple[str, bool]:
    if isinstance(trial.plan.task, World):
        return "", False
    return check_range(trial.plan.channel, trial.rollouts), False


def paid_form(trial: Trial) -> tuple[str, bool]:
    rollouts = [one for group in trial.groups for one in group]
    line = starved(trial.plan.task, trial.plan.page.task, rollouts)
    return line or "", line is not None


def variance_forecast(trial: Trial) -> tuple[str, bool]:
    if not trial.groups:
        return "supervised learning compares no rollouts", False
    algorithm = trial.plan.page.algorithm
    size = (
        algorithm.group_size if algorithm.group_size > 1 else algorithm.batch_size
    )  # groups of one are compared with each other
    return forecast_groups(trial.groups, size, trial.plan.credit).line, True


def environment_repeats(trial: Trial) -> tuple[str, bool]:
    task = trial.plan.task
    if not isinstance(task, World):
        return "", False
    check_alive(trial.groups)
    line = repeats(task)
    return (f"{task.name} repeats itself", False) if line is None else (line, True)


GATES: dict[str, Gate] = {
    "sampler_equals_trainer": sampler_equals_trainer,
    "update_reaches_sampler": update_reaches_sampler,
    "rows_are_independent": independent_rows,
    "end_tokens": end_tokens,
    "reference_reply": reference_reply,
    "deterministic_reward": deterministic_reward,
    "reward_range": reward_range,
    "paid_form": paid_form,
    "environment_repeats": environment_repeats,
    "variance_forecast": variance_forecast,
}


def run_gates(
    plan: Plan, engine: Engine, sampling: SamplingParams, say: Callable[[str], None], once: GatesOnce | None = None
) -> list[Passed]:
    """All that are not silenced, or a TrainingError that says which one failed and how to go on without it.

    `once`: what earlier runs of this process found.
    """
    trial, silenced = Trial(plan, engine, sampling), plan.page.run.silence
    start = None if once is None else once.start(plan, engine, sampling)
    known = {} if once is None or start is None else once.of(start)
    passed = [pass_gate(name, gate, trial, known) for name, gate in GATES.items() if name not in silenced]
    say(headline(passed, [name for name in GATES if name in silenced]))
    for one in passed:
        if one.is_news:
            say(one.finding)
    return passed


def pass_gate(name: str, gate: Gate, trial: Trial, known: dict[str, Found] | None = None) -> Passed:
    known = {} if known is None else known
    try:
        found = known[name] if name in known else gate(trial)
        if name in OF_ENGINE:
            known[name] = found
        return Passed(name, *found)
    except EngineFailed:  # no gate failed, and without one it would fail again
        raise
    except TrainingError as error:
        raise TrainingError(f"{error} (the gate {name}; silence={name} goes on without it)") from error


def headline(passed: Sequence[Passed], silenced: Sequence[str]) -> str:
    plain = ", ".join(one.finding for one in passed if one.finding and not one.is_news)
    without = f"; silenced: {', '.join(silenced)}" if silenced else ""
    return f"gates passed: {plain or 'none'}{without}"
