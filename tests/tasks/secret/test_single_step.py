from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.errors import ConfigError
from straw.tasks.secret.bit_by_bit import SecretBits
from straw.tasks.secret.numbers import Hidden
from straw.tasks.secret.single_step import Secret
from straw.types import End


def secret(**options: Any) -> Secret:
    return Secret(Hidden(**options))


def options(**changes: Any) -> SimpleNamespace:
    page = {
        "env_type": "single_step", "N": 64, "fixed_secret": None, "secret_seed": 0, "num_secrets": 1, "length": 1,
        "spelling": "digits",
    }  # fmt: skip
    return SimpleNamespace(**(page | changes))


def test_the_question_is_one_short_message() -> None:
    (message,) = secret(N=64).problem(0).messages
    assert message == ("user", "Name the secret in [0, 64). Number only.")


@pytest.mark.parametrize(
    ("shape", "question"),
    [
        ({"num_secrets": 4}, "Name secret 3 in [0, 64). Number only."),
        ({"length": 2}, "Name the 2 secrets in [0, 64). Numbers only."),
        ({"num_secrets": 4, "length": 2}, "Name the 2 secrets of list 3 in [0, 64). Numbers only."),
    ],
)
def test_the_question_says_which_secret_is_meant(shape: dict[str, Any], question: str) -> None:
    assert secret(N=64, **shape).problem(7).messages[0].content == question


def test_problems_go_round_the_keys() -> None:
    task = secret(N=64, num_secrets=3)
    assert [task.problem(index).key for index in range(4)] == ["secret-0", "secret-1", "secret-2", "secret-0"]
    assert task.problem(1) == task.problem(4)
    assert len({task.problem(index).messages for index in range(3)}) == task.num_problems == 3


def test_a_guess_is_graded_by_how_far_it_is_off_and_on_which_side() -> None:
    task = secret(N=64, fixed_secret=5)
    exact, high, low = (task.grade(task.problem(0), [reply], End.ANSWERED) for reply in ("5", "8", "0"))
    assert (exact.hits, exact.offsets, exact.well_formed) == ((True,), (0,), True)
    assert (high.hits, high.offsets) == ((False,), (3,))
    assert (low.hits, low.offsets) == ((False,), (-5,))


@pytest.mark.parametrize("reply", ["64", "-5", "5.", "five", ""])
def test_a_reply_that_is_no_guess_has_no_distance(reply: str) -> None:
    task = secret(N=64, fixed_secret=5)
    grade = task.grade(task.problem(0), [reply], End.ANSWERED)
    assert (grade.hits, grade.offsets, grade.well_formed) == ((False,), (None,), False)


@pytest.mark.parametrize("end", [End.OUT_OF_TOKENS, End.FAILED])
def test_a_reply_that_was_cut_short_is_no_answer(end: Any) -> None:
    task = secret(N=64, fixed_secret=5)
    replies = [] if end is End.FAILED else ["5"]
    assert task.grade(task.problem(0), replies, end).offsets == (None,)


def test_a_sequence_has_a_hit_and_an_offset_per_item() -> None:
    task = secret(N=64, length=3)
    first, second, third = task.hidden.of(0)
    assert (first, second, third) == (57, 18, 7)
    grade = task.grade(task.problem(0), ["57 12 8"], End.ANSWERED)
    assert (grade.hits, grade.offsets) == ((True, False, False), (0, -6, 1))
    assert task.grade(task.problem(0), ["57 46"], End.ANSWERED).offsets == (None, None, None)


@given(st.integers(1, 200), st.integers(0, 99), st.integers(1, 3), st.integers(1, 3), st.integers(0, 10))
def test_the_reference_is_a_perfect_answer_that_fits_the_limit(
    N: Any, seed: Any, num_secrets: Any, length: Any, index: Any
) -> None:
    task = secret(N=N, secret_seed=seed, num_secrets=num_secrets, length=length)
    problem = task.problem(index)
    grade = task.grade(problem, problem.reference, End.ANSWERED)
    assert all(grade.hits) and grade.well_formed and set(grade.offsets) == {0}
    assert len(problem.reference[0]) <= task.reply_limit
    assert task.next_message(problem, problem.reference) is None


def test_answers_are_in_the_order_of_their_values() -> None:
    task = secret(N=12, fixed_secret=10)
    assert [task.answer_at(index) for index in range(task.space)] == [(str(number),) for number in range(12)]
    assert task.answer_at(task.target_index(task.problem(0))) == ("10",)


def test_a_sequence_is_one_answer_among_all_sequences() -> None:
    task = secret(N=64, length=2)
    assert task.space == 4096
    assert task.target_index(task.problem(0)) == 57 * 64 + 18
    assert task.answer_at(57 * 64 + 18) == ("57 18",)


def test_a_huge_range_can_still_be_played() -> None:
    task = secret(N=10**12)
    assert task.problem(0).reference == ("12345",)
    assert task.answer_at(task.target_index(task.problem(0))) == ("12345",)
    assert task.reply_limit == 12


def test_env_type_chooses_the_game() -> None:
    assert isinstance(Secret.from_options(options()), Secret)
    assert isinstance(Secret.from_options(options(env_type="multi_step")), SecretBits)


def test_an_unknown_env_type_names_its_neighbour() -> None:
    with pytest.raises(ConfigError, match="did you mean 'multi_step'"):
        Secret.from_options(options(env_type="multistep"))
