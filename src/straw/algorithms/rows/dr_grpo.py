"""Dr. GRPO: GRPO done right (Liu et al., arXiv 2503.20783).

    maximise   1/G sum over replies, sum over their tokens, of   min(r A, clip(r) A)        A = reward - group's mean

Two divisions of grpo are left out because each is a bias: by the group's standard deviation, which favours problems
that are nearly always or nearly never solved, and by the reply's length, which favours long wrong replies. No KL
penalty. TRL divides by max_completion_length as well, a constant that a learning rate makes up for.
"""

from __future__ import annotations

from straw.algorithms.row import Algorithm

ROW = Algorithm(baseline="group", loss_fn="ppo")
