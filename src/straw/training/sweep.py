"""What the runs of a sweep come to, found before any of them begins; and one of them, done.

    sweep -> pages -> plans -> the rates to try -> folders that are there: the same page?

A run is that of `straw train --resume` with the same options and nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from straw.config import Page, load_page, with_values
from straw.errors import ConfigError, RunError
from straw.runs.checkpoints.config_match import check_is_same, page_of
from straw.runs.reading import CONFIG
from straw.runs.sweeps.sweep import RATE, Condition, Planned, Sweep, SweepRun
from straw.training.plan import Plan
from straw.training.resolve.page_to_plan import plan_of
from straw.training.session import Watcher, continue_page

HIDDEN = ("fixed_secret", "secret_seed")  # a warm-up never sees the secret
ADAPTERS = ("lora_rank", "lora_alpha", "lora_targets")
Pair = tuple[SweepRun, Plan]


def plan_sweep(sweep: Sweep, watcher: Watcher) -> list[tuple[Condition, list[Planned], list[Planned]]]:
    """For each condition the runs that are judged and those that find their learning rate."""
    return [(condition, *plan_condition(sweep, condition)) for condition in sweep.conditions]


def plan_condition(sweep: Sweep, condition: Condition) -> tuple[list[Planned], list[Planned]]:
    judged = [with_plan(run) for run in sweep.runs(condition)]
    untuned = float(judged[0][1].page.optimizer.learning_rate or 0)
    trials = [with_plan(run) for run in sweep.trials(condition, untuned)]
    if trials and judged[0][1].ceiling_bits is None:
        raise ConfigError(
            f"[tune] chooses by the episodes until bits are known, and {judged[0][1].task.name} has no bits to know: "
            "leave it out, or vary learning_rate under [grid]."
        )
    if sweep.tune is not None and not sweep.tune.same_secrets:
        check_secrets(judged, trials)
    for run, plan in judged:
        check_folder(run, plan.page, is_tuned=sweep.tune is not None)
    for run, plan in trials:
        check_folder(run, plan.page, is_tuned=False)
    return [planned(*one) for one in judged], [planned(*one) for one in trials]


def with_plan(run: SweepRun) -> Pair:
    with naming_run(run):
        return run, plan_of(load_page(None, run.options))


def planned(run: SweepRun, plan: Plan) -> Planned:
    return Planned(
        run=run,
        values={name: value for section in vars(plan.page).values() for name, value in vars(section).items()},
        ceiling_bits=plan.ceiling_bits,
        episodes=int(plan.page.run.n_batches or 0) * plan.episodes_per_step,
        start=start_of(plan.page),
    )


def start_of(page: Page) -> str:
    """What a warm-up may depend on, in words; `initial_policy.fingerprint` knows exactly, but needs the model."""
    left_out = HIDDEN + ADAPTERS * page.model.model_name.startswith("tiny-")
    sections = (page.task, page.model, page.warmup)
    return repr([(k, v) for section in sections for k, v in vars(section).items() if k not in left_out])


def check_secrets(judged: Iterable[Pair], trials: Iterable[Pair]) -> None:
    """Other seeds may hide the same secret: there are only N."""
    hidden = {secret: run for run, plan in judged for secret in secrets_of(plan)}
    for run, plan in trials:
        for secret in secrets_of(plan):
            if secret in hidden:
                raise ConfigError(
                    f"[tune] finds the learning rate on secrets that are not judged; seed {run.seed} and seed "
                    f"{hidden[secret].seed} both hide {' '.join(secret[1])} ({run.condition}). Choose another seed. "
                    "Where there is none, same_secrets = true under [tune] allows it, with other draws."
                )


def secrets_of(plan: Plan) -> set[tuple[str, tuple[str, ...]]]:
    """What the run is asked and what it should learn to say; none where problems never repeat."""
    problems = [plan.task.problem(index) for index in range(plan.task.num_problems or 0)]
    return {(problem.key, problem.reference) for problem in problems}


def check_folder(run: SweepRun, page: Page, *, is_tuned: bool) -> None:
    """A run that is there and began with another page is neither gone on with nor overwritten.

    Its learning rate is no matter where trials are yet to find it.
    """
    if not (run.folder / CONFIG).is_file():
        return
    with naming_run(run):
        if is_tuned:
            page = with_values(page, {RATE: page_of(run.folder).optimizer.learning_rate})
        check_is_same(page, run.folder)


@contextmanager
def naming_run(run: SweepRun) -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"run {run.name}: {error}") from None
    except RunError as error:
        raise RunError(f"run {run.name}: {error}") from None


def do_run(options: Mapping[str, Any], watcher: Watcher) -> bool:
    """Whether it came to its end: begun, taken up again, or found done."""
    return continue_page(load_page(None, options), watcher).is_done
