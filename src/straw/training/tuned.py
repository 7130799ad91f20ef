"""Defaults tuned for a task and a channel, used where nobody chose.

Equal learning rates would confound the width of a channel with the scale of its advantages, so
each channel has its own, found on other secrets (seeds 100 and up) than those that are judged.
`notebook/LOG.md` has the command and the table. LoRA wants about ten times the rate of full
fine-tuning.
"""

from __future__ import annotations

from straw.config import Page

Values = dict[str, object]

FULL: dict[str, Values] = {
    "binary": {"learning_rate": 3e-4, "replay": 1},
    "log_distance": {"learning_rate": 2e-4, "baseline": "optimistic", "replay": 1},
    "binned_log_distance": {"learning_rate": 2e-4, "baseline": "optimistic", "replay": 1},
    "dense": {"learning_rate": 1.5e-4, "baseline": "constant"},
    "dense_sum": {"learning_rate": 1e-4},
}
LIKE = {"shuffled_bins": "binned_log_distance", "noisy_binary": "binary", "random": "binary", "higher_lower": "binary"}
SFT: Values = {"learning_rate": 3e-4}


def tuned_values(page: Page) -> Values:
    """What a page leaves open, for its channel and way of tuning."""
    channel = LIKE.get(page.channel, page.channel)
    if channel == "dense" and page.reward.credit == "sum":
        channel = "dense_sum"
    row = SFT if page.algorithm.algorithm == "sft" else FULL.get(channel, FULL["binary"])
    rate = float(str(row["learning_rate"])) * (5 if page.model.lora_rank else 1)
    return {
        "entropy_coef": 0.0, "replay": 0, "lora_rank": 0, "reward_type": page.channel, **row,
        "learning_rate": rate, "n_batches": 100,
    }  # fmt: skip
