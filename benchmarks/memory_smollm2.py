"""Settings c and d of `memory_test.py`: SmolLM2-135M-Instruct says the largest of three numbers, in few replies.

    c    without ground truth: a number of the list, agreement and length are paid; who was right is counted afterwards
    d    right or wrong

Twenty problems return four times, with four replies each. The model is brought by `straw models add smollm2`. GSM8K
and SVAMP stood here before: of SVAMP it is right in one reply of fifty, however short replies are asked for.
"""

from __future__ import annotations

from memory_arms import HERE, Options

PROBLEMS, PASSES, AT_ONCE, REPLIES = 20, 4, 8, 4
STEPS = PROBLEMS * PASSES // AT_ONCE
SMOLLM2: Options = {
    "model_name": "smollm2", "algorithm": "grpo", "kl_coef": 0.0, "schedule": "constant", "lr_warmup": 0.0,
    "temperature": 1.0, "only_first": PROBLEMS, "batch_size": AT_ONCE, "group_size": REPLIES, "n_batches": STEPS,
    "max_tokens": 10, "eval_every": STEPS, "eval_samples": 4, "save_every": 0, "keep_weights": False, "quiet": True,
}  # fmt: skip
AGREEMENT = f"{HERE}/memory_agreement.py:agreement"
UNKNOWN: Options = {"reward_type": "weighted", "reward_weights": f"correctness=0.5,overlong=0.5,{AGREEMENT}=1"}


def options_c(seed: int) -> tuple[str, Options]:
    """What is called correctness there is the form, all that is known."""
    return f"{HERE}/memory_unjudged.py:Unjudged", {**SMOLLM2, **UNKNOWN, "seed": seed, "task_seed": seed}


def options_d(seed: int) -> tuple[str, Options]:
    return "largest", {**SMOLLM2, "reward_type": "binary", "seed": seed, "task_seed": seed}
