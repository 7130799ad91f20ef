"""A sweep as it goes: plan, find the learning rates, run what is missing, draw.

    every page is planned before anything runs        one that cannot be run is refused by its name
    runs that find the learning rates                 of every condition that has some
    runs that are judged                              with the rates that were found
    sweep.json, sweep.csv, a table, a picture         whatever happened; a failed run is shown and ends nothing

Nothing here imports torch: the workers do.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from straw.files import make_folders
from straw.library.jobs.worker import Job, Result
from straw.library.jobs.worker_pool import Room
from straw.library.live.board import LiveBoard
from straw.report.curves.conditions_picture import draw_conditions
from straw.report.sweeps.accuracy import has_accuracy
from straw.report.sweeps.files import write_files
from straw.report.sweeps.sweep import MISSING, Ended, Summary, draw_sweep, ended, state_in
from straw.runs.about import cores
from straw.runs.files.atomic_write import run_error
from straw.runs.files.lock import Lock
from straw.runs.reading import read_config
from straw.runs.sweeps.sweep import RATE, Condition, Planned, Sweep
from straw.runs.sweeps.tuning import Row, best_rate, rows_of
from straw.text.shown.screen import Console

PLAN, DO = "straw.training.sweep:plan_sweep", "straw.training.sweep:do_run"
Plans = list[tuple[Condition, list[Planned], list[Planned]]]


@dataclass(slots=True)
class Going:
    """A sweep while it runs."""

    sweep: Sweep
    plans: Plans
    console: Console | None = None  # where its board stands; none: the terminal
    failed: dict[str, str] = field(default_factory=dict)  # run -> why
    rows: dict[str, list[Row]] = field(default_factory=dict)  # condition -> its learning rates
    spent: dict[str, float] = field(default_factory=lambda: {"jobs_cpu_s": 0.0, "runs_cpu_s": 0.0, "runs": 0})

    def note(self, result: Result) -> str:
        """What a run came to, for a person."""
        self.spent["jobs_cpu_s"] += result.cpu_s
        self.spent["runs_cpu_s"] += result.run_cpu_s
        self.spent["runs"] += 1
        if result.error is not None:
            self.failed[result.label] = result.error
            return f"{result.label}: failed: {result.error}" + (f"\n{result.trace}" if result.trace else "")
        return f"{result.label}: done"

    def trials(self) -> list[Ended]:
        return [self.ended(one) for _, _, trials in self.plans for one in trials]

    def summaries(self) -> list[Summary]:
        return [
            Summary(
                condition=condition.label or self.sweep.name,
                runs=[self.ended(one) for one in judged],
                trials=self.rows.get(condition.label, []),
            )
            for condition, judged, _ in self.plans
        ]

    def ended(self, planned: Planned) -> Ended:
        return ended(planned, self.failed.get(planned.run.name, ""))


def done_sweep(sweep: Sweep, jobs: int | None, console: Console | None = None) -> tuple[Going, list[Summary]]:
    """What is missing of a sweep is run, `jobs` at a time (0: here, one after the other; None: as many as cores)."""
    started_s = time.monotonic()
    with Room(1 if jobs is None else jobs) as room:
        going = Going(sweep, room.ask(PLAN, sweep), console=console)
        room.size = num_workers(going.plans) if jobs is None else jobs
        lock = locked(sweep)
        try:
            go(going, room)
        except BaseException:
            room.stop()  # first, so that the files say what the runs came to
            raise
        finally:
            going.spent["wall_s"] = round(time.monotonic() - started_s, 3)
            summaries = going.summaries()
            write_files(sweep, summaries, going.trials(), going.spent)
            lock.release()
    return going, summaries


def go(going: Going, room: Room) -> None:
    do(going, room, [one for _, _, trials in going.plans for one in trials])
    going.plans = [with_rate(going, *plan) for plan in going.plans]
    do(going, room, [one for _, judged, _ in going.plans for one in judged if one.run.name not in going.failed])


def do(going: Going, room: Room, planned: Iterable[Planned]) -> None:
    """Those that are not done."""
    left = [one for one in planned if state_in(one.run.folder) != "done"]
    jobs = [Job(one.run.name, DO, dict(one.run.options), one.start) for one in left]
    with LiveBoard([job.label for job in jobs], console=going.console) as board:
        for result in room.run(jobs, board.on_event):
            board.on_event(result.label, "end", "failed" if result.error else "done")
            board.say(going.note(result))


def with_rate(
    going: Going, condition: Condition, judged: list[Planned], trials: list[Planned]
) -> tuple[Condition, list[Planned], list[Planned]]:
    """The runs that are judged, with the learning rate that their trials found."""
    if not trials:
        return condition, judged, trials
    rows = going.rows[condition.label] = rows_of(going.ended(one).trial for one in trials)
    rate = best_rate(rows)
    if rate is None:
        going.failed |= {one.run.name: "no learning rate came through, see the runs under tune" for one in judged}
        return condition, judged, trials
    tuned = [
        replace(one, run=run, values={**one.values, RATE: rate})
        for one, run in zip(judged, going.sweep.runs(condition, rate), strict=True)
    ]
    going.failed |= {one.run.name: why for one in tuned if (why := began_otherwise(one))}
    return condition, tuned, trials


def began_otherwise(planned: Planned) -> str | None:
    """A run that is there and began with the rate that other trials had found."""
    if state_in(planned.run.folder) == MISSING:
        return None
    begun = read_config(planned.run.folder)["optimizer"][RATE]
    if begun == planned.rate:
        return None
    return f"it began with learning_rate={begun:g}, and the trials now find {planned.rate:g}: choose another out="


def num_workers(plans: Plans) -> int:
    """As many as cores, each with the threads that its runs ask for; a GPU has room for one."""
    values = [one.values for _, judged, _ in plans for one in judged]
    if any(one["device"] != "cpu" for one in values):
        return 1
    return max(1, cores() // max(one["threads"] for one in values))


def locked(sweep: Sweep) -> Lock:
    try:
        make_folders(sweep.folder)
    except OSError as problem:
        raise run_error(problem, sweep.folder) from problem
    return Lock(sweep.folder)


def draw_picture(going: Going, summaries: Sequence[Summary]) -> Path | None:
    """Bits against episodes, or accuracy by condition; none where nothing can be drawn."""
    sweep = going.sweep
    if has_accuracy(summaries):
        means = f"{learner(going)}, means of {len(sweep.seeds)} seeds with 95% intervals"
        return draw_conditions(summaries, sweep.folder / "conditions.png", means)
    return draw_sweep(summaries, sweep.folder, f"{learner(going)}, median of {len(sweep.seeds)} seeds")


def learner(going: Going) -> str:
    """What learned, and with which weights."""
    values: Mapping[str, object] = going.plans[0][1][0].values
    how = f"LoRA rank {values['lora_rank']}" if values["lora_rank"] else "all weights"
    return f"{values['model_name']}, {how}"
