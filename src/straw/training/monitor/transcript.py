"""verbose=true: every rollout of a step as a line.

step 3  123456 reversed?  ->  "[ANSWER] 654321"  right, paid 1
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from straw.types import Rollout


def spoken(step: int, groups: Sequence[Sequence[Rollout]]) -> Iterator[str]:
    for rollout in (rollout for group in groups for rollout in group):
        question = " ".join(rollout.problem.messages[-1].content.split())
        replies = " | ".join(json.dumps(reply, ensure_ascii=False) for reply in rollout.replies)
        verdict = "right" if all(rollout.grade.hits) else "wrong"
        yield f"step {step}  {question}  ->  {replies}  {verdict}, paid {rollout.reward:.4g}"
