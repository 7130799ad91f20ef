"""What is read of a reply in each form, where a whole reply is read."""

from __future__ import annotations

import pytest

from straw.errors import ConfigError
from straw.tasks.prompting.prompt_formats import FORMS, conversation, form_named
from straw.types import Message


@pytest.mark.parametrize("reply", ["7", " 7\n", "\t7 "])
def test_without_a_form_the_reply_is_the_answer_without_blanks_around_it(reply: str) -> None:
    assert FORMS["none"].read(reply) == "7"


@pytest.mark.parametrize("reply", ["", " ", "\n\t"])
def test_without_a_form_blanks_alone_are_no_answer(reply: str) -> None:
    assert FORMS["none"].read(reply) is None


def test_a_reply_in_tags_has_its_steps_or_says_that_it_has_to_be_so() -> None:
    written = FORMS["xml"].written
    assert written("2 + 3 = 5", "5") == "<reasoning>\n2 + 3 = 5\n</reasoning>\n<answer>\n5\n</answer>"
    assert written("", "5") == "<reasoning>\nIt has to be 5.\n</reasoning>\n<answer>\n5\n</answer>"


def test_a_reply_in_a_box_keeps_the_box_that_its_solution_has() -> None:
    written = FORMS["boxed"].written
    assert written("2 + 3 = 5", "5") == "2 + 3 = 5\nThe answer is $\\boxed{5}$."
    assert written("So \\boxed{5}.", "5") == "So \\boxed{5}."
    assert written("So \\boxed{4}.", "5") == "So \\boxed{4}.\nThe answer is $\\boxed{5}$."
    assert written("", "5") == "The answer is $\\boxed{5}$."


def test_a_reply_in_words_is_its_solution_and_the_answer_or_the_answer_alone() -> None:
    written = FORMS["none"].written
    assert (written("2 + 3 = 5", "5"), written("", "5")) == ("2 + 3 = 5\nThe answer is 5.", "5")


@pytest.mark.parametrize("name", [*FORMS])
@pytest.mark.parametrize("solution", ["", "2 + 3 = 5"])
def test_what_is_written_in_tags_or_a_box_is_read_again(name: str, solution: str) -> None:
    form = FORMS[name]
    reply = form.written(solution, "5")
    assert form.read(reply) == (reply if name == "none" else "5") and form.name == name


def test_each_form_says_what_it_wants_and_has_a_grader_that_reads_it() -> None:
    assert {name: form.grader for name, form in FORMS.items()} == {
        "xml": "exact", "boxed": "extract", "none": "extract"
    }  # fmt: skip
    assert FORMS["xml"].system == (
        "Respond in the following format:\n<reasoning>\n...\n</reasoning>\n<answer>\n...\n</answer>"
    )
    assert "\\boxed{}" in str(FORMS["boxed"].system) and FORMS["none"].system is None


def test_a_system_prompt_of_one_s_own_is_a_text_of_several_words_around_the_form_none() -> None:
    assert form_named("boxed") is FORMS["boxed"]
    own = form_named("Be brief.")
    assert (own.name, own.system, own.grader, own.written("a", "5")) == (
        "text", "Be brief.", "extract", "a\nThe answer is 5."
    )  # fmt: skip
    for name in ("boxd", " boxd ", ""):
        with pytest.raises(ConfigError, match="there is no system_prompt="):
            form_named(name)


def test_a_conversation_is_what_is_said_of_the_form_then_examples_as_turns_and_the_question_last() -> None:
    form = form_named("Be brief.")
    assert conversation(form, (("a?", "b"), ("c?", "d")), "e?") == (
        Message("system", "Be brief."), Message("user", "a?"), Message("assistant", "b"), Message("user", "c?"),
        Message("assistant", "d"), Message("user", "e?"),
    )  # fmt: skip
    assert conversation(FORMS["none"], (), "e?") == (Message("user", "e?"),)
