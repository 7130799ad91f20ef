"""Extract by itself: what it reads, and what it asks math-verify for."""

from __future__ import annotations

import pytest

from straw.text.graders import extract
from straw.text.graders.extract import Extract, is_answer, is_found, readable

EXTRACT = Extract()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Questions for the value of a text, all of them answered no."""
    questions: list[tuple[str, str]] = []

    def same_value(text: str, gold: str) -> bool:
        questions.append((text, gold))
        return False

    monkeypatch.setattr(extract, "same_value", same_value)
    return questions


def test_a_text_is_read_from_its_end_with_plain_signs_and_no_blanks_around_it() -> None:
    assert readable(" −5\x00\n") == "-5" and readable("b" + "a" * 10_000) == "a" * 10_000
    assert readable("(" * 31) is None and readable("(" * 30) == "(" * 30


def test_the_same_characters_are_right_but_for_blanks_and_an_empty_gold_is_never_right() -> None:
    assert EXTRACT.judge("  a?b \n", "a?b") and EXTRACT.judge("a?b", " a?b ") and not EXTRACT.judge("a?c", "a?b")
    assert EXTRACT.judge("", "") is False and EXTRACT.judge("18", " ") is False


def test_what_is_no_answer_asks_nobody(asked: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "is_same", lambda said, gold: pytest.fail("compared"))
    for reply, gold in (("x+1", "x^10000"), ("x+1", "y" * 1001), ("", "x+1"), ("<answer> </answer>", "x+1")):
        assert EXTRACT.judge(reply, gold) is False
    assert EXTRACT.judge("17", "18") is False and EXTRACT.judge("1,200", "1200") is True and asked == []


def test_numbers_of_a_bare_answer_are_compared_here(asked: list[tuple[str, str]]) -> None:
    assert EXTRACT.judge("18 cows", "18 miles") and not EXTRACT.judge("19 cows", "18 miles") and asked == []
    assert EXTRACT.judge("Evelyn.", "evelyn") and asked == []


@pytest.mark.parametrize(
    ("text", "gold", "golds"),
    [
        ("well $x$, 5", "18 miles", ["18", "18 miles"]), ("well $x$", r"\sqrt{3}", [r"\sqrt{3}"]),
        ("well $x$", "18", ["18"]), ("Navin", "evelyn", ["evelyn"]), ("it may be Evelyn", "18", ["18"]),
    ],
)  # fmt: skip
def test_a_gold_with_a_unit_is_asked_for_as_its_number_and_as_itself(
    asked: list[tuple[str, str]], text: str, gold: str, golds: list[str]
) -> None:
    assert is_found(text, gold) is False
    assert asked == [(text, one) for one in golds]


def test_a_text_of_a_thousand_characters_may_be_nothing_but_an_answer_and_no_longer_one(
    asked: list[tuple[str, str]],
) -> None:
    for length, holds in ((1000, True), (1001, False)):
        text = "#" * (length - 6) + "Evelyn"
        assert is_found(text, "evelyn") is holds and is_answer(text, "evelyn") is holds
    assert len(asked) == 1


def test_an_answer_is_held_against_the_gold_and_not_the_other_way_round() -> None:
    assert EXTRACT.judge("2x + 3", "y = 2x + 3") and not EXTRACT.judge("<answer>52_8</answer>", "52")
    assert EXTRACT.judge("−5 apples", "−5\n") and EXTRACT.judge("x + 1", "1 + x ")
    assert EXTRACT.judge("99**98**97", " 99**98**97\n")  # what nobody works out is right where it stands as it is
