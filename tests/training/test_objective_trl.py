"""The gradient of rows and token weighing beside TRL's own `GRPOTrainer._compute_loss`, in float64.

TRL gets the same weights, replies, sampler's log-probabilities and reference; its advantages are made with its own
`nanstd`. What it leaves to the caller (padding, masks) is done here.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.test_objective import GROUP_SIZE, Case, distance, found, groups_of, policy
from torch import Tensor

from straw.types import Rollout

pytestmark = pytest.mark.slow
trl = pytest.importorskip("trl", reason="TRL judges where it is installed: make slow does so")

PAD = 0
MOST_TOKENS = 5
# straw's words, TRL's loss_type and scale_rewards, and what TRL's normalisation lacks to ours
PAIRS = {
    "grpo": ("algorithm=grpo", "grpo", "group", 1.0),
    "grpo, by token": ("algorithm=grpo weigh=token", "bnpo", "group", 1.0),
    "grpo, by token of the batch": ("algorithm=grpo weigh=token", "dapo", "group", 1.0),
    "dr_grpo": ("algorithm=dr_grpo", "dr_grpo", "none", MOST_TOKENS),
    "dapo": ("algorithm=dapo", "dapo", "group", 1.0),
    "gspo": ("algorithm=gspo clip_low=0.02 clip_high=0.03", "grpo", "group", 1.0),
    "cispo": ("algorithm=cispo clip_high=0.2", "cispo", "group", 1.0),
}
ALSO: dict[str, dict[str, Any]] = {  # TRL's further words for it
    "dapo": {"epsilon_high": 0.28},
    "gspo": {"importance_sampling_level": "sequence", "epsilon": 0.02, "epsilon_high": 0.03},
    "cispo": {"epsilon_high": 1.2},
}


def padded(rows: list[tuple[int, ...]], at_end: bool) -> tuple[Tensor, Tensor]:
    """Rows of one width, and which of their cells are real."""
    width = max(map(len, rows))
    cells, real = [], []
    for row in rows:
        gap = (PAD,) * (width - len(row))
        cells.append(row + gap if at_end else gap + row)
        real.append((1,) * len(row) + gap if at_end else gap + (1,) * len(row))
    return torch.tensor(cells), torch.tensor(real)


def advantages(groups: list[list[Rollout]], scale_rewards: str) -> Tensor:
    """As `GRPOTrainer` makes them, with its own standard deviation."""
    from trl.trainer.utils import nanstd

    rewards = torch.tensor([[one.reward for one in group] for group in groups], dtype=torch.float64)
    centred = rewards - rewards.mean(1, keepdim=True)
    return (centred / (nanstd(rewards, 1).unsqueeze(1) + 1e-4) if scale_rewards == "group" else centred).flatten()


def trl_trainer(model: Any, folder: Path, **settings: Any) -> Any:
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    config = GRPOConfig(
        output_dir=str(folder), per_device_train_batch_size=8, num_generations=GROUP_SIZE, report_to="none",
        max_completion_length=MOST_TOKENS, use_cpu=True, bf16=False, gradient_checkpointing=False, **settings,
    )  # fmt: skip
    tokenizer = policy()[0].chat.tokenizer
    data = Dataset.from_list([{"prompt": "?"}] * 8)
    return GRPOTrainer(
        model=model, processing_class=tokenizer, reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=config, train_dataset=data,
    )  # fmt: skip


def inputs_of(trainer: Any, groups: list[list[Rollout]], start: Any, scale_rewards: str) -> dict[str, Tensor]:
    flat = [rollout.turns[0] for group in groups for rollout in group]
    prompts, prompt_mask = padded([turn.prompt for turn in flat], at_end=False)
    replies, reply_mask = padded([turn.reply for turn in flat], at_end=True)
    old = torch.zeros(replies.shape, dtype=torch.float64)
    for row, turn in enumerate(flat):
        old[row, : len(turn.reply)] = torch.tensor(turn.logprobs, dtype=torch.float64)
    together = torch.cat([prompts, replies], 1), torch.cat([prompt_mask, reply_mask], 1)
    with torch.no_grad():
        reference, *_ = trainer._get_per_token_logps_and_entropies(start, *together, replies.shape[1])
    return {
        "prompt_ids": prompts, "prompt_mask": prompt_mask, "completion_ids": replies, "completion_mask": reply_mask,
        "advantages": advantages(groups, scale_rewards), "old_per_token_logps": old, "ref_per_token_logps": reference,
        "num_items_in_batch": reply_mask.sum(),
    }  # fmt: skip


@pytest.mark.parametrize("kl_by_ratio", [False, True])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("zeros", ["none", "half", "both"])
@pytest.mark.parametrize("kl_coef", [0.0, 0.04, 0.3])
@pytest.mark.parametrize("pair", PAIRS)
def test_the_gradient_is_trls(
    pair: str, kl_coef: float, zeros: str, temperature: float, kl_by_ratio: bool, tmp_path: Path
) -> None:
    from trl.trainer.utils import add_fused_lm_head

    if pair == "gspo" and kl_coef and kl_by_ratio:
        pytest.skip("TRL weighs a token's KL by the ratio of its whole reply there, and straw by the token's own")
    words, loss_type, scale_rewards, factor = PAIRS[pair]
    case = Case("grpo", None, kl_coef, 0.0, zeros, temperature, 16, 1, kl_by_ratio)
    model, start = map(deepcopy, policy()[1:])
    settings: dict[str, Any] = {"loss_type": loss_type, "scale_rewards": scale_rewards, "temperature": temperature}
    settings |= {"epsilon": 0.2} | ALSO.get(pair, {})
    trainer = trl_trainer(model, tmp_path, **settings)
    trainer.args.use_bias_correction_kl = kl_by_ratio
    trainer.beta = kl_coef  # set late: TRL would look for its reference under the name of the model
    add_fused_lm_head(start, temperature=temperature)
    model.eval()
    model.zero_grad(set_to_none=True)
    trainer._compute_loss(model, inputs_of(trainer, groups_of(case), start, scale_rewards)).backward()
    theirs = {name: factor * p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    ours = found(case, *words.split())
    if not any(float(one.norm()) for one in theirs.values()):
        assert not any(float(one.norm()) for one in ours.values())
        return
    assert distance(ours, theirs) < 1e-5
