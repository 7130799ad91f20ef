"""Every worked example is worked out again here."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from straw.errors import ConfigError
from straw.tasks.countdown.expression import equation
from straw.tasks.prompting.few_shot import CHOICES, MATHEMATICS, WORD_PROBLEMS, first
from straw.tasks.word_problems.splits import plain

SUM = re.compile(r"[0-9][0-9 +*/-]*= [0-9]+")
DATA = Path(__file__).parents[4] / "shared" / "data"


@pytest.mark.parametrize("shot", WORD_PROBLEMS, ids=lambda shot: shot.gold)
def test_every_line_of_a_word_problem_is_right_and_the_last_one_is_the_answer(shot: Any) -> None:
    lines = [
        SUM.search(line)[0] for line in shot.solution.splitlines() if "=" in line or ("is" in line and "*" in line)
    ]
    assert lines
    for line in lines:
        left, right = line.split("= ")
        assert equation(left).value == int(right)
    assert lines[-1].endswith(f"= {shot.gold}")


def test_the_mathematics_is_right() -> None:
    assert [shot.gold for shot in MATHEMATICS] == ["7", "\\frac{3}{4}", "13", "12"]
    assert sum(x for x in range(20) if x * x - 7 * x + 10 == 0) == 7
    assert (18 // 6, 24 // 6) == (3, 4)
    assert 5**2 + 12**2 == 13**2
    assert sum(72 % divisor == 0 for divisor in range(1, 73)) == 12


def test_the_choices_are_right() -> None:
    assert [shot.gold for shot in CHOICES] == ["C", "A", "B", "D"]
    assert [number for number in (21, 27, 29, 33) if all(number % d for d in range(2, number))] == [29]
    for shot in CHOICES:
        assert all(f"\n{letter}. " in shot.question for letter in "ABCD")


def test_more_than_there_are_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"got num_shots=9\. Write num_shots=8 or less"):
        first(WORD_PROBLEMS, 9)
    assert first(WORD_PROBLEMS, 0) == ()


@pytest.mark.skipif(not DATA.is_dir(), reason="the data is not here")
@pytest.mark.parametrize("name", ["gsm8k/train", "gsm8k/test", "math500/test", "mmlu_stem/test"])
def test_no_example_is_taken_from_the_data(name: str) -> None:
    lines = (DATA / f"{name}.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    questions = {plain(row.get("question") or row["problem"]) for row in rows}
    shown = {plain(shot.question.partition("\nA. ")[0]) for shot in (*WORD_PROBLEMS, *MATHEMATICS, *CHOICES)}
    assert not questions & shown


def test_examples_are_shown_from_the_first_on_and_all_of_them_may_be() -> None:
    for shots in (WORD_PROBLEMS, MATHEMATICS, CHOICES):
        assert first(shots, len(shots)) == shots and first(shots, 3) == shots[:3] and first(shots, 1) == shots[:1]
        with pytest.raises(ConfigError, match=f"this task has {len(shots)} worked examples to show; got num_shots="):
            first(shots, len(shots) + 1)


def test_an_example_is_a_question_its_solution_and_its_answer() -> None:
    shot = WORD_PROBLEMS[0]
    assert shot.question.endswith("?") and shot.solution.endswith(".") and shot.gold == "18"
    for one in (*WORD_PROBLEMS, *MATHEMATICS):
        assert one.gold in one.solution and one.question.rstrip(".")[-1] in "?$s"
