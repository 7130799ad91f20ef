"""What is read of a reply in each form, where a whole reply is read."""

from __future__ import annotations

import pytest

from straw.tasks.prompting.prompt_formats import FORMS


@pytest.mark.parametrize("reply", ["7", " 7\n", "\t7 "])
def test_without_a_form_the_reply_is_the_answer_without_blanks_around_it(reply: str) -> None:
    assert FORMS["none"].read(reply) == "7"


@pytest.mark.parametrize("reply", ["", " ", "\n\t"])
def test_without_a_form_blanks_alone_are_no_answer(reply: str) -> None:
    assert FORMS["none"].read(reply) is None
