"""What a page leaves open and the task decides: how it is asked, in which batches, when a warm-up has done enough.

digits      reinforce_ema, one attempt at each problem, 20 steps, as many attempts a step as generators; a real model
            takes all that the study's code takes (DIGITS_STUDY), an embedded one what was tuned for it
problems    whatever is read from a file or made for a library: the memory study's GRPO (16 replies to each of 16
            problems, betas .9 and .99, weight decay .1, a cosine behind a rise of a tenth, gradients clipped at .1,
            replies of 200 tokens), or SFT on the worked solutions, for one pass
memory      of problems that are read: the memory study's paper, or with write_first=true its code; of others: ours
warm-up     the secret game: format and near-uniform answers      digits: a measured accuracy
"""

from __future__ import annotations

from collections.abc import Collection

from straw.algorithms.named import NAMED
from straw.config import CountdownTask, DataTask, DigitsTask, MadeTask, Page, ProblemTask, SecretTask
from straw.engines.local.embedded import SHAPES
from straw.errors import ConfigError
from straw.tasks.base import Graded, Task

Values = dict[str, object]
LARGE_SPACE = 1024
# Accuracy of a warm-up: RL has something to reinforce, and most is still to be learned. Sums of many digits in one
# breath are beyond the embedded models: 0.05 is the form and a guess near the mean.
ENOUGH = {"reverse_digits": 0.35, "sum_digits": 0.05, "countdown": 0.3}

# What the digits study's code says beyond its options: AdamW as torch has it, a mean that moves once a batch.
DIGITS_STUDY: Values = {
    "temperature": 0.7, "eval_temperature": 0.0, "max_tokens": 256, "ema_start": 0.5, "ema_update": "batch",
    "beta2": 0.999, "weight_decay": 0.01,
}  # fmt: skip

# Of the memory study, where the two differ. Its trainer (TRL 0.14) draws at 0.9 unless it is told otherwise.
PAPER: Values = {"embed": "response", "memory_values": 100, "explore_warmup": 50, "constant_window": 0.0}
CODE: Values = {"embed": "reasoning", "memory_values": 100, "explore_warmup": 0, "explore_warmup_keys": 500}
CODE_EXPLOIT: Values = {"memory_values": 1000}
STUDY_TEMPERATURE = 0.9

EASY = {"numbers": "3", "max_number": 9, "max_target": 20, "operators": "+-"}  # countdown that 1M parameters can learn


def task_values(page: Page) -> Values:
    """For whatever nobody chose."""
    if isinstance(page.task, SecretTask):
        return memory_values(page)
    if not isinstance(page.task, DigitsTask):
        return problem_values(page) | made_values(page) | data_values(page) | memory_values(page)
    values: Values = {"algorithm": "reinforce_ema", "group_size": 1, "n_batches": 20, "prompt": "long"}
    if page.model.model_name in SHAPES:
        values |= {"prompt": "short", "warmup_batch": 32, "warmup_learning_rate": 2e-3, "warmup_steps": 2000}
        return values | memory_values(page)
    return values | study_values(page, page.task.prompt == "short") | memory_values(page)


def study_values(page: Page, is_short: bool) -> Values:
    """As far as they fit what the page says: no greedy reply where several are wanted, no 256 tokens for a few."""
    values = dict(DIGITS_STUDY)
    if page.run.eval_replies > 1:
        del values["eval_temperature"]
    if is_short:
        del values["max_tokens"]
    return values


def problem_values(page: Page) -> Values:
    values: Values = {"algorithm": "grpo", "beta2": 0.99, "weight_decay": 0.1, "grad_clip": 0.1, "schedule": "cosine"}
    values |= {"group_size": 1 if page.algorithm.algorithm == "sft" else 16, "batch_size": 16, "max_tokens": 200}
    values["kl_coef"] = NAMED["grpo"].kl_coef  # of the default; who names an algorithm gets that one's
    if page.run.n_batches is None:
        values["num_epochs"] = 1
    return values if page.optimizer.lr_warmup_steps else values | {"lr_warmup": 0.1}


def data_values(page: Page) -> Values:
    """The order of the data is the run's own, the temperature the memory study's. Who asks for tags pays for them."""
    if not isinstance(page.task, DataTask):
        return {}
    paid: Values = {"reward_type": "weighted"} if page.task.system_prompt == "xml" else {}
    return {"task_seed": page.run.seed, "temperature": STUDY_TEMPERATURE, **paid}


def memory_values(page: Page) -> Values:
    """Who runs the study gets its memory, not ours: every reward inside the group's centring."""
    ours = page.memory
    is_study = isinstance(page.task, DataTask) and ours.is_memory
    values: Values = {"novelty": "inside" if is_study or ours.write_first else "outside"}
    if ours.write_first:
        values["groups_per_key"] = page.algorithm.problems_at_once or 1
    if not is_study:
        return values
    if not ours.write_first:
        return values | PAPER
    return values | CODE | (CODE_EXPLOIT if ours.use_ir == "knn" else {})


