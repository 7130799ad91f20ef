from __future__ import annotations

from straw.evaluation.grading import distinct_of


def said(read: str | None, right: bool = False, reply: str = "") -> dict[str, object]:
    return {"read": {"own": read}, "right": {"own": right}, "reply": reply}


def test_answers_are_counted_problem_by_problem() -> None:
    first = [said("2+3", True), said("3+2", True), said("3+2", True), said("9")]
    second = [said("1"), said("1"), said("1"), said("1")]
    assert distinct_of([*first, *second], "own", 4) == {"answers": 2.0, "right": 1.0}


def test_replies_without_an_answer_differ_as_they_are_written() -> None:
    assert distinct_of([said(None, reply="a"), said(None, reply="b")], "own", 2)["answers"] == 2
