"""Any reply at all: no grader fails on it, and none works longer than it may."""

from __future__ import annotations

import time
from collections.abc import Iterator
from random import Random

import pytest

from straw.text.graders import GRADERS

PIECES = [
    "<answer>", "</answer>", "<reasoning>", "\\boxed{", "}", "{", "$", "$$", "\\[", "\\]", "\\(", "\\)", "\\frac",
    "\\sqrt", "\\text{", "\\int_0^1", "\\sum_{n=1}^{99}", "\\lim", "^", "**", "_", "!", "18", "-", "−", "+", "*", "/",
    "=", ",", ".", "%", "(", ")", "[", "]", "x", "y", "e", "\\pi", " ", "\n", "\r\n", "\x00", "The answer is ", "A",
    "final answer is $", "$. I hope", "1,200", "0.5", "999999999", "\ud800", "½", "٣", "𝟙", "\u202e", "eighteen",
    "inf", "nan", "1e999", "\\begin{pmatrix}", "\\end{pmatrix}", "&", "\\\\", "import os", "__class__", "lambda x: x",
    "'", '"', "#### ", "1_000",
]  # fmt: skip
GOLDS = ["18", "1,200", "-5", "0.5", r"\frac{3}{4}", r"\sqrt{2}", "x^2+1", "B", r"\text{east}", "(1,2)", ""]


def replies(seed: int, count: int) -> Iterator[tuple[str, str]]:
    random = Random(seed)
    for _ in range(count):
        pieces = random.choices(PIECES, k=random.choice((1, 3, 8, 20, 60)))
        if random.random() < 0.1:
            pieces.append(random.choice(PIECES) * 3000)
        if random.random() < 0.2:
            pieces = [chr(random.choice((random.randrange(128), random.randrange(0x110000)))) for _ in range(30)]
        yield "".join(pieces), random.choice(GOLDS)


def grade_all(name: str, seed: int, count: int) -> tuple[float, int]:
    """The longest grade in seconds of this process's work, and how many were right."""
    grader, longest, right = GRADERS[name], 0.0, 0
    for reply, gold in replies(seed, count):
        start = time.process_time()
        verdict = grader.judge(reply, gold)
        grader.extract(reply)
        assert isinstance(verdict, bool)
        longest, right = max(longest, time.process_time() - start), right + verdict
    return longest, right


@pytest.mark.parametrize("name", GRADERS)
def test_no_reply_makes_a_grader_fail(name: str) -> None:
    grade_all(name, seed=1, count=100)


@pytest.mark.slow
@pytest.mark.parametrize("name", GRADERS)
def test_ten_thousand_replies_make_no_grader_fail_or_linger(name: str) -> None:
    longest, _ = grade_all(name, seed=2, count=10_000)
    assert longest < 1  # what math-verify works is bounded elsewhere: see `test_judge`