def made_values(page: Page) -> Values:
    """Problems without end make no passes. A model from nothing is asked in a few characters and answers in as many."""
    if not isinstance(page.task, MadeTask):
        return {}
    values: Values = {"num_epochs": None, "n_batches": 100}
    if isinstance(page.task, CountdownTask):
        if page.model.model_name in SHAPES:
            values |= EASY
        short = page.task.prompt == "short" or (page.task.prompt is None and page.model.model_name in SHAPES)
        values |= {"prompt": "short" if short else "long", **({"max_tokens": None} if short else {})}
    if page.model.model_name in SHAPES:
        values |= {"warmup_batch": 32, "warmup_learning_rate": 2e-3, "warmup_steps": 2000}
    return values


def grader_values(page: Page, task: Task) -> Values:
    """The grader that the task took, so that the page tells."""
    if not isinstance(page.task, ProblemTask) or page.task.grader is not None or not isinstance(task, Graded):
        return {}
    return {"grader": task.grader_name}


def reward_values(named: Collection[str]) -> Values:
    """Who names weights wants them paid."""
    return {"reward_type": "weighted"} if "reward_weights" in named else {}


def num_batches(page: Page, named: Collection[str], num_problems: int | None) -> int | None:
    """num_epochs becomes n_batches; what is left over of a pass begins no batch."""
    ours = page.run
    if ours.num_epochs is None:
        return ours.n_batches
    if num_problems is None:
        raise ConfigError(
            f"num_epochs counts passes over all problems, and those of {page.task.kind} never repeat; got "
            f"num_epochs={ours.num_epochs}. Write n_batches."
        )
    wanted = max(1, ours.num_epochs * num_problems // page.algorithm.batch_size)
    if "n_batches" in named and ours.n_batches not in (None, wanted):
        raise ConfigError(
            f"num_epochs={ours.num_epochs} of {num_problems} problems are {wanted} batches of "
            f"{page.algorithm.batch_size}; got n_batches={ours.n_batches}. Leave one of them out."
        )
    return wanted


def batch_values(page: Page, named: Collection[str]) -> Values:
    """Other words become batch_size; a batch of digits has as many attempts as there are generators."""
    return micro_values(page, named) or sample_values(page, named)


def micro_values(page: Page, named: Collection[str]) -> Values:
    """A batch is problems_at_once groups, accumulation times."""
    ours = page.algorithm
    if ours.problems_at_once is None and ours.accumulation is None:
        return {}
    wanted = (ours.problems_at_once or 1) * (ours.accumulation or 1)
    if ours.samples_per_step is not None or ("batch_size" in named and ours.batch_size != wanted):
        other = "samples_per_step" if ours.samples_per_step is not None else "batch_size"
        raise ConfigError(
            f"a batch is problems_at_once groups (bs), accumulation times (gc), {wanted} here; got "
            f"{other}={getattr(ours, other)} as well. Leave one of them out."
        )
    return {"batch_size": wanted, "problems_at_once": None, "accumulation": None}


def sample_values(page: Page, named: Collection[str]) -> Values:
    ours, wanted = page.algorithm, page.algorithm.samples_per_step
    if wanted is None:
        if not isinstance(page.task, DigitsTask) or "batch_size" in named:
            return {}
        return {"batch_size": -(-page.engine.num_generators // ours.group_size)}
    if wanted % ours.group_size or ("batch_size" in named and ours.batch_size * ours.group_size != wanted):
        with_batch = f" and batch_size={ours.batch_size}" if "batch_size" in named else ""
        raise ConfigError(
            f"samples_per_step is batch_size groups of group_size; got samples_per_step={wanted} with "
            f"group_size={ours.group_size}{with_batch}. Leave batch_size out, and choose a multiple of group_size."
        )
    return {"batch_size": wanted // ours.group_size, "samples_per_step": None}


def warmup_rate(page: Page) -> float:
    """At 3e-3 the largest embedded model does not come to uniform answers; adapters take as much as a small model."""
    if page.model.model_name in SHAPES:
        return 1e-3 if page.model.model_name == "tiny-5M" else 3e-3
    return 3e-3 if page.model.lora_rank else 2e-4


def warmup_values(page: Page, named: Collection[str]) -> Values:
    """Strict for an embedded model, which learns the task from nothing; a real one needs none for digits."""
    ours, embedded = page.warmup, page.model.model_name in SHAPES
    values: Values = {"warmup_learning_rate": ours.warmup_learning_rate or warmup_rate(page)}
    if isinstance(page.task, SecretTask):
        strict = embedded and page.task.N**page.task.length <= LARGE_SPACE
        values["warmup_mass"] = ours.warmup_mass or (0.99 if embedded else 0.95)
        values["warmup_distance"] = ours.warmup_distance or (0.02 if strict else 0.10)
        if ours.warmup_accuracy is not None:
            raise ConfigError(
                "warmup_accuracy is for a task with held-out problems, and a warm-up for secret never sees one; got "
                f"warmup_accuracy={ours.warmup_accuracy}. Write warmup_mass and warmup_distance."
            )
        return values
    is_wanted = embedded or ("warmup" in named and ours.warmup != "none")
    values["warmup_accuracy"] = ours.warmup_accuracy or (ENOUGH.get(page.task.kind) if is_wanted else None)
    return values if values["warmup_accuracy"] else {**values, "warmup": "none"}
