"""Rows of LiveCodeBench: what may be missing, what is packed how, and how much is taken out."""

from __future__ import annotations

import base64
import json
import pickle
import sys
import zlib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from straw.errors import DataError
from straw.sandbox.programs import Call, Script
from straw.tasks.code import livecodebench
from straw.tasks.code.livecodebench import PRELUDE, Window, day_of, exercise_of_livecodebench, unpacked

TEST = {"input": "1", "output": "2"}


def packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content)).decode()


@pytest.mark.parametrize("given", [None, "", " \n", [], "[]", packed(b"[]"), packed(pickle.dumps("[]"))])
def test_no_tests_may_be_said_in_many_ways(given: Any) -> None:
    assert unpacked(given, "tests") == []


@pytest.mark.parametrize(
    "given", [[TEST], json.dumps([TEST]), f"  {json.dumps([TEST])}", packed(json.dumps([TEST]).encode()),
              packed(pickle.dumps(json.dumps([TEST])))],
)  # fmt: skip
def test_tests_are_a_list_or_json_or_json_that_is_packed(given: Any) -> None:
    assert unpacked(given, "tests") == [TEST]


@pytest.mark.parametrize("given", [{"a": 1}, [TEST, "x"], [TEST, {"input": "1"}], "[1]", 7])
def test_each_test_has_an_input_and_an_output(given: Any) -> None:
    with pytest.raises(ValueError, match=r"^tests is to be a list of tests with input and output$"):
        unpacked(given, "tests")


def test_no_more_is_taken_out_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    content = json.dumps([TEST]).encode()
    monkeypatch.setattr(livecodebench, "MOST_TESTS", len(content))
    assert unpacked(packed(content), "tests") == [TEST]
    monkeypatch.setattr(livecodebench, "MOST_TESTS", len(content) - 1)
    with pytest.raises(ValueError, match=f"tests unpacks to more than {len(content) - 1} bytes"):
        unpacked(packed(content), "tests")


def test_a_row_without_metadata_is_a_program_and_its_outputs_are_texts() -> None:
    row = {
        "question_content": "Do.",
        "public_test_cases": [{"input": 3, "output": 6}, {"input": "a\nb", "output": "c"}],
    }
    for more in ({}, {"metadata": None}, {"metadata": ""}, {"metadata": "{}"}, {"metadata": {"func_name": None}}):
        exercise = exercise_of_livecodebench(row | more)
        assert (exercise.function, exercise.starter, exercise.text) == ("", "", "Do.")
        assert exercise.questions == (Script("3"), Script("a\nb")) and exercise.expected == ("6", "c")
        assert exercise.prelude is PRELUDE


def test_a_function_s_arguments_stand_on_lines_of_their_own_and_public_tests_come_first() -> None:
    row = {
        "question_content": "Do.", "metadata": {"func_name": "f"}, "starter_code": "class Solution:",
        "public_test_cases": [{"input": '[1]\n"a"', "output": "[2]"}],
        "private_test_cases": [{"input": "2", "output": 3}],
    }  # fmt: skip
    exercise = exercise_of_livecodebench(row)
    assert exercise.questions == (Call("f", ([1], "a")), Call("f", (2,))) and exercise.expected == ([2], 3)
    assert (exercise.function, exercise.starter) == ("f", "class Solution:")
    with pytest.raises(ValueError, match="question_content is to be a text"):
        exercise_of_livecodebench(row | {"question_content": None})


def test_a_window_without_a_first_day_goes_up_to_the_day_before_its_last(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    days = ["2024-01-01", "2024-01-02", "2024-01-03"]
    path.write_text("".join(json.dumps({"contest_date": day}) + "\n" for day in days))

    def found(since: date | None, before: date | None) -> list[str]:
        window = Window(path=str(path), since=since, before=before)
        return [row["contest_date"] for _, row in window.rows("test")]

    assert found(None, date(2024, 1, 3)) == days[:2] and found(date(2024, 1, 2), None) == days[1:]
    assert found(date(2024, 1, 2), date(2024, 1, 3)) == days[1:2]
    with pytest.raises(DataError) as caught:
        found(date(2023, 1, 1), date(2024, 1, 1))
    assert str(caught.value) == (
        f"no contest in {path} is in these dates, from_date=2023-01-01 and to_date=2024-01-01: they go from 2024-01-01 "
        "to 2024-01-03. Widen the window."
    )


def test_a_single_contest_that_is_in_no_window_is_told_and_no_contest_at_all_is_no_matter_of_dates(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"contest_date": "2024-01-01"}\n')
    window = Window(path=str(path), since=date(2025, 1, 1))
    with pytest.raises(DataError, match="they go from 2024-01-01 to 2024-01-01"):
        list(window.rows("test"))
    path.write_text("")
    with pytest.raises(DataError) as caught:
        list(window.rows("test"))
    assert "in these dates" not in str(caught.value)


def test_a_date_is_the_first_ten_characters_and_what_is_none_is_told_with_its_place() -> None:
    assert day_of("a:1", "2024-08-01 and more") == date(2024, 8, 1)
    for value in (None, "soon", 7, "2024-8-1"):
        with pytest.raises(DataError, match="a:1: contest_date is to be a date"):
            day_of("a:1", value)


def test_a_program_finds_the_names_that_are_laid_out_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[int] = []
    monkeypatch.setattr(sys, "setrecursionlimit", limits.append)
    names: dict[str, Any] = {}
    exec(PRELUDE.source, names)
    assert {"List", "Counter", "heappush", "bisect_left", "sqrt", "reduce", "accumulate", "deque"} <= {*names}
    assert all(names[name] is sys.modules[name] for name in ("math", "heapq", "json", "sys", "re"))
    assert limits == [50_000]
    assert {"math", "typing", "json"} <= {*PRELUDE.imports.split()} and "builtins" not in PRELUDE.imports.split()
