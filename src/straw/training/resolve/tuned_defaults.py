"""Which tuning a page takes: its algorithm's, its task's or its reward's, in this order.

A learner in a game of luck may have one of its own. The rate is for all weights of an embedded model: adapters want
more, and the many weights of a real model less.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError

from straw.algorithms.registry import OF_A_LEARNER, OF_BELIEFS
from straw.algorithms.row import Algorithm
from straw.config import MODEST, Page, Tuning, Values
from straw.engines.local.models.cache import ADDABLE, cached_model
from straw.engines.local.models.folder import count_weights
from straw.engines.local.models.sizes import PUBLISHED
from straw.outside import short
from straw.registry import find
from straw.training.learners.soft_targets import BeliefOptions

REAL_WHOLE, REAL_ADAPTERS = 0.1, 1.0  # times the rate
SMALL = 300_000_000  # parameters at most
TURNS_POOL = 512  # conversations are put together from fewer replies


def reward_tuning(page: Page) -> Tuning:
    """A plain function of somebody else has none, and is taken as any other."""
    tuning = getattr(find("rewards", page.channel), "tuning", None)
    found: Tuning = tuning(page.reward) if tuning is not None else MODEST
    return found


def tuning_of(page: Page, row: Algorithm) -> tuple[Tuning, str]:
    """What this page is to learn with, and where that is from: tuned: binary, or not tuned: what somebody brought."""
    tuning, tuned_for = own_tuning(page, row)
    if tuning is not None:
        return tuning, f"tuned: {tuned_for}"
    return of_others(page, row), f"not tuned: {tuned_for}"


def own_tuning(page: Page, row: Algorithm) -> tuple[Tuning | None, str]:
    """Of the learner, the task or the reward that decides; None where it has none."""
    task = page.task.tuning(page)
    if row.is_supervised and row.tuning is not None:
        return row.tuning, page.algorithm.algorithm
    if row.tuning_by_luck is not None and task is None and reward_tuning(page).is_luck:
        return row.tuning_by_luck, f"{short(page.algorithm.algorithm)}, {page.channel}"
    if row.tuning is not None or row.has_targets:
        return row.tuning, short(page.algorithm.algorithm)
    if task is not None:
        return task, page.task.kind
    of_reward = reward_tuning(page)
    return (None if of_reward is MODEST else of_reward), short(page.channel)


def of_others(page: Page, row: Algorithm) -> Tuning:
    """For a learner or a reward of somebody else, which has none."""
    if not row.has_targets:
        return MODEST
    return OF_BELIEFS if isinstance(page.algorithm, BeliefOptions) else OF_A_LEARNER


def is_luck(page: Page, row: Algorithm) -> bool:
    """Whether answers have to be found by luck, whoever learns."""
    return not row.is_supervised and page.task.tuning(page) is None and reward_tuning(page).is_luck


def tuned_values(page: Page, row: Algorithm) -> Values:
    """What a page leaves open, for its algorithm, task and reward, and its way of tuning."""
    tuning, _ = tuning_of(page, row)
    values = dict(tuning.values)
    rate = float(f"{float(str(values['learning_rate'])) * rate_scale(page, tuning):.3g}")
    if "pool" in values and page.task.has_turns:
        values["pool"] = TURNS_POOL
    return {"entropy_coef": 0.0, "replay": 0, "lora_rank": 0, "reward_type": page.channel, **values} | {
        "learning_rate": rate
    }


def rate_scale(page: Page, tuning: Tuning) -> float:
    model = page.model
    if model.is_embedded:
        return tuning.adapters if model.lora_rank else tuning.whole
    if model.lora_rank:
        return REAL_ADAPTERS
    is_cut = tuning.large != 1 and not is_small(model.model_name)
    return REAL_WHOLE * tuning.large if is_cut else REAL_WHOLE


def is_small(name: str) -> bool:
    """One that is not here yet is taken for large, unless it is one that straw brings."""
    known = parameters_of(name)
    return name in ADDABLE if known is None else known <= SMALL


def parameters_of(name: str) -> int | None:
    """As a table or the headers of its files say; of a .gguf file its bytes, which are as many or more."""
    if name in PUBLISHED:
        return PUBLISHED[name].parameters
    place = cached_model(name) or Path(name).expanduser()
    with suppress(OSError, ValueError, KeyError, TypeError, SafetensorError):
        return count_weights(place) if place.is_dir() else place.stat().st_size
    return None
