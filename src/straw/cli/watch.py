"""A run as a person sees it: a live line, then a table, a picture and where everything lies."""

from __future__ import annotations

from collections.abc import Callable
from math import log2
from pathlib import Path

from rich.console import Console
from rich.text import Text

from straw.cli.stop_signal import StopSignal
from straw.report.curve import curve_of
from straw.report.picture import draw_picture
from straw.report.terminal import print_curves
from straw.runs.progress import Progress, end_table
from straw.training.assemble import Plan
from straw.training.session import Finished


class LiveWatcher:
    """Lines above, a live line below once the run has begun."""

    def __init__(self, quiet: bool) -> None:
        self.quiet, self.console = quiet, Console(stderr=True, quiet=quiet)
        self.bar: Progress | None = None
        self.stop = StopSignal()

    def say(self, line: str) -> None:
        if self.bar is None:
            self.console.print(Text(line), soft_wrap=True)
        else:
            self.bar.say(line)

    def begin(self, plan: Plan, folder: Path) -> None:
        self.say(f"run folder {folder}")
        steps = int(plan.page.run.n_batches or 0)
        self.bar = Progress(steps, label_of(plan), ceiling_bits=log2(plan.task.space), quiet=self.quiet)
        self.bar.__enter__()
        self.stop.listen(self.say)

    def update(self, step: int, row: dict[str, float]) -> bool:
        if self.bar is not None:
            self.bar.update(step, row)
        return self.stop.was_heard

    def end(self) -> None:
        self.stop.ignore()
        if self.bar is not None:
            self.bar.__exit__(None, None, None)
            self.bar = None


def watched(run: Callable[[LiveWatcher], Finished], *, quiet: bool) -> int:
    """A run with somebody looking on; exit status 130 when it was asked to stop before its end."""
    watcher = LiveWatcher(quiet)
    try:
        finished = run(watcher)
    finally:
        watcher.end()
    if finished.is_done:
        show_finished(finished)
        return 0
    watcher.console.print(
        f"stopped at step {finished.steps}; go on with: straw resume {finished.folder}", soft_wrap=True
    )
    return 130


def show_finished(finished: Finished) -> None:
    plan, known = finished.plan, finished.known
    ceiling = log2(plan.task.space)
    curve = curve_of(finished.folder, label_of(plan), dashed=plan.is_sft)
    picture = draw_picture([curve], finished.folder / "curve.png", ceiling_bits=ceiling, subtitle=subtitle_of(plan))
    if len(curve.episodes) > 2:
        print_curves([curve], ceiling_bits=ceiling, title="bits known against episodes")
    episodes = plan.episodes_per_step * int(plan.page.run.n_batches or 0)
    rows = [
        ("bits known", f"{known['bits_known']:.2f} of {ceiling:.2f}"),
        ("p(S)", f"{known['p_secret']:.3f}"),
        ("among valid answers", f"{known['bits_known_normalised']:.2f} bits"),
        ("valid mass", f"{known['valid_mass']:.4f}"),
        ("episodes", f"{episodes:,}"),
        ("picture", str(picture)),
    ]
    end_table(label_of(plan), rows, run_folder=finished.folder)


def label_of(plan: Plan) -> str:
    """What a curve of this run is called."""
    if plan.is_sft:
        return "SFT"
    reward = plan.page.reward
    return {
        "binned_log_distance": f"{reward.reward_bins} bins",
        "log_distance": "log distance",
        "dense": "dense" if reward.credit == "turn" else "dense, summed",
    }.get(plan.page.channel, plan.page.channel.replace("_", " "))


def subtitle_of(plan: Plan) -> str:
    page = plan.page
    how = f"LoRA rank {page.model.lora_rank}" if page.model.lora_rank else "all weights"
    return f"N = {page.task.N}, {page.model.model_name}, {how}, groups of {page.algorithm.group_size}"
