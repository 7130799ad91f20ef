"""A run as a person follows it in a terminal: lines above, a live line below once the run has begun."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from straw.algorithms.registry import mark_of
from straw.library.jobs.stop_signal import StopSignal
from straw.library.live.engine_table import engine_table
from straw.runs.progress import Progress
from straw.text.shown.screen import Console, as_text
from straw.training.plan import Plan


class LiveWatcher:
    """Lines above, a live line below once the run has begun."""

    def __init__(self, quiet: bool) -> None:
        self.quiet, self.console = quiet, Console(stderr=True, quiet=quiet)
        self.bar: Progress | None = None
        self.stop = StopSignal()
        self.facts: Callable[[], dict[str, Any]] = dict
        self.row: dict[str, float] = {}

    def say(self, line: str) -> None:
        if self.bar is None:
            self.console.print(as_text(line), soft_wrap=True)
        else:
            self.bar.say(line)

    def begin(self, plan: Plan, folder: Path) -> None:
        self.say(f"run folder {folder}")
        steps = int(plan.page.run.n_batches or 0)
        self.bar = Progress(steps, label_of(plan), ceiling_bits=plan.ceiling_bits, quiet=self.quiet, below=self.engine)
        self.bar.__enter__()
        self.stop.listen(self.say)

    def look_at(self, facts: Callable[[], dict[str, Any]]) -> None:
        self.facts = facts

    def engine(self) -> RenderableType | None:
        """What stands below the live lines where there are processes."""
        return engine_table(self.facts(), self.row)

    def update(self, step: int, row: dict[str, float]) -> bool:
        self.row = row
        if self.bar is not None:
            self.bar.update(step, row)
        return self.stop.was_heard

    def end(self) -> None:
        self.stop.ignore()
        if self.bar is not None:
            self.bar.__exit__(None, None, None)
            self.bar = None


def label_of(plan: Plan) -> str:
    """What a curve of this run is called."""
    if plan.is_sft:
        return "SFT"
    reward = plan.page.reward
    name = {
        "binned_log_distance": f"{reward.reward_bins} bins",
        "log_distance": "log distance",
        "dense": "dense" if reward.credit == "turn" else "dense, summed",
    }.get(plan.page.channel, plan.channel.name.replace("_", " "))
    return name + mark_of(plan.page.algorithm.algorithm)


def subtitle_of(plan: Plan) -> str:
    page = plan.page
    how = f"LoRA rank {page.model.lora_rank}" if page.model.lora_rank else "all weights"
    what = f"N = {N}" if (N := page.task.num_guesses) is not None else plan.task.name.replace("_", " ")
    return f"{what}, {page.model.model_name}, {how}, groups of {page.algorithm.group_size}"
