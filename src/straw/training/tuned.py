"""Defaults tuned for a task and a channel, used where nobody chose.

Equal learning rates would confound the width of a channel with the scale of its advantages, so
each channel has its own, found on other secrets (seeds 100 and up) than those that are judged.
`notebook/LOG.md` has the command and the table. LoRA wants two to ten times the
rate of full fine-tuning.
"""

from __future__ import annotations

from math import log2

from straw.config import DigitsTask, Page, SecretTask

Values = dict[str, object]

FULL: dict[str, Values] = {
    "binary": {"learning_rate": 3e-4, "replay": 1},
    "coin": {"learning_rate": 3e-4, "replay": 1},
    "log_distance": {"learning_rate": 2e-4, "baseline": "optimistic", "optimism": 0.1, "replay": 1, "kl_coef": 0.05},
    "dense": {"learning_rate": 1.5e-4, "baseline": "constant", "kl_coef": 0.05},
    "dense_sum": {"learning_rate": 1e-4, "baseline": "ema", "kl_coef": 0.05},
    "digits": {"learning_rate": 1e-4},  # of an embedded model
    "digits_study": {"learning_rate": 5e-5},  # a tenth of it, 5e-6, for a real model: the digits study's
    "problems": {"learning_rate": 5e-5},  # a tenth of it, 5e-6, for a real model: the memory study's
    "sft": {"learning_rate": 3e-4},
}
STUDENTS: dict[str, Values] = {
    "surrogate": {"learning_rate": 1e-3, "most_updates": 8, "target_kl": 0.1, "pool": 4096},
    "reward_aware": {"learning_rate": 1e-3, "most_updates": 30, "target_kl": 0.02},
    "reward_aware binary": {"learning_rate": 5e-4, "most_updates": 12, "target_kl": 0.02},  # a few answers less a step
}
BOLD = {"binary": (4.0, 10.0)}  # times the rate above, for an embedded model: all weights, and adapters
TURNS_POOL = 512  # conversations are put together from fewer
LIKE = {
    "binned_log_distance": "log_distance",
    "shuffled_bins": "log_distance",
    "noisy_binary": "coin",  # as rare as right or wrong, and not to be believed at once
    "higher_lower": "coin",
    "random": "coin",
    "plus_minus": "coin",
    "weighted": "coin",
}


def tuned_values(page: Page) -> Values:
    """What a page leaves open, for its channel and way of tuning."""
    row = student_row(page) or FULL[row_of(page)]
    rate = float(f"{float(str(row['learning_rate'])) * rate_scale(page):.3g}")
    if "pool" in row and page.task.has_turns:
        row = row | {"pool": TURNS_POOL}
    values: Values = {"entropy_coef": 0.0, "replay": 0, "lora_rank": 0, "reward_type": page.channel}
    return values | row | {"learning_rate": rate}


def student_row(page: Page) -> Values | None:
    """None for an algorithm that learns from advantages."""
    name = page.algorithm.algorithm
    rare = " binary" if row_of(page) in RARE else ""
    return STUDENTS.get(name + rare) or STUDENTS.get(name)


def rate_scale(page: Page) -> float:
    """Adapters want more, the many weights of a real model less."""
    whole, adapters = 0.1, 1.0
    if page.model.model_name.startswith("tiny-"):
        is_bold = row_of(page) in BOLD and student_row(page) is None
        whole, adapters = BOLD[row_of(page)] if is_bold else (1.0, 5.0)
    return adapters if page.model.lora_rank else whole


def row_of(page: Page) -> str:
    if page.algorithm.algorithm == "sft":
        return "sft"
    if isinstance(page.task, DigitsTask):  # whatever is paid: problems never come again, so nothing could be replayed
        return "digits" if page.model.model_name.startswith("tiny-") else "digits_study"
    if not isinstance(page.task, SecretTask):
        return "problems"
    channel = LIKE.get(page.channel, page.channel)
    return "dense_sum" if channel == "dense" and page.reward.credit == "sum" else channel


RARE = ("binary", "coin")  # to be found by luck
STUDENT_PER_BIT = 12
EPISODES_PER_BIT = {"log_distance": 100, "dense": 70, "dense_sum": 140, "sft": 70}


def enough_batches(page: Page) -> int:
    """Time to find a secret by binary reward grows with N (six times its mean), by the others with its bits.

    A student tries nothing twice, and learns in a few episodes what it was told.
    """
    assert isinstance(page.task, SecretTask)  # other tasks say themselves how long they take: `left_open`
    row, N = row_of(page), page.task.N
    episodes = 6 * N if row in RARE else EPISODES_PER_BIT[row] * log2(N)
    if page.algorithm.algorithm in STUDENTS:
        episodes = 1.5 * N if row in RARE else STUDENT_PER_BIT * log2(N)
    return max(1, round(episodes / (page.algorithm.group_size * page.algorithm.batch_size)))


MEASUREMENTS, LONGEST_WAIT = 40, 100  # of a run; steps from one to the next: the study's
READ_FOR_ONE = 25  # answers that are read at half the cost of an episode's attempt and update


def measured_every(page: Page, num_answers: int | None) -> int:
    """Often enough to draw a curve, and never so often that measuring costs more than half of what learning does.

    `num_answers`: how many are read in a measurement of bits; None: accuracy, whose replies have to be written first.
    Example: 96 steps of 4 attempts, 64 answers -> every 2 steps.
    """
    if num_answers is None:
        return LONGEST_WAIT
    by_length = int(page.run.n_batches or 0) // MEASUREMENTS
    by_cost = -(-num_answers // (READ_FOR_ONE * page.algorithm.group_size * page.algorithm.batch_size))
    return min(LONGEST_WAIT, max(1, by_length, by_cost))
