from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from straw.text.graders import GRADERS, boxed, check_golds, grader_named

DATA = Path("../shared/data")


def test_numbers_with_commas_signs_and_decimals_earn_full_marks_from_every_grader() -> None:
    for grader in GRADERS.values():
        assert check_golds(grader, ["18", "1,200", "-7", "2.5", "0"]) == []


def test_a_gold_that_its_grader_cannot_read_is_named() -> None:
    (line,) = check_golds(grader_named("extract"), ["18", "", "18"])
    assert line.startswith("extract fails its own gold answer ''")
    (line,) = check_golds(grader_named("exact"), ["18"], boxed)
    assert "boxed{18}" in line


@pytest.mark.skipif(not (DATA / "gsm8k").is_dir(), reason="the data of GSM8K is not here")
@pytest.mark.parametrize("name", GRADERS)
def test_every_gold_of_gsm8k_earns_full_marks_within_a_second(name: str) -> None:
    lines = [line for split in ("train", "test") for line in (DATA / f"gsm8k/{split}.jsonl").open()]
    golds = [json.loads(line)["answer"].rpartition("####")[2].strip() for line in lines]
    assert len(golds) == 7473 + 1319 and sum("," in gold for gold in golds) == 79 + 14
    start = time.process_time()
    assert check_golds(grader_named(name), golds) == []
    assert time.process_time() - start < 1


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "math500").is_dir(), reason="the data of MATH-500 is not here")
def test_every_gold_and_worked_solution_of_math_500_earns_full_marks() -> None:
    rows = [json.loads(line) for line in (DATA / "math500/test.jsonl").open()]
    for name in ("extract", "lenient"):
        assert check_golds(grader_named(name), [row["answer"] for row in rows], boxed) == []
        assert [row["answer"] for row in rows if not GRADERS[name].judge(row["solution"], row["answer"])] == []
