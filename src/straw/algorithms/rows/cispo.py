"""CISPO: clipped importance sampling weights (MiniMax-M1, arXiv 2506.13585).

    maximise   1/M sum over all M tokens of   sg(clip(r)) A log p        sg: no gradient

What is clipped is the weight of a token, not its gradient: a rare token whose ratio has moved far ("however", "wait")
is still learned, where ppo's clip would drop it. A is grpo's, every token counts the same, and there is no KL penalty.

As in the paper there is no lower bound (clip_low=1). It gives no number for the upper one; a ratio of at most 5, which
is TRL's default too, comes from ScaleRL (arXiv 2510.13786): clip_high=4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from straw.algorithms.row import Algorithm

if TYPE_CHECKING:
    from torch import Tensor

    from straw.algorithms.losses import TokenBatch


def cispo(batch: TokenBatch, settings: Mapping[str, float]) -> Tensor:
    ratio = (batch.logprobs.detach() - batch.sampler_logprobs).exp()
    share = ratio.clamp(1 - settings["clip_low"], 1 + settings["clip_high"])
    return -(share * batch.weights * batch.advantages * batch.logprobs).sum()


ROW = Algorithm(baseline="zscore", loss_fn="cispo", weigh="token", also={"clip_low": 1.0, "clip_high": 4.0})
