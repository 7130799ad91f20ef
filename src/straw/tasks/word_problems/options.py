"""The options of problems in words and numbers, and what the memory study sets for them.

    ProblemOptions    how a problem is asked and its answer compared
    DataOptions       of those that stand in files or on the hub
    MadeOptions       of those that are made as they are needed

The study: GRPO, 16 replies to each of 16 problems, betas .9 and .99, weight decay .1, a cosine behind a rise of a
tenth, gradients clipped at .1, replies of 200 tokens. Its memory is the paper's, or with write_first=true the code's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from straw.config import Page, TaskSection, Tuning, Values
from straw.config.option import MOST_SEED, MOST_STEPS, option
from straw.registry import find
from straw.tasks.single_turn import FROM_NOTHING

STUDY: Values = {
    "algorithm": "grpo", "beta2": 0.99, "weight_decay": 0.1, "grad_clip": 0.1, "schedule": "cosine", "batch_size": 16,
    "max_tokens": 200,
}  # fmt: skip
STUDY_TEMPERATURE = 0.9  # its trainer (TRL 0.14) draws so unless it is told otherwise
TUNED = Tuning(values={"learning_rate": 5e-5})  # a tenth of it, 5e-6, for a real model: the study's

# Where the paper and the code of its memory differ.
PAPER: Values = {"embed": "response", "memory_values": 100, "explore_warmup": 50, "constant_window": 0.0}
CODE: Values = {"embed": "reasoning", "memory_values": 100, "explore_warmup": 0, "explore_warmup_keys": 500}
CODE_EXPLOIT: Values = {"memory_values": 1000}


@dataclass(frozen=True, kw_only=True)
class ProblemOptions(TaskSection):
    """How a problem is asked and its answer compared."""

    system_prompt: str = option("xml", "the system prompt: xml, boxed, none, a text of your own or @FILE.txt")
    num_shots: int = option(0, "the number of few-shot examples in the prompt", at_least=0, at_most=1_000)
    grader: str | None = option(
        None, "the grader that compares with the gold answer; none: by the prompt format", example="exact",
        registry="graders",
    )  # fmt: skip

    @property
    def references_explain(self) -> bool:
        return True

    @property
    def reply_form(self) -> str:
        return self.system_prompt

    def defaults(self, page: Page) -> Values:
        """The memory study's GRPO, or SFT on the worked solutions, for one pass."""
        values = STUDY | {"group_size": 1 if page.algorithm.algorithm == "sft" else 16}
        values["kl_coef"] = find("algorithms", "grpo").kl_coef  # who names an algorithm gets that one's
        if page.run.n_batches is None:
            values["num_epochs"] = 1
        return values if page.optimizer.lr_warmup_steps else values | {"lr_warmup": 0.1}

    def tuning(self, page: Page) -> Tuning:
        return TUNED


@dataclass(frozen=True, kw_only=True)
class DataOptions(ProblemOptions):
    """Problems that stand in files or on the hub."""

    path: str | None = option(
        None, "the data: .jsonl, .json, .csv, .parquet, or a folder of splits",
        example="data/gsm8k",
    )  # fmt: skip
    eval_path: str | None = option(
        None, "the file or folder of held-out data; none: path", example="data/math500/test.jsonl"
    )
    hub: str | None = option(
        None, "the data set on the Hugging Face hub, where no path is named", example="openai/gsm8k"
    )
    hub_config: str | None = option(None, "the hub data set's configuration", example="main")
    question_field: tuple[str, ...] = option((), "the columns with the question; none: as known", example=("question",))
    answer_field: str = option("", "the column with the gold answer; none: as known", example="answer")
    solution_field: str = option("", "the column with a worked solution; none: as known", example="solution")
    train_split: str | None = option("train", "the training split; none: nothing, all is held out")
    eval_split: str = option("test", "the evaluation split; the same as train_split: a share of it")
    eval_share: float = option(
        0.1, "the share of a file without splits that is held out", above=0, below=1, example=0.1
    )
    num_problems: int | None = option(
        None, "the number of first rows that are trained on; none: all", example=1000, at_least=1, at_most=MOST_STEPS
    )
    bad_rows: Literal["refuse", "skip"] = option("refuse", "what happens to a row that cannot be asked or graded")
    max_prompt_tokens: int | None = option(
        None, "the most tokens of a training prompt; none: what the model can read",
        example=256, at_least=1, at_most=262_144,
    )  # fmt: skip
    long_prompts: Literal["refuse", "skip"] = option("refuse", "what happens to a row whose prompt is longer")
    task_seed: int | None = option(
        None, "the seed of the problems' order; none: the run's own seed", example=0, at_least=0, at_most=MOST_SEED
    )

    @property
    def prompt_limit(self) -> int | None:
        return self.max_prompt_tokens

    @property
    def skips_long_prompts(self) -> bool:
        return self.long_prompts == "skip"

    @property
    def skips_bad_rows(self) -> bool:
        return self.bad_rows == "skip"

    def defaults(self, page: Page) -> Values:
        """The order of the data is the run's own, the temperature the study's. Who asks for tags pays for them."""
        paid: Values = {"reward_type": "weighted"} if self.system_prompt == "xml" else {}
        order: Values = {"task_seed": page.run.seed, "temperature": STUDY_TEMPERATURE}
        return super().defaults(page) | order | paid | memory_of_the_study(page)


def memory_of_the_study(page: Page) -> Values:
    """Who runs the study gets its memory, not ours: every reward inside the group's centring."""
    memory = page.memory
    if not memory.is_memory:
        return {}
    if not memory.write_first:
        return {"novelty": "inside", **PAPER}
    return {"novelty": "inside", **CODE, **(CODE_EXPLOIT if memory.use_ir == "knn" else {})}


@dataclass(frozen=True, kw_only=True)
class MadeOptions(ProblemOptions):
    """Problems that are made as they are needed, and never repeat by plan."""

    task_seed: int = option(
        0, "the seed that draws the problems, apart from the run's own seed", at_least=0, at_most=MOST_SEED
    )

    def defaults(self, page: Page) -> Values:
        """Problems without end make no passes. A model from nothing answers in a few characters."""
        values = super().defaults(page) | {"num_epochs": None, "n_batches": 100}
        return values | FROM_NOTHING if page.model.is_embedded else values
