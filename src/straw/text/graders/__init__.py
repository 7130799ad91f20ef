"""Is this reply right? Three graders that answer differently, each with a name that stands beside every score.

    reply                                gold      exact   extract   lenient
    <answer>18</answer>                  18          1        1         1
    <answer>$18</answer>                 18          0        1         1
    <answer>1200</answer>                1,200       0        1         1
    <answer>17, 18</answer>              18          0        0         1
    <answer>0.5</answer>                 50          0        0         1
    <answer></answer> after 18           18          0        0         1

    exact     the characters in the last answer tag                          what training pays for by default
    extract   the one value there, as math-verify reads it                   what LightEval's extractive match measures
    lenient   boxed, "the answer is", or the last number, within 1e-4        what Qwen's evaluation measures

Scores of two graders are never comparable, and they are in no order: each passes replies that another fails.
"""

from __future__ import annotations

from straw.text.graders.golds import boxed, check_golds, check_replies, tagged
from straw.text.graders.registry import GRADERS, STUDY_WORDS, Grader, grader_named

__all__ = [
    "GRADERS",
    "STUDY_WORDS",
    "Grader",
    "boxed",
    "check_golds",
    "check_replies",
    "grader_named",
    "tagged",
]
