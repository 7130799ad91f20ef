"""The options of an environment, and what a run in one is set to where nobody chose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from straw.config import Page, TaskSection, Tuning, Values
from straw.config.option import MOST_SEED, MOST_STEPS, option

DEFAULTS: Values = {
    "algorithm": "grpo", "group_size": 8, "batch_size": 4, "kl_coef": 0.0, "max_tokens": 256, "eval_every": 25,
    "eval_samples": 64, "n_batches": 100,
}  # fmt: skip
FROM_NOTHING: Values = {"warmup_batch": 16, "warmup_learning_rate": 2e-3, "warmup_steps": 600}
TUNED = Tuning(values={"learning_rate": 2e-4}, whole=10.0, large=0.25)  # as for data of somebody's own


@dataclass(frozen=True, kw_only=True)
class WorldOptions(TaskSection):
    """Those of every world that others wrote."""

    tool_form: Literal["auto", "tagged", "bare", "plain"] = option(
        "auto", "how calls are written; auto: by the chat template, or else plain, a line each"
    )
    max_turns: int = option(10, "the most turns of an episode", at_least=1, at_most=1_000)
    max_episode_tokens: int | None = option(
        None, "the most tokens of an episode, all included; none: what the model reads",
        example=2048, at_least=2, at_most=1_048_576,
    )  # fmt: skip
    max_result: int = option(2_000, "the most characters of what one call gives", at_least=16, at_most=1_000_000)
    env_seconds: float = option(60.0, "the most seconds that an environment may take in an episode", above=0)
    path: str | None = option(
        None, "the data, a row for each problem; none: the environment says what is asked", example="data.jsonl"
    )
    eval_path: str | None = option(
        None, "the held-out rows; none: a tenth of path, or other seeds", example="held_out.jsonl"
    )
    num_problems: int | None = option(
        None, "the number of first rows that are trained on; none: all", example=1000, at_least=1, at_most=MOST_STEPS
    )
    task_seed: int | None = option(
        None, "the seed of the rows' order; none: the run's own seed", example=0, at_least=0, at_most=MOST_SEED
    )

    @property
    def has_turns(self) -> bool:
        return True

    @property
    def references_explain(self) -> bool:
        return True

    @property
    def default_channel(self) -> str:
        return "environment"

    @property
    def enough_accuracy(self) -> float | None:
        """Of an embedded model: the share of its calls that are well formed."""
        return 0.95

    def defaults(self, page: Page) -> Values:
        values = DEFAULTS | {"task_seed": page.run.seed}
        return values | FROM_NOTHING if page.model.is_embedded else values

    def tuning(self, page: Page) -> Tuning:
        return TUNED


@dataclass(frozen=True, kw_only=True)
class EnvironmentOptions(WorldOptions):
    """An environment: env:FILE.py:Class, env:MODULE:Class, or env with `environments` or `tools`."""

    kind: str = option("env", "the task", registry="tasks")
    environments: tuple[str, ...] = option(
        (), "several environments by name, one for each row by its column environment", example=("chess=mine.py:Chess",)
    )
    tools: tuple[str, ...] = option((), "functions that keep no state, as tools", example=("mine.py:add",))
    stop_when_done: bool = option(False, "an episode ends as soon as its environment's attribute `done` is true")
