"""A run as an object: what its folder says, its picture, and what its model says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from straw.algorithms.registry import mark_of
from straw.errors import ConfigError
from straw.files import MIB, read_file
from straw.library.frames import Table
from straw.library.objects import HandedIn
from straw.outside import Handed
from straw.report.curves.curve import metric_curve
from straw.report.curves.picture import draw_picture
from straw.report.runs.listing import run_named
from straw.report.runs.options_diff import flat, reward_name
from straw.report.runs.summary import Summary, check_metric, summary_of
from straw.runs.metrics import measured_in
from straw.runs.reading import (
    State,
    read_checkpoints,
    read_config,
    read_evaluations,
    read_events,
    read_metrics,
    read_rollouts,
    state_of,
)
from straw.types import Message

if TYPE_CHECKING:
    from straw.engines.local.engine import LocalEngine

ROOM = 256  # tokens of a reply, where the run does not say


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, which a notebook shows."""

    path: Path

    def _repr_png_(self) -> bytes:
        return read_file(self.path, 64 * MIB)

    def __fspath__(self) -> str:
        return str(self.path)


class Run:
    """A run folder, whoever began it: straw.Run("runs/x"), or what `straw.train` returns.

    Everything is read from the folder when it is asked for, so a run that goes on in another process can be watched.

    >>> path = straw.train("secret", N=8, model="tiny-0.2M", warmup="none", max_tokens=2, n_batches=1, quiet=True).path
    >>> run = straw.Run(path)
    >>> run.config["task"]["N"], run.summary.episodes, run.metrics["step"]
    (8, 4, [0, 1])
    >>> len(run.rollouts), len(run.sample("Name the secret.", n=2))
    (4, 2)
    """

    def __init__(self, path: str | PathLike[str], *, handed: Mapping[str, Handed] | None = None) -> None:
        self.path = run_named(str(path))
        self.handed = dict(handed or {})  # the objects that it was trained with, in this program

    # --- what stands in the folder

    @property
    def config(self) -> dict[str, Any]:
        """The page that it used, every value resolved, by section."""
        return read_config(self.path)

    @property
    def state(self) -> State:
        """done, running, failed or stopped."""
        return state_of(self.path)

    @property
    def summary(self) -> Summary:
        """Key numbers: reward, bits_known or accuracy, episodes, time_s."""
        return summary_of(self.path)

    @property
    def metrics(self) -> Table:
        """A row a step."""
        return Table(lambda: read_metrics(self.path), "metrics")

    @property
    def rollouts(self) -> Table:
        """A row a rollout: prompt, replies, grade, rewards, advantages."""
        return Table(lambda: read_rollouts(self.path), "rollouts")

    @property
    def evaluations(self) -> Table:
        """A row a reply to a held-out problem, where the task has such problems."""
        return Table(lambda: read_evaluations(self.path), "evaluations")

    @property
    def events(self) -> Table:
        """What happened: started, alarm, checkpoint, finished."""
        return Table(lambda: read_events(self.path), "events")

    @property
    def checkpoints(self) -> list[int]:
        """The steps whose weights are there."""
        return [int(row["step"]) for row in read_checkpoints(self.path)]

    def plot(self, metric: str | None = None, path: str | PathLike[str] | None = None) -> Picture:
        """Draw a metric against episodes and return the picture, which a notebook shows.

        Without a name it is bits known, or else accuracy or reward; without a path it lies in the run folder.
        """
        rows, options, summary = read_metrics(self.path), flat(self.config), self.summary
        if metric is not None:
            check_metric(metric, rows, self.path)
        name = metric or measured_in(rows)
        label = reward_name(self.config) + mark_of(options.get("algorithm", ""))
        curve = metric_curve(rows, name, label)._replace(dashed=options.get("algorithm") == "sft")
        own = "curve.png" if metric is None else f"curve-{file_name(metric)}.png"
        drawn = draw_picture(
            [curve], self.path / own if path is None else Path(path), subtitle=subtitle(options),
            ceiling_bits=summary.ceiling_bits if name == "bits_known" else None, metric=name.replace("_", " "),
        )  # fmt: skip
        return Picture(drawn)

    # --- its model

    def sample(
        self,
        prompt: str | Sequence[Mapping[str, str]] | None = None,
        n: int = 4,
        *,
        at: int | str = "last",
        temperature: float = 1.0,
        max_tokens: int | None = None,
        seed: int = 0,
    ) -> list[str]:
        """What the model of a checkpoint replies to a prompt, `n` times; without a prompt to its task's first problem.

        `prompt` is a text or a list of messages, `at` a step, "last" or "best:METRIC".
        """
        from straw.engines.base import SamplingParams
        from straw.seeds import seed_for

        engine = self.engine(at)
        messages = self.first_problem() if prompt is None else messages_of(prompt)
        room = max_tokens or self.config["sampling"].get("max_tokens")
        params = SamplingParams(
            max_tokens=room if isinstance(room, int) else ROOM, temperature=temperature,
            stop=frozenset(engine.chat.closes),
        )  # fmt: skip
        seeds = [seed_for(seed, "sample", number) for number in range(n)]
        (replies,) = engine.sample([engine.chat.opening(messages)], n, params, [seeds])
        return [engine.chat.decode(reply.tokens) for reply in replies]

    def engine(self, at: int | str = "last") -> LocalEngine:
        """Its model with the weights of a checkpoint, behind the engine's verbs; see `straw.engine`."""
        from straw.evaluation.subjects import subjects
        from straw.runs.checkpoints.config_match import page_of

        HandedIn(self.handed).use()
        page = page_of(self.path)
        return next(subjects(page, self.path, at=str(at), every=False, say=lambda line: None)).engine

    def first_problem(self) -> Sequence[Message]:
        from straw.evaluation.subjects import task_of
        from straw.runs.checkpoints.config_match import page_of
        from straw.tasks.base import HeldOut

        HandedIn(self.handed).use()
        task = task_of(page_of(self.path))
        return (task.held_out(0) if isinstance(task, HeldOut) else task.problem(0)).messages

    def export(self, folder: str | PathLike[str], *, at: int | str = "last", adapter: bool = False) -> Path:
        """Its weights as a folder for transformers (or, of LoRA, for PEFT): see `straw export`."""
        from straw.export import export_run

        HandedIn(self.handed).use()
        out = Path(folder)
        export_run(self.path, out, lambda line: None, at=str(at), form="adapter" if adapter else "merged")
        return out

    def __repr__(self) -> str:
        found = self.summary
        said = {"bits_known": found.bits_known, "accuracy": found.accuracy, "reward": found.reward}
        numbers = "".join(f", {name} {value:.3g}" for name, value in said.items() if value is not None)
        return f"<Run {self.path}: {found.state}, step {found.step or 0} of {found.n_batches}{numbers}>"


def messages_of(prompt: str | Sequence[Mapping[str, str]]) -> Sequence[Message]:
    if isinstance(prompt, str):
        return (Message("user", prompt),)
    try:
        return tuple(Message(one["role"], one["content"]) for one in prompt)
    except (KeyError, TypeError):
        raise ConfigError(
            f"a prompt is a text, or a list of messages with role and content; got {prompt!r:.80}"
        ) from None


def subtitle(options: Mapping[str, str]) -> str:
    """As every picture of a run has it: N = 64, tiny-1M, all weights, groups of 4."""
    rank = options.get("lora_rank", "0")
    what = f"N = {options['N']}" if "N" in options else options.get("kind", "").rpartition("/")[2]
    how = f"LoRA rank {rank}" if rank not in ("0", "none") else "all weights"
    return f"{what}, {options.get('model_name')}, {how}, groups of {options.get('group_size')}"


def file_name(metric: str) -> str:
    return "".join(character if character.isalnum() else "-" for character in metric)
