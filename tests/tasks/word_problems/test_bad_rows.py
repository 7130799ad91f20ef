"""Rows that are no problems, and the study's data where it is."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from tests.made_data import word_problem, write_lines
from tests.tasks.word_problems.test_tasks import DATA, needs_data, of_page

from straw.errors import ConfigError, DataError
from straw.tasks.base import Enumerable, FromData, HeldOut
from straw.tasks.word_problems.splits import plain
from straw.types import End

# --- bad rows


@pytest.mark.parametrize(
    ("kind", "row", "fault"),
    [
        ("gsm8k", {"answer": "#### 1"}, "the field 'question' is missing; known: answer"),
        ("gsm8k", {"questions": "a?", "answer": "#### 1"}, "is missing; did you mean 'questions'"),
        ("gsm8k", {"question": None, "answer": "#### 1"}, "the field 'question' is empty"),
        ("gsm8k", {"question": "  ", "answer": "#### 1"}, "is to hold a text that is not empty"),
        ("gsm8k", {"question": ["a"], "answer": "#### 1"}, "is to hold a text"),
        ("gsm8k", {"question": "a?", "answer": "42"}, "its answer has no #### with the result"),
        (
            "gsm8k",
            {"question": "a?", "answer": "#### none"},
            "behind #### there is to be a number, and there is 'none'",
        ),
        ("gsm8k", {"question": "a?", "answer": 42}, "answer is to be a text with #### in it, got int"),
        ("gsm8k", {"question": "a\ud800?", "answer": "#### 1"}, "half a character"),
        ("math", {"problem": "a?", "solution": "It is 3."}, "solution has no .*boxed"),
        ("math", {"problem": "a?", "solution": "It is $\\boxed{}$."}, "solution has no .*boxed"),
        ("math", {"question": "a?", "answer": ""}, "its answer is empty"),
        ("math", {"question": "a?", "answer": float("nan")}, "its answer is no number: nan"),
        ("math", {"question": "a?", "answer": [1]}, "its answer is to be a text or a number, got list"),
        ("mmlu", {"question": "a?", "choices": "xy", "answer": 0}, "choices is to be a list of 2 to 26"),
        ("mmlu", {"question": "a?", "choices": ["x"], "answer": 0}, "choices is to be a list of 2 to 26"),
        (
            "mmlu",
            {"question": "a?", "choices": ["x", "y"], "answer": 2},
            "a letter up to B, or a place from 0 to 1; got 2",
        ),
        ("mmlu", {"question": "a?", "choices": ["x", "y"], "answer": "C"}, "a letter up to B"),
        ("mmlu", {"question": "a?", "choices": ["x", "y"]}, "the field 'answer' is missing"),
    ],
)
def test_a_row_that_cannot_be_asked_is_named_by_file_and_line(
    tmp_path: Path, kind: str, row: dict[str, Any], fault: str
) -> None:
    good = {**word_problem(1), "problem": "b?", "solution": "\\boxed{1}", "choices": ["x", "y"]}
    good = {**good, "answer": 0} if kind == "mmlu" else good
    write_lines(tmp_path / "test.jsonl", [good, row])
    with pytest.raises(DataError, match=rf"test\.jsonl:2: .*{fault}") as caught:
        of_page(kind, f"path={tmp_path}", "train_split=none").held_out(0)
    assert "\n" not in str(caught.value) and str(caught.value).endswith("Mend or remove it, or write bad_rows=skip.")


def test_a_gold_that_its_grader_cannot_read_is_named(tmp_path: Path) -> None:
    file = write_lines(
        tmp_path / "a.jsonl", [{"question": f"{n}?", "answer": a} for n, a in enumerate(["1", "</answer>"])]
    )
    task = of_page("math", f"path={tmp_path / 'a.jsonl'}", "train_split=none")
    with pytest.raises(DataError, match=rf"{file}:2: exact fails its own gold answer .* \(1 golds of this kind\)"):
        task.check_golds()


def test_bad_rows_can_be_skipped_and_are_told(tmp_path: Path) -> None:
    rows = [{"problem": f"{n}?", "solution": s} for n, s in enumerate([r"\boxed{1}", "A proof.", r"\boxed{</answer>}"])]
    write_lines(tmp_path / "train.jsonl", rows)
    write_lines(tmp_path / "test.jsonl", [{"problem": "9?", "solution": r"\boxed{9}"}])
    task = of_page("math", f"path={tmp_path}", "bad_rows=skip")
    assert task.num_problems == 2
    (remark,) = task.remarks
    assert remark.startswith(f"skipped, 1 rows: {tmp_path}/train.jsonl:2: solution has no")
    assert "not trained on, 1 golds of this kind" in task.check_golds()
    assert task.readable().num_problems == 1
    write_lines(tmp_path / "train.jsonl", rows[1:2])
    with pytest.raises(
        DataError, match=r"no row of the split 'train' can be asked: .*train\.jsonl:2?1: solution has no"
    ):
        of_page("math", f"path={tmp_path}", "bad_rows=skip").problem(0)
    (tmp_path / "train.jsonl").write_text("{")
    with pytest.raises(DataError, match="is not JSON"):
        of_page("math", f"path={tmp_path}", "bad_rows=skip").problem(0)


def test_a_task_without_data_says_how_to_name_it() -> None:
    with pytest.raises(ConfigError, match="math asks what stands in your data: write path=FILE"):
        of_page("math")


def test_reading_waits_until_a_problem_is_wanted(tmp_path: Path) -> None:
    task = of_page("gsm8k", f"path={tmp_path / 'nothing'}")
    with pytest.raises(DataError, match="Check path"):
        task.problem(0)


def test_word_problems_come_from_data_and_cannot_be_listed(made: Path) -> None:
    task = of_page("gsm8k", f"path={made}")
    assert isinstance(task, HeldOut) and isinstance(task, FromData) and not isinstance(task, Enumerable)


# --- the study's data, where it is


@needs_data
def test_gsm8k_is_whole_and_its_sides_share_nothing() -> None:
    task = of_page("gsm8k", f"path={DATA / 'gsm8k'}")
    assert (task.num_problems, task.num_held_out, task.remarks) == (7473, 1319, [])
    assert not {plain(one.text) for one in task.questions.trained} & {plain(one.text) for one in task.questions.asked}
    assert sum("," in one.gold for one in task.questions.trained) == 79
    assert not any("<<" in one.solution or "####" in one.solution for one in task.questions.trained)
    task.check_golds()


@needs_data
@pytest.mark.parametrize(
    ("kind", "name", "count"), [("math", "math500", 500), ("math", "svamp", 1000), ("mmlu", "mmlu_stem", 3018)]
)
def test_the_other_data_is_whole(kind: str, name: str, count: int) -> None:
    task = of_page(kind, f"path={DATA / name}", "train_split=none")
    assert task.num_held_out == count
    for index in range(0, count, 7):
        problem = task.held_out(index)
        assert task.grade(problem, problem.reference, End.ANSWERED).hits == (True,)
    task.check_golds()


@pytest.mark.slow
def test_a_hundred_thousand_rows_load_in_about_a_second(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "train.jsonl", (word_problem(number) for number in range(100_000)))
    write_lines(tmp_path / "test.jsonl", (word_problem(number) for number in range(10**6, 10**6 + 100)))
    assert len(json.loads(file.read_text().partition("\n")[0])) == 2
    started = time.process_time()
    assert of_page("gsm8k", f"path={tmp_path}").num_problems == 100_000
    assert time.process_time() - started < 3
