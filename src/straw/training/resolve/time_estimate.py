"""How long a run will take, from what was measured: earlier runs of the same page, or some steps here and now.

    earlier runs     seconds a step of runs under runs/ whose pages differ in nothing that costs time, on this processor
    a few steps      the loop itself, in a folder that is thrown away, where a step takes no longer than STEP_S
    pieces           else: a few tokens of sampling and a few rollouts of training, and from there in proportion

The pieces take every reply to be as long as it may be, so they say too much where replies end sooner. A warm-up is left
out, and so is what stop_at or patience spare. What is not measured, and why, is said.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import mkdtemp
from typing import Any

from straw.config import dump
from straw.engines.base import Loss, SamplingParams
from straw.engines.local.engine import LocalEngine
from straw.errors import StrawError
from straw.files import parse_toml
from straw.runs.about import processor
from straw.runs.reading import METRICS, read_about, read_config, read_metrics
from straw.runs.store import RunFolder
from straw.tasks.base import Enumerable, HeldOut
from straw.training.loop import Loop
from straw.training.plan import Plan
from straw.training.resolve.page_to_plan import sampling_of
from straw.types import Datum

STEP_S = 2.0  # of a step that is simply made
STEPS, PATIENCE_S = 4, 4.0  # at most, the first of which is not counted
NEAR, ROUGH, SAME = (0.75, 1.6), (0.4, 1.6), (0.85, 1.25)  # lower and upper end, times what was measured
FEW_TOKENS, SOME_TOKENS = 2, 10  # of a reply
ROWS, MOST_TRAINED = 32, 1024  # replies that are sampled for it; tokens that are trained on
MOST_RUNS, LEAST_STEPS = 40, 5  # earlier ones that are looked at; that one has to have
FREE = {  # options that cost no time
    "task": {"secret_seed", "task_seed", "fixed_secret"},
    "run": {"seed", "run_dir", "question", "n_batches", "num_epochs", "stop_at", "patience", "keep_best", "keep_last",
            "keep_weights", "silence", "track", "verbose"},
    "optimizer": {"learning_rate"},
    "model": {"model_seed"},
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeForecast:
    """Seconds of the whole run, from and to, and how they were found."""

    low_s: float
    high_s: float
    how: str

    def line(self) -> str:
        return f"about {duration(self.low_s)} to {duration(self.high_s)}, {self.how}"


def duration(seconds: float) -> str:
    """40 s, 12 min, 3.4 h, 2.1 days"""
    for unit, size in (("days", 172_800.0), ("h", 7200.0), ("min", 120.0)):
        if seconds >= size:
            value = seconds / {"days": 86_400, "h": 3600, "min": 60}[unit]
            return f"{value:.0f} {unit}" if unit == "min" else f"{value:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def time_forecast(plan: Plan, engine: LocalEngine, root: Path = Path("runs")) -> TimeForecast:
    """By earlier runs where there are some, else by a measurement. The engine is used up."""
    steps = int(plan.page.run.n_batches or 0)
    if known := earlier(plan, root):
        low, high = SAME
        seconds = sorted(known.values())
        names = ", ".join(list(known)[:2]) + (f" and {len(known) - 2} more" if len(known) > 2 else "")
        how = f"by {len(known)} earlier {'run' if len(known) == 1 else 'runs'} of this page ({names})"
        return TimeForecast(low_s=low * seconds[0] * steps, high_s=high * seconds[-1] * steps, how=how)
    return measured(plan, engine, steps)


# --- earlier runs


def earlier(plan: Plan, root: Path) -> dict[str, float]:
    """Seconds a step of runs of this page, by folder, the newest first."""
    wanted = costly(parse_toml(dump(plan.page)))
    found = {}
    folders = sorted(root.glob(f"*/{METRICS}"), key=changed, reverse=True) if root.is_dir() else []
    for path in folders[:MOST_RUNS]:
        try:
            is_same = alike(wanted, costly(read_config(path.parent)))
            here = read_about(path.parent).get("machine", {}).get("processor") == processor()
            pace = seconds_a_step(read_metrics(path.parent)) if is_same and here else None
        except (StrawError, OSError, ValueError, TypeError, AttributeError, KeyError):
            continue  # a folder that cannot be read has nothing to say
        if pace is not None:
            found[str(path.parent)] = pace
    return found


def costly(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The options that decide what a step costs."""
    return {
        section: {name: value for name, value in values.items() if name not in FREE.get(section, ())}
        for section, values in config.items()
    }


def alike(page: Mapping[str, Any], run: Mapping[str, Any]) -> bool:
    """A page may leave open how long a completion is, which a run has settled."""
    if page["sampling"].get("max_tokens") == "none":
        run = {**run, "sampling": {**run["sampling"], "max_tokens": "none"}}
    return page == run


