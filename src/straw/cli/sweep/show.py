"""A sweep as a person sees it: what there is to do, and what the runs came to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from straw.cli.arguments import say_json
from straw.library.jobs.worker_pool import Room
from straw.library.sweeps.runs import PLAN, Going, Plans, done_sweep, draw_picture
from straw.report.sweeps import accuracy
from straw.report.sweeps.sweep import HEADER, MISSING, Summary, counted, state_in
from straw.runs.progress import end_table
from straw.runs.reading import read_metrics
from straw.runs.sweeps.sweep import Planned, Sweep
from straw.runs.sweeps.tuning import is_at_edge
from straw.text.shown.say import say
from straw.text.shown.screen import Console, as_text


def run_sweep(sweep: Sweep, jobs: int | None) -> int:
    """Exit status 1 when a run failed."""
    going, summaries = done_sweep(sweep, jobs)
    show(going, summaries)
    return 1 if going.failed else 0


def print_plans(sweeps: Sequence[Sweep], *, as_json: bool = False) -> None:
    """Every run with its state, and what is left to do. As JSON one sweep is an object, and a study a list of them."""
    if as_json:
        plans = [plan_of(sweep) for sweep in sweeps]
        say_json(plans[0] if len(plans) == 1 else plans)
        return
    for sweep in sweeps:
        print_plan(plan_of(sweep))


def plan_of(sweep: Sweep) -> dict[str, Any]:
    with Room(0) as room:
        plans: Plans = room.ask(PLAN, sweep)
    everything = [one for _, judged, trials in plans for one in (*trials, *judged)]
    left = [one for one in everything if state_in(one.run.folder) != "done"]
    return {
        "sweep": sweep.name,
        "folder": str(sweep.folder),
        "runs": [
            {"run": one.run.name, "state": state_in(one.run.folder), "episodes_left": episodes_left(one)}
            for one in everything
        ],
        "to_do": len(left),
        "most_warmups": len({one.start for one in left if one.values["warmup"] != "none"}),
    }


def print_plan(plan: dict[str, Any]) -> None:
    runs = plan["runs"]
    rows = [(one["run"], one["state"], f"{one['episodes_left']:,}") for one in runs]
    end_table(plan["sweep"], rows, header=("run", "state", "episodes left"))
    episodes = sum(one["episodes_left"] for one in runs)
    say(
        f"{plan['to_do']} of {len(runs)} runs to do, {episodes:,} episodes, warm-ups at most {plan['most_warmups']}; "
        f"folder: {plan['folder']}"
    )


def episodes_left(planned: Planned) -> int:
    state = state_in(planned.run.folder)
    if state == "done":
        return 0
    rows = [] if state == MISSING else read_metrics(planned.run.folder)
    return planned.episodes - (int(rows[-1]["episodes"]) if rows else 0)


def show(going: Going, summaries: Sequence[Summary]) -> None:
    sweep = going.sweep
    if any(summary.trials for summary in summaries):
        end_table("learning rates, on secrets that are not judged", tuning_cells(summaries), header=TUNING_HEADER)
        if edges := [summary.condition for summary in summaries if is_at_edge(summary.trials, summary.rate)]:
            say(f"the best lies at the edge of those tried, a better one may lie beyond: {', '.join(edges)}")
            say()
    show_conditions(going, summaries)
    picture = draw_picture(going, summaries)
    say(f"table: {sweep.folder / 'sweep.csv'}" + (f"   picture: {picture}" if picture else ""))
    for name, reason in going.failed.items():
        Console(stderr=True).print(as_text(f"failed: {name}: {reason}"), soft_wrap=True)


def show_conditions(going: Going, summaries: Sequence[Summary]) -> None:
    sweep, title = going.sweep, going.sweep.question or going.sweep.name
    if accuracy.has_accuracy(summaries):
        rows = [accuracy.cells(summaries, one) for one in summaries]
        end_table(title, rows, header=accuracy.header(summaries), run_folder=sweep.folder)
        return
    end_table(title, [one.cells() for one in summaries], header=HEADER, run_folder=sweep.folder)
    for remark in filter(None, (one.unpaid() for one in summaries)):
        say(f"beside its episodes: {remark}")


TUNING_HEADER = ("condition", "learning rate", "reached 90%", "episodes, median", "bits, median")


def tuning_cells(summaries: Sequence[Summary]) -> list[tuple[str, ...]]:
    return [
        (
            summary.condition,
            f"{row.rate:g}" + " *" * (row.rate == summary.rate),
            f"{row.num_reached} of {row.num_trials}",
            counted(row.episodes),
            "failed" if row.has_failed else f"{row.bits:.2f}",
        )
        for summary in summaries
        for row in summary.trials
    ]
