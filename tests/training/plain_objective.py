"""The objective of every algorithm, written once more by its definition: rewards to a gradient, in float64.

    maximise   sum over rollouts i, turns j, tokens t of   w_i min(r A, clip(r) A)   or   w_i r A

with a plain forward of each conversation by itself (transformers), no shared prefix, no packing, no
micro-batches, and nothing of straw's own arithmetic: advantages are numpy's mean and std, log-probabilities
torch's log_softmax. A test compares; nothing here is imported by the package.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from straw.engines.local.models.in_transformers import in_transformers
from straw.types import Rollout, Turn

RATIO_CLIP = (0.8, 1.2)


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What a page says of it."""

    baseline: str
    is_clipped: bool
    weigh: str
    kl_coef: float
    kl_by_ratio: bool
    entropy_coef: float
    temperature: float
    constant: float = 0.5
    optimism: float = 0.1
    running_mean: float = 0.0


def advantages(rewards_BG: np.ndarray, said: Objective) -> np.ndarray:
    """[groups, rollouts of one group], each against what its own baseline expects."""
    size = rewards_BG.shape[1]
    mean_B1 = rewards_BG.mean(1, keepdims=True)
    match said.baseline:
        case "group":
            return rewards_BG - mean_B1
        case "leave_one_out":
            return (rewards_BG - mean_B1) * size / (size - 1)
        case "zscore":
            return (rewards_BG - mean_B1) / (rewards_BG.std(1, ddof=1, keepdims=True) + 1e-4)
        case "constant":
            return rewards_BG - said.constant
        case "optimistic":
            return rewards_BG - ((1 - said.optimism) * mean_B1 + said.optimism)
        case "ema":
            return rewards_BG - said.running_mean
    raise ValueError(said.baseline)


def advantages_by_turn(groups: Sequence[Sequence[Rollout]], said: Objective) -> list[list[list[float]]]:
    """For each rollout one advantage a turn: of its own reward where turns are paid one by one."""
    num_turns = len(groups[0][0].turns)
    if groups[0][0].turn_rewards is None:
        totals = np.array([[sum(one.rewards.values()) for one in group] for group in groups])
        return [[[a] * num_turns for a in row] for row in advantages(totals, said).tolist()]
    by_turn = [
        advantages(np.array([[one.turn_rewards[turn] for one in group] for group in groups]), said)
        for turn in range(num_turns)
    ]
    return np.stack(by_turn, -1).tolist()


def token_weight(rollouts: Sequence[Rollout], index: int, weigh: str) -> float:
    lengths = [sum(len(turn.reply) for turn in one.turns) for one in rollouts]
    return {
        "rollout": 1 / len(rollouts),
        "reply": 1 / (len(rollouts) * lengths[index]),
        "token": 1 / sum(lengths),
    }[weigh]


def gradient(
    model: PreTrainedModel, start: PreTrainedModel, groups: Sequence[Sequence[Rollout]], said: Objective
) -> dict[str, Tensor]:
    """Of the loss, by parameter; both models in float64."""
    model.zero_grad(set_to_none=True)
    flat = [rollout for group in groups for rollout in group]
    worth = [row for group in advantages_by_turn(groups, said) for row in group]
    total = torch.zeros((), dtype=torch.float64)
    for index, rollout in enumerate(flat):
        weight = token_weight(flat, index, said.weigh)
        for turn, advantage in zip(rollout.turns, worth[index], strict=True):
            total = total + weight * turn_loss(model, start, turn, advantage, said)
    if total.requires_grad:
        total.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def plainly(model: PreTrainedModel) -> PreTrainedModel:
    """A copy in float64, which reads as transformers reads."""
    copy = deepcopy(in_transformers(model)).double()
    copy.set_attn_implementation("sdpa")  # the eager one has a softmax in float32
    return copy


def turn_loss(model: PreTrainedModel, start: PreTrainedModel, turn: Turn, advantage: float, said: Objective) -> Tensor:
    """The sum over the tokens of one reply, read behind everything that stood before it."""
    logp_TV = distributions(model, turn.prompt, turn.reply, said.temperature)
    with torch.no_grad():
        reference_TV = distributions(start, turn.prompt, turn.reply, said.temperature)
    written_T1 = torch.tensor(turn.reply).unsqueeze(1)
    logp_T, reference_T = (dist.gather(1, written_T1).squeeze(1) for dist in (logp_TV, reference_TV))
    ratio_T = torch.exp(logp_T - torch.tensor(turn.logprobs, dtype=torch.float64))
    gain_T = ratio_T * advantage
    if said.is_clipped:
        gain_T = torch.minimum(gain_T, ratio_T.clamp(*RATIO_CLIP) * advantage)
    log_ratio_T = reference_T - logp_T
    kl_T = log_ratio_T.exp() - log_ratio_T - 1  # k3, Schulman's estimator
    if said.kl_by_ratio:
        kl_T = ratio_T * kl_T
    entropy_T = -(logp_TV.exp() * logp_TV).sum(-1)
    return (-gain_T + said.kl_coef * kl_T - said.entropy_coef * entropy_T).sum()


def distributions(model: PreTrainedModel, prompt: Sequence[int], reply: Sequence[int], temperature: float) -> Tensor:
    logits_TV = model(torch.tensor([[*prompt, *reply[:-1]]])).logits[0, len(prompt) - 1 :]
    return torch.log_softmax(logits_TV / temperature, -1)
