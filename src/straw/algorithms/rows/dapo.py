"""DAPO: decoupled clip and dynamic sampling policy optimisation (Yu et al., arXiv 2503.14476).

    maximise   1/M sum over all M tokens of   min(r A, clip(r, 1 - 0.2, 1 + 0.28) A)        A as grpo's, no KL penalty

Its four parts, and where they are:

    clip-higher        clip_high=0.28 leaves rare tokens room to grow
    token level        weigh=token: a long reply weighs more than a short one
    dynamic sampling   redraws=3: a group that is paid alike is drawn again, at another problem (training/sources)
    overlong shaping   a part of the reward: reward_weights=correctness=1,overlong=1 (rewards/length)

The paper draws until the batch is full; here a group is drawn again at most `redraws` times, so that a step ends where
nothing can be learned yet. Every draw is an episode, and in the ledger.
"""

from __future__ import annotations

from straw.algorithms.row import Algorithm

ROW = Algorithm(
    baseline="zscore", loss_fn="ppo", weigh="token", also={"clip_low": 0.2, "clip_high": 0.28, "redraws": 3}
)
