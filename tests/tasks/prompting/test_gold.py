from __future__ import annotations

import pytest

from straw.tasks.prompting.gold import Worked, as_it_stands, behind_marks, boxed


@pytest.mark.parametrize(
    ("text", "held"),
    [
        (r"so it is \boxed{ 5 }.", "5"),
        (r"\boxed{1} and then \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\fbox{7}", "7"),
        (r"\boxed{7", None),
        (r"\boxed 7", None),
        ("7", None),
    ],
)
def test_the_last_box_that_is_closed_holds_the_answer(text: str, held: str | None) -> None:
    assert boxed(text) == held


@pytest.mark.parametrize(
    ("text", "held"),
    [
        (r"\fbox{1} \boxed{2}", "2"), (r"\boxed{2} \fbox{1}", "1"), (r"\boxed{a{b}{c{d}}e} f}", "a{b}{c{d}}e"),
        (r"\boxed{}", ""), (r"\boxed{1} \boxed{2", None), (r"{7} \boxed", None), ("{7}", None), ("", None),
    ],
)  # fmt: skip
def test_a_box_is_the_last_of_either_kind_up_to_its_own_bracket(text: str, held: str | None) -> None:
    assert boxed(text) == held


def test_what_stands_behind_the_last_marks_is_the_gold_and_the_rest_its_solution() -> None:
    assert behind_marks(" 9 * 2 = <<9*2=18>>18 <<x>>.\n####  1,018 \n") == Worked("1,018", "9 * 2 = 18 .")
    assert behind_marks("a #### 1 b #### -2 c") == Worked("-2 c", "a #### 1 b")
    assert behind_marks("####0") == Worked("0", "")
    for text, why in (
        ("18", "its answer has no #### with the result behind it"), ("", "its answer has no ####"),
        ("18 ####", "behind #### there is to be a number, and there is ''"),
        ("#### " + "x" * 60, f"behind #### there is to be a number, and there is '{'x' * 40}'"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=why):
            behind_marks(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (145.0, "145"),
        (-2.0, "-2"),
        (0.5, "0.5"),
        (0.0, "0"),
        (7, "7"),
        (0, "0"),
        (" a b\n", "a b"),
        (1e300, str(int(1e300))),
    ],
)
def test_a_value_stands_as_a_person_would_write_it(value: object, text: str) -> None:
    assert as_it_stands(value) == text


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (True, "a text or a number, got bool"), (None, "a text or a number, got NoneType"), ([1], "got list"),
        (float("inf"), "its answer is no number: inf"), (float("nan"), "its answer is no number: nan"),
        ("", "its answer is empty"), (" \n", "its answer is empty"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_said(value: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        as_it_stands(value)
