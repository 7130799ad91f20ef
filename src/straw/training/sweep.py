"""What the runs of a sweep come to, found before any of them begins; and one of them, done.

    sweep -> pages -> plans -> the rates to try -> folders that are there: the same page?

A run is that of `straw train --resume` with the same options and nothing more.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from straw.config import Page, load_page, with_values
from straw.errors import ConfigError, RunError
from straw.runs.checkpoints.config_match import check_is_same, page_of
from straw.runs.reading import CONFIG
from straw.runs.sweeps.sweep import RATE, Condition, Planned, Sweep, SweepRun
from straw.training.checks.gates_once import GatesOnce
from straw.training.plan import Plan
from straw.training.resolve.page_to_plan import plan_of, task_of
from straw.training.session import Watcher, continue_page

HIDDEN = ("fixed_secret", "secret_seed")  # a warm-up never sees the secret
ADAPTERS = ("lora_rank", "lora_alpha", "lora_targets")
ONCE = GatesOnce()  # of all runs of this process
OWN = ("seed", "secret_seed", "run_dir")  # what a plan does not depend on, but for the values themselves


def plan_sweep(sweep: Sweep, watcher: Watcher) -> list[tuple[Condition, list[Planned], list[Planned]]]:
    """For each condition the runs that are judged and those that find their learning rate."""
    return [(condition, *plan_condition(sweep, condition)) for condition in sweep.conditions]


def plan_condition(sweep: Sweep, condition: Condition) -> tuple[list[Planned], list[Planned]]:
    judged = sketched(sweep.runs(condition))
    first = judged[0].plan
    trials = sketched(sweep.trials(condition, float(first.page.optimizer.learning_rate or 0)))
    if trials and first.ceiling_bits is None:
        raise ConfigError(
            f"[tune] chooses by the episodes until bits are known, and {first.task.name} has no bits to know: "
            "leave it out, or vary learning_rate under [grid]."
        )
    if sweep.tune is not None and not sweep.tune.same_secrets:
        check_secrets(judged, trials)
    for one in judged:
        check_folder(one, is_tuned=sweep.tune is not None)
    for one in trials:
        check_folder(one, is_tuned=False)
    return [one.planned() for one in judged], [one.planned() for one in trials]


@dataclass(frozen=True, slots=True)
class Sketch:
    """A run, and the plan of one that differs from it in seeds and folder alone."""

    run: SweepRun
    plan: Plan
    values: Mapping[str, Any]  # every option of that plan
    start: str  # what a warm-up of either may depend on

    @property
    def page(self) -> Page:
        return with_values(self.plan.page, own(self.run))

    def planned(self) -> Planned:
        """Runs of one plan share most of their values, so that thousands of them are soon handed on."""
        plan = self.plan
        return Planned(
            run=self.run,
            values=ChainMap(own(self.run), cast(dict[str, Any], self.values)),
            ceiling_bits=plan.ceiling_bits,
            episodes=int(plan.page.run.n_batches or 0) * plan.episodes_per_step,
            start=self.start,
        )


def sketched(runs: Iterable[SweepRun]) -> list[Sketch]:
    """Each kind of page is planned once: what it comes to does not depend on the seeds."""
    known: dict[str, Sketch] = {}
    found = []
    for run in runs:
        kind = repr([(name, value) for name, value in run.options.items() if name not in own(run)])
        if kind not in known:
            known[kind] = sketch_of(run)
        found.append(replace(known[kind], run=run))
    return found


def own(run: SweepRun) -> dict[str, Any]:
    """What tells a run from others of its kind. A seed that is still a text was written on the page."""
    options = run.options
    return {name: options[name] for name in OWN if name == "run_dir" or type(options.get(name)) is int}


def sketch_of(run: SweepRun) -> Sketch:
    with naming_run(run):
        plan = plan_of(load_page(None, run.options))
    values = {name: value for section in vars(plan.page).values() for name, value in vars(section).items()}
    return Sketch(run, plan, values, start_of(plan.page))


def start_of(page: Page) -> str:
    """What a warm-up may depend on, in words; `initial_policy.fingerprint` knows exactly, but needs the model."""
    left_out = HIDDEN + ADAPTERS * page.model.model_name.startswith("tiny-")
    sections = (page.task, page.model, page.warmup)
    return repr([(k, v) for section in sections for k, v in vars(section).items() if k not in left_out])


def check_secrets(judged: Iterable[Sketch], trials: Iterable[Sketch]) -> None:
    """Other seeds may hide the same secret: there are only N."""
    hidden = {secret: one.run for one in judged for secret in secrets_of(one)}
    for one in trials:
        for secret in secrets_of(one):
            if secret in hidden:
                raise ConfigError(
                    f"[tune] finds the learning rate on secrets that are not judged; seed {one.run.seed} and seed "
                    f"{hidden[secret].seed} both hide {' '.join(secret[1])} ({one.run.condition}). Choose another "
                    "seed. Where there is none, same_secrets = true under [tune] allows it, with other draws."
                )


def secrets_of(one: Sketch) -> set[tuple[str, tuple[str, ...]]]:
    """What the run is asked and what it should learn to say; none where problems never repeat."""
    if not one.plan.task.num_problems:
        return set()
    task = task_of(one.page)
    problems = [task.problem(index) for index in range(task.num_problems or 0)]
    return {(problem.key, problem.reference) for problem in problems}


def check_folder(one: Sketch, *, is_tuned: bool) -> None:
    """A run that is there and began with another page is neither gone on with nor overwritten.

    Its learning rate is no matter where trials are yet to find it.
    """
    run = one.run
    if not (run.folder / CONFIG).is_file():
        return
    with naming_run(run):
        page = one.page
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
    return continue_page(load_page(None, options), watcher, ONCE).is_done
