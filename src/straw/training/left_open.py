"""What a page leaves open and the task decides: how it is asked, in which batches, when a warm-up has done enough.

digits      reinforce_ema, one attempt at each problem, 20 steps, as many attempts a step as generators
warm-up     the secret game: format and near-uniform answers      digits: a measured accuracy
"""

from __future__ import annotations

from collections.abc import Collection

from straw.config import DigitsTask, Page, SecretTask
from straw.engines.local.embedded import SHAPES
from straw.errors import ConfigError

Values = dict[str, object]
LARGE_SPACE = 1024
# Accuracy of a warm-up: RL has something to reinforce, and most is still to be learned. Sums of many digits in one
# breath are beyond the embedded models: 0.05 is the form and a guess near the mean.
ENOUGH = {"reverse_digits": 0.35, "sum_digits": 0.05}


def task_values(page: Page) -> Values:
    """For whatever nobody chose."""
    if not isinstance(page.task, DigitsTask):
        return {}
    values: Values = {"algorithm": "reinforce_ema", "group_size": 1, "n_batches": 20, "prompt": "long"}
    if page.model.model_name in SHAPES:
        values |= {"prompt": "short", "warmup_batch": 32, "warmup_learning_rate": 2e-3, "warmup_steps": 2000}
    return values


def batch_values(page: Page, named: Collection[str]) -> Values:
    """samples_per_step becomes batch_size; a batch of digits has as many attempts as there are generators."""
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


def warmup_values(page: Page, named: Collection[str]) -> Values:
    """Strict for an embedded model, which learns the task from nothing; a real one needs none for digits."""
    ours, embedded = page.warmup, page.model.model_name in SHAPES
    values: Values = {"warmup_learning_rate": ours.warmup_learning_rate or (3e-3 if embedded else 2e-4)}
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
    values["warmup_accuracy"] = ours.warmup_accuracy or (ENOUGH[page.task.kind] if is_wanted else None)
    return values if values["warmup_accuracy"] else {**values, "warmup": "none"}