def seconds_a_step(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """Evaluations included; None for a run of too few steps. A pause between two processes is not in time_s."""
    steps = [(row["step"], row["time_s"]) for row in rows]
    if len(steps) < 2 or steps[-1][0] - steps[0][0] < LEAST_STEPS:
        return None
    return float((steps[-1][1] - steps[0][1]) / (steps[-1][0] - steps[0][0]))


def changed(path: Path) -> float:
    return path.lstat().st_mtime


# --- a measurement


def measured(plan: Plan, engine: LocalEngine, steps: int) -> TimeForecast:
    sampling = sampling_of(plan, engine.chat)
    step_s, eval_s = by_pieces(plan, engine, sampling)
    evaluations = 1 + steps // max(1, int(plan.page.run.eval_every or steps or 1))
    ends, how = ROUGH, f"{pace(step_s)} by a few tokens and rollouts measured here, replies as long as they may be"
    if plan.page.engine.engine != "local":
        how += f", in one process and not with engine={plan.page.engine.engine}"
    elif step_s <= STEP_S:
        step_s, eval_s, count = by_steps(plan, engine, sampling)
        ends, how = NEAR, f"{pace(step_s)} by {count} steps made here"
    whole = steps * step_s + evaluations * eval_s
    return TimeForecast(low_s=ends[0] * whole, high_s=ends[1] * whole, how=how + left_out(plan))


def pace(step_s: float) -> str:
    return f"{1000 * step_s:.0f} ms a step" if step_s < 1 else f"{step_s:.1f} s a step"


def left_out(plan: Plan) -> str:
    parts = ["without the warm-up"] if plan.page.warmup.warmup != "none" else []
    parts += [f"less if {name} ends it sooner" for name in ("stop_at", "patience") if getattr(plan.page.run, name)]
    return "".join(f"; {part}" for part in parts)


class Silent:
    """Nobody looks on."""

    def say(self, line: str) -> None: ...
    def begin(self, plan: Plan, folder: Path) -> None: ...
    def look_at(self, facts: object) -> None: ...
    def update(self, step: int, row: dict[str, float]) -> bool:
        return False


def by_steps(plan: Plan, engine: LocalEngine, sampling: SamplingParams) -> tuple[float, float, int]:
    """Seconds of a step and of a measurement, from the loop itself; and how many steps were counted."""
    place = Path(mkdtemp(prefix="straw-dry-run-"))
    try:
        with RunFolder.create(place / "run", dump(plan.page)) as folder:
            engine.save(folder.path / "start", optimizer=False)
            engine.start_is_in(folder.path / "start")
            loop = Loop(plan, engine, sampling, folder, Silent())
            loop.open_source()
            with loop.source.opened():
                eval_s = timed(loop.measured)
                taken: list[float] = []
                while len(taken) < STEPS and sum(taken) < PATIENCE_S and loop.state.step < loop.num_steps:
                    loop.state.step += 1
                    taken.append(timed(lambda: loop.log(loop.step(), {})))
                eval_s = min(eval_s, timed(loop.measured)) if taken else eval_s  # the first one is slow
    finally:
        shutil.rmtree(place, ignore_errors=True)
    counted = taken[1:] or taken or [0.0]
    return median(counted), eval_s, len(counted)


def timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def by_pieces(plan: Plan, engine: LocalEngine, sampling: SamplingParams) -> tuple[float, float]:
    """Seconds of a step and of a measurement, in proportion to what some tokens took."""
    algorithm, task = plan.page.algorithm, plan.task
    prompt = engine.chat.opening(task.problem(0).messages)
    reply = sampling.max_tokens * task.max_turns
    if engine.room is not None:
        reply = min(reply, engine.room - len(prompt))  # an episode in an environment ends before it is longer
    rollouts = algorithm.group_size * algorithm.batch_size
    rows = min(ROWS, rollouts)
    token_s, read_s = decoding(engine, prompt, rows, sampling)
    of_row = token_s / rows  # of a token of one reply; many rows are no slower than that
    sampled = 0.0 if plan.is_sft else rollouts * reply * of_row + algorithm.batch_size * read_s
    trained_s = training(engine, prompt, reply, algorithm.group_size)
    trained_s *= 4 / 3 if algorithm.kl_coef else 1.0  # the reference policy reads it too
    groups = algorithm.batch_size
    updates = algorithm.updates_per_batch or 1
    asked = evaluated_tokens(plan, len(prompt))
    answers = plan.page.run.eval_samples * plan.page.run.eval_replies if isinstance(task, HeldOut) else 0
    reading = asked * trained_s / (len(prompt) + algorithm.group_size * reply) / 3  # forward alone
    eval_s = reading + answers * reply * of_row
    return sampled + updates * groups * trained_s, eval_s


def decoding(engine: LocalEngine, prompt: tuple[int, ...], rows: int, sampling: SamplingParams) -> tuple[float, float]:
    """Seconds of one more token of all rows, and of reading the prompt; nobody stops early."""

    def sample(tokens: int) -> float:
        params = SamplingParams(max_tokens=tokens, temperature=sampling.temperature)
        return timed(lambda: engine.sample([prompt], rows, params, [list(range(rows))]))

    sample(1)
    few, some = sample(FEW_TOKENS), sample(SOME_TOKENS)
    token_s = max(1e-6, (some - few) / (SOME_TOKENS - FEW_TOKENS))
    return token_s, max(0.0, few - FEW_TOKENS * token_s)


def training(engine: LocalEngine, prompt: tuple[int, ...], reply: int, group: int) -> float:
    """Seconds of the gradient of one group: of as many replies of it as are soon read."""
    some = max(1, min(group, (MOST_TRAINED - len(prompt)) // max(1, reply)))
    length = min(reply, max(1, MOST_TRAINED - len(prompt)))
    tokens = tuple(prompt[place % len(prompt)] for place in range(length))
    datum = Datum(
        prompt=prompt, tokens=tokens, weights=(1.0 / length,) * length, logprobs=(-1.0,) * length,
        advantages=(1.0,) * length,
    )  # fmt: skip
    data, loss = [datum] * some, Loss(name="importance_sampling")
    engine.forward_backward(data[:1], loss)
    taken = timed(lambda: engine.forward_backward(data, loss))
    return taken * (len(prompt) + group * reply) / (len(prompt) + some * length)


def evaluated_tokens(plan: Plan, prompt: int) -> int:
    """Read in a measurement, beside what is sampled for it."""
    if isinstance(plan.task, Enumerable):
        return prompt + 4 * min(plan.task.space, plan.page.run.eval_answers)
    return 0
