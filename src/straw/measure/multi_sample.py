"""What several replies to each held-out problem tell: how often one is right, and how different they are.

    accuracy           right / replies, over all problems; its interval counts problems, not replies
    pass@k             at least one of k is right
    distinct_answers   different answers to a problem, the mean over problems
    distinct_right     different right answers among them

Example: 2+3, 3+2, 3+2 and 9 to "2 3 make 5?" are accuracy 0.75, pass@4 1, 3 distinct answers, 2 of them right.
"""

from __future__ import annotations

from collections.abc import Sequence

from straw.measure.accuracy import Answered, accuracy_of
from straw.measure.diversity import mean
from straw.measure.pass_at_k import ks_for, mean_pass


def several_of(answered: Sequence[Answered], replies: int) -> dict[str, float]:
    """Under their names in metrics.jsonl; `replies` to each problem stand side by side."""
    if replies == 1:
        return accuracy_of(answered)
    problems = [answered[start : start + replies] for start in range(0, len(answered), replies)]
    counts = [sum(one.is_right for one in some) for some in problems]
    _, low, high = mean_pass(counts, replies, 1)
    found = {**accuracy_of(answered), "accuracy_low": low, "accuracy_high": high}
    found |= {f"pass@{k}": mean_pass(counts, replies, k)[0] for k in ks_for(replies)[1:]}
    found["distinct_answers"] = mean([distinct(some) for some in problems])
    found["distinct_right"] = mean([distinct([one for one in some if one.is_right]) for some in problems])
    return found


def distinct(answered: Sequence[Answered]) -> int:
    """How many different answers were read; what has none says what it says."""
    return len({one.grade.text or one.grade.answer or one.reply for one in answered})
