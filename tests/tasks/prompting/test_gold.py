from __future__ import annotations

import pytest

from straw.tasks.prompting.gold import boxed


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
