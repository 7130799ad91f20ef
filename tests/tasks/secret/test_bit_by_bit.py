from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.errors import ConfigError
from straw.tasks.secret.bit_by_bit import SecretBits
from straw.tasks.secret.numbers import Hidden
from straw.types import End


def bits(**options: Any) -> SecretBits:
    return SecretBits(Hidden(**options))


def test_the_conversation_names_each_bit_and_gives_nothing_away() -> None:
    task = bits(N=8, fixed_secret=5)
    problem = task.problem(0)
    assert problem.messages[0].content == "The secret is in [0, 8). Bit 1 of 3?"
    for replies in (["1", "0"], ["0", "nonsense"]):
        assert task.next_message(problem, replies[:1]) == ("user", "Bit 2?")
        assert task.next_message(problem, replies) == ("user", "Bit 3?")
    assert task.next_message(problem, ["1", "0", "1"]) is None


def test_several_secrets_are_told_apart_in_the_opening() -> None:
    task = bits(N=64, num_secrets=2)
    assert task.problem(3).messages[0].content == "Secret 1 is in [0, 64). Bit 1 of 6?"
    assert task.problem(3).key == "secret-1"


@pytest.mark.parametrize(
    ("secret", "N", "spelled"), [(9, 10, "1001"), (999, 1000, "1111100111"), (1024, 1025, "10000000000"), (0, 1, "0")]
)
def test_bits_are_spelled_most_significant_first(secret: int, N: int, spelled: str) -> None:
    task = bits(N=N, fixed_secret=secret)
    assert task.problem(0).reference == tuple(spelled)
    assert task.max_turns == len(spelled)


def test_every_turn_is_graded_by_itself() -> None:
    task = bits(N=8, fixed_secret=5)  # 101
    grade = task.grade(task.problem(0), ["1", "1", "0"], End.ANSWERED)
    assert grade.hits == (True, False, False)
    assert grade.offsets == (6 - 5,)
    assert grade.well_formed


def test_a_bit_in_a_sentence_is_read_but_not_well_formed() -> None:
    task = bits(N=8, fixed_secret=5)
    grade = task.grade(task.problem(0), ["Bit: 1", "0", " 1\n"], End.ANSWERED)
    assert (grade.hits, grade.offsets, grade.well_formed) == ((True, True, True), (0,), False)


def test_a_turn_without_a_bit_is_a_miss_and_leaves_no_number() -> None:
    task = bits(N=8, fixed_secret=5)
    grade = task.grade(task.problem(0), ["1", "what?", "1"], End.ANSWERED)
    assert (grade.hits, grade.offsets, grade.well_formed) == ((True, False, True), (None,), False)


@pytest.mark.parametrize(("replies", "end"), [(["1", "0"], End.OUT_OF_TURNS), ([], End.FAILED)])
def test_turns_that_never_came_are_misses(replies: Any, end: Any) -> None:
    task = bits(N=8, fixed_secret=5)
    grade = task.grade(task.problem(0), replies, end)
    assert grade.hits == (True, True, False)[: len(replies)] + (False,) * (3 - len(replies))
    assert (grade.offsets, grade.well_formed) == ((None,), False)


def test_a_turn_cut_off_by_the_token_limit_is_not_well_formed() -> None:
    task = bits(N=2, fixed_secret=1)
    grade = task.grade(task.problem(0), ["1"], End.OUT_OF_TOKENS)
    assert (grade.hits, grade.well_formed) == ((True,), False)


def test_bits_can_spell_a_number_beyond_the_range() -> None:
    task = bits(N=10, fixed_secret=9)
    assert task.grade(task.problem(0), list("1111"), End.ANSWERED).offsets == (6,)


@given(st.integers(1, 5000), st.integers(0, 99))
def test_the_reference_is_a_perfect_conversation(N: Any, seed: Any) -> None:
    task = bits(N=N, secret_seed=seed)
    problem = task.problem(0)
    grade = task.grade(problem, problem.reference, End.ANSWERED)
    assert all(grade.hits) and grade.well_formed and grade.offsets == (0,)
    assert all(len(reply) <= task.reply_limit for reply in problem.reference)
    assert task.answer_at(task.target_index(problem)) == problem.reference


def test_answers_are_all_numbers_of_the_range_in_order() -> None:
    task = bits(N=3)
    assert [task.answer_at(index) for index in range(task.space)] == [("0", "0"), ("0", "1"), ("1", "0")]


def test_a_sequence_is_played_in_a_single_step() -> None:
    with pytest.raises(ConfigError, match="length=2"):
        bits(N=64, length=2)
