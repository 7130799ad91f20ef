"""A run as a person sees it: a live line, then a table, a picture and where everything lies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from shlex import quote

from straw.library.live.watcher import LiveWatcher, label_of, subtitle_of
from straw.report.curves.curve import metric_curve
from straw.report.curves.picture import draw_picture
from straw.report.curves.terminal import print_curves
from straw.report.ledger import ledger_rows
from straw.report.runs.evaluations import before_and_after
from straw.report.runs.summary import total
from straw.runs.metrics import measured_in
from straw.runs.progress import end_table
from straw.runs.reading import read_metrics
from straw.text.shown.say import say
from straw.training.session import Finished

MOST_CHANGED = 20  # rows


def watched(run: Callable[[LiveWatcher], Finished], *, quiet: bool) -> int:
    """A run with somebody looking on; exit status 1 when it ended worse than it began, 130 when it was stopped."""
    watcher = LiveWatcher(quiet)
    try:
        finished = run(watcher)
    finally:
        watcher.end()
    if finished.is_done:
        show_finished(finished)
        if finished.complaint:
            say(f"straw: {finished.complaint}", error=True)
        return 1 if finished.complaint else 0
    watcher.console.print(
        f"stopped at step {finished.steps}; go on with: straw resume {quote(str(finished.folder))}", soft_wrap=True
    )
    return 130


def show_finished(finished: Finished) -> None:
    plan, ceiling = finished.plan, finished.plan.ceiling_bits
    rows = read_metrics(finished.folder)
    name = measured_in(rows)
    metric, unit = name.replace("_", " "), "" if ceiling is None else "bits"
    curve = metric_curve(rows, name, label_of(plan))._replace(dashed=plan.is_sft)
    picture = draw_picture(
        [curve], finished.folder / "curve.png", ceiling_bits=ceiling, subtitle=subtitle_of(plan), metric=metric
    )
    if len(curve.episodes) > 2:
        print_curves([curve], ceiling_bits=ceiling, title=f"{metric} against episodes", unit=unit)
    found = bits_rows(finished.known, ceiling) if ceiling is not None else answer_rows(finished)
    counted = [("episodes", f"{finished.episodes:,}"), *work_rows(finished)]
    table = [*found, *ledger_rows(finished.folder), *counted, ("picture", str(picture))]
    end_table(label_of(plan), table, run_folder=finished.folder)


Rows = list[tuple[str, str]]


def bits_rows(known: Mapping[str, float], ceiling: float) -> Rows:
    return [
        ("bits known", f"{known['bits_known']:.2f} of {ceiling:.2f}"),
        ("p(S)", f"{known['p_secret']:.3f}"),
        ("among valid answers", f"{known['bits_known_normalised']:.2f} bits"),
        ("valid mass", f"{known['valid_mass']:.4f}"),
    ]


def work_rows(finished: Finished) -> Rows:
    """What a student does beside its episodes."""
    if finished.plan.row.learner is None:
        return []
    rows = read_metrics(finished.folder)
    found = {"updates": total(rows, "updates"), "unpaid draws, no episodes": total(rows, "unpaid_draws")}
    return [(name, f"{value:,.0f}") for name, value in found.items() if value is not None]


def answer_rows(finished: Finished) -> Rows:
    """Before and after, behind a table of the problems whose replies changed."""
    before, after = before_and_after(finished.folder)
    pairs = [(then, now) for then, now in zip(before, after, strict=False) if then.question == now.question]
    changed = [(now.question, then.said, now.said) for then, now in pairs if then != now]  # a branch may ask others
    if changed:
        title = f"{len(changed)} of {len(after)} held-out problems are answered otherwise than before"
        end_table(title, changed[:MOST_CHANGED], header=("problem", "before", "after"))
    if len(changed) > MOST_CHANGED:
        say(f"and {len(changed) - MOST_CHANGED} more, in evaluations.jsonl")
    first, last = read_metrics(finished.folder)[0], finished.known
    if "eval_reward" in last:
        return [("held-out reward", f"{first['eval_reward']:.3f} -> {last['eval_reward']:.3f}")]
    if "accuracy" not in last:  # imitated replies, and nobody to say what is right
        return []
    return [
        ("accuracy", f"{first['accuracy']:.2f} -> {last['accuracy']:.2f}"),
        ("95% interval", f"{last['accuracy_low']:.2f} to {last['accuracy_high']:.2f} of {len(after)} problems"),
        ("format compliance", f"{first['format_compliance']:.2f} -> {last['format_compliance']:.2f}"),
    ]
