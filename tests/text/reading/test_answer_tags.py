from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.text.reading.answer_tags import TAGS, form_of, last_answer

FULL = "<reasoning>\n2 + 3 = 5\nso it is 5\n</reasoning>\n<answer>\n5\n</answer>\n"
PERFECT = {"integer": 1.0, "strict_format": 1.0, "soft_format": 1.0, "xmlcount": 1.0}


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (FULL, "5"),
        ("<answer>7</answer>\n<answer>18</answer>", "18"),  # the last tag counts
        ("<answer>\n18", "18"),  # unclosed
        ("<answer>18</answer> 7 days", "18"),
        ("<answer>\n\n</answer>", ""),
        ("<answer>5</answer><answer>", ""),
        ("<answer>two\nlines</answer>", "two\nlines"),
        ("18", None),
        ("", None),
        ("</answer>18", None),
    ],
)
def test_the_answer_is_what_the_last_tag_holds(reply: str, answer: str | None) -> None:
    assert last_answer(reply) == answer


def test_reasoning_over_many_lines_earns_every_form() -> None:
    assert form_of(FULL) == PERFECT
    assert form_of(FULL.removesuffix("\n")) == PERFECT


@pytest.mark.parametrize("answer", ["0", "1200", "1,200", "-5", "−5", "+5", "12,345,678"])
def test_negative_and_comma_numbers_are_integers(answer: str) -> None:
    assert form_of(f"<answer>\n{answer}\n</answer>")["integer"] == 1.0
    assert (
        form_of(f" {answer}\n")["integer"] == form_of(answer)["integer"] == 1.0
    )  # without a tag the whole reply is the answer


@pytest.mark.parametrize("answer", ["", "5.0", "1,20", "$5", "five", "5 apples", "٣", "²", "--5", "5-", "1,2000"])
def test_other_answers_are_not(answer: str) -> None:
    assert form_of(f"<answer>{answer}</answer>")["integer"] == 0.0


@pytest.mark.parametrize(
    "reply",
    [
        "Sure!\n" + FULL,
        FULL + "Done.",
        FULL + "\n",
        FULL.replace("<answer>\n", "<answer>"),
        FULL + FULL,
        FULL.replace("so it", "<answer>\nso it"),
        "",
        "5",
    ],
)
def test_strict_wants_both_blocks_once_and_nothing_else(reply: str) -> None:
    assert form_of(reply)["strict_format"] == 0.0


def test_soft_forgives_line_breaks_and_what_follows() -> None:
    assert form_of("<reasoning>a\nb</reasoning> <answer>5</answer> Done.")["soft_format"] == 1.0
    for reply in ("so <reasoning>a</reasoning><answer>5</answer>", "<reasoning>a</reasoning> hm <answer>5</answer>"):
        assert form_of(reply)["soft_format"] == 0.0
    assert form_of("<reasoning>a</reasoning><answer>5")["soft_format"] == 0.0


def test_xmlcount_is_a_quarter_a_tag_less_what_follows() -> None:
    assert form_of(FULL + "x" * 25)["xmlcount"] == pytest.approx(0.9)
    assert form_of(FULL.removesuffix("\n</answer>\n"))["xmlcount"] == 0.75
    assert form_of("<reasoning>\n")["xmlcount"] == 0.25
    assert form_of(FULL + "x" * 1000)["xmlcount"] == 0.0
    assert form_of(FULL + FULL)["xmlcount"] == 0.0


@given(st.lists(st.sampled_from([*TAGS, "\n", " ", "5", "x"])).map("".join) | st.text())
def test_every_form_lies_between_0_and_1(reply: str) -> None:
    form = form_of(reply)
    assert set(form) == set(PERFECT) and all(0.0 <= value <= 1.0 for value in form.values())
    assert form["strict_format"] <= form["soft_format"]


def test_a_hostile_reply_costs_time_in_proportion() -> None:
    hostile = "<reasoning>" + "</reasoning>\n<answer>\n" * 20_000 + "1" * 400_000
    began = time.process_time()
    form_of(hostile)
    assert time.process_time() - began < 0.5
