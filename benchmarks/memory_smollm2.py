"""Settings c and d of `memory_test.py`: SmolLM2-135M-Instruct, for a machine with more room than it was written on.

    c    GSM8K without ground truth: format, length and agreement are paid, correctness is measured
    d    SVAMP, grade-school problems in a sentence or two, short replies, right or wrong

The data lie beside the runs: OUT/gsm8k/{train,test}.jsonl and OUT/svamp/test.jsonl. The model is brought by
`straw models add smollm2`.
"""

from __future__ import annotations

from pathlib import Path

from memory_arms import HERE, Options

AGREEMENT = f"{HERE}/memory_agreement.py:agreement"
SMOLLM2: Options = {
    "model_name": "smollm2", "algorithm": "grpo", "kl_coef": 0.0, "schedule": "constant",
    "lr_warmup": 0.0, "temperature": 1.0, "batch_size": 8, "group_size": 8, "n_batches": 40, "eval_every": 40,
    "eval_samples": 200, "save_every": 0, "keep_weights": False, "quiet": True,
}  # fmt: skip
UNKNOWN = "correctness=0,integer=0.5,soft_format=0.5,xmlcount=0.5,overlong=0.5"


def options_c(seed: int, folder: Path) -> tuple[str, Options]:
    """320 problems, once: nothing returns but the form of an answer."""
    pay = {"reward_type": "weighted", "reward_weights": f"{UNKNOWN},{AGREEMENT}=1"}
    data = {"path": str(folder.parent.parent / "gsm8k"), "max_tokens": 96, "seed": seed, "task_seed": seed}
    return "gsm8k", {**SMOLLM2, **data, **pay}


def options_d(seed: int, folder: Path) -> tuple[str, Options]:
    """64 problems, five passes."""
    data = {"path": str(folder.parent.parent / "svamp" / "test.jsonl"), "only_first": 64, "max_tokens": 32}
    plain = {"system_prompt": "none", "reward_type": "binary", "seed": seed, "task_seed": seed}
    return "math", {**SMOLLM2, **data, **plain}
