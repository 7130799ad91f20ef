"""The options of the secret game: what they say of it, and which do not go together."""

from __future__ import annotations

from typing import Any

import pytest

from straw.errors import ConfigError
from straw.tasks.secret.bit_by_bit import SecretBits
from straw.tasks.secret.numbers import MOST_PERMUTED, Hidden, SecretOptions
from straw.tasks.secret.single_step import Secret


def options(**values: Any) -> SecretOptions:
    return SecretOptions(**values)


@pytest.mark.parametrize(
    ("values", "has_turns", "has_parts", "space"),
    [
        ({}, False, False, 64), ({"length": 2}, False, True, 4096), ({"length": 3, "N": 10}, False, True, 1000),
        ({"env_type": "multi_step"}, True, True, 64), ({"num_secrets": 3}, False, False, 64),
        ({"N": 1}, False, False, 1),
    ],
)  # fmt: skip
def test_a_game_has_parts_where_it_has_turns_or_several_numbers(
    values: dict[str, Any], has_turns: bool, has_parts: bool, space: int
) -> None:
    page = options(**values)
    assert (page.has_turns, page.has_parts, page.space) == (has_turns, has_parts, space)
    assert (page.num_guesses, page.num_items, page.label) == (page.N, page.length, f"-N{page.N}")


def test_all_that_is_chosen_is_hidden() -> None:
    page = options(N=32, fixed_secret=5, secret_seed=3, num_secrets=4, length=2, spelling="reversed")
    hidden = Hidden(N=32, fixed_secret=5, secret_seed=3, num_secrets=4, length=2, spelling="reversed")
    assert Hidden.from_options(page) == hidden and Hidden.from_options(options()) == Hidden(N=64)
    assert Secret.from_options(page) == Secret(hidden)
    assert Secret.from_options(options(env_type="multi_step")) == SecretBits(Hidden(N=64))


@pytest.mark.parametrize(
    "values",
    [
        {"fixed_secret": 0}, {"fixed_secret": 63}, {"N": 1, "fixed_secret": 0}, {"length": 2},
        {"env_type": "multi_step"},
        {"spelling": "permuted", "N": MOST_PERMUTED}, {"spelling": "reversed", "N": MOST_PERMUTED + 1},
        {"num_secrets": 3, "env_type": "multi_step"},
    ],
)  # fmt: skip
def test_what_goes_together(values: dict[str, Any]) -> None:
    assert options(**values).N >= 1
    assert Hidden(**{name: value for name, value in ({"N": 64} | values).items() if name != "env_type"}).N >= 1


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"fixed_secret": 64}, "one of the N=64 numbers 0 to 63; got fixed_secret=64."),
        ({"fixed_secret": -1}, "one of the N=64 numbers 0 to 63; got fixed_secret=-1."),
        ({"length": 2, "env_type": "multi_step"}, "has one secret; got length=2 with env_type=multi_step."),
        (
            {"spelling": "tagged", "env_type": "multi_step"},
            "spells bits; got spelling=tagged with env_type=multi_step.",
        ),
        ({"spelling": "permuted", "N": MOST_PERMUTED + 1}, "of at most 65,536 numbers; got N=65537 with spelling="),
    ],
)
def test_what_does_not_go_together_is_one_line(values: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        options(**values)


def test_a_number_of_secrets_is_one_at_least() -> None:
    assert Hidden(N=1, num_secrets=1, length=1, fixed_secret=0).of(0) == (0,)
    assert Hidden(N=64, fixed_secret=63).of(0) == (63,)


def test_a_reply_is_the_answer_that_it_spells_or_none() -> None:
    game = Secret(Hidden(N=10, length=2))
    assert [game.index_of([reply]) for reply in ("0 0", "0 9", "9 9", "3 7")] == [0, 9, 99, 37]
    assert [game.index_of([reply]) for reply in ("3", "3 7 1", "3 10", "x", "")] == [None] * 5
    assert [game.answer_at(index) for index in (0, 9, 37, 99)] == [("0 0",), ("0 9",), ("3 7",), ("9 9",)]
    assert (game.space, game.num_problems, game.name) == (100, 1, "secret")


def test_a_permutation_s_writings_are_in_order_and_any_other_s_are_its_own() -> None:
    permuted = Secret(Hidden(N=16, spelling="permuted", length=2))
    assert [permuted.writing_at(index) for index in (0, 1, 17, 255)] == [("0 0",), ("0 1",), ("1 1",), ("15 15",)]
    assert permuted.answer_at(17) != ("1 1",) and permuted.index_of(permuted.answer_at(17)) == 17
    assert Secret(Hidden(N=64, spelling="reversed")).writing_at(57) == ("75",)
    assert Secret(Hidden(N=64, spelling="tagged")).writing_at(57) == ("<57>",)


def test_bits_are_the_number_that_they_spell_or_none() -> None:
    game = SecretBits(Hidden(N=10, fixed_secret=6, num_secrets=3))
    assert [game.index_of(list(bits)) for bits in ("0000", "1001", "1010", "1111")] == [0, 9, None, None]
    assert game.index_of(["1", "x", "0", "1"]) is None and game.index_of(["1", "0", "0"]) is None
    assert game.index_of(["1", "Bit: 0", "0", "1"]) == 9
    assert (game.space, game.num_problems, game.reply_limit, game.name) == (10, 3, 1, "secret_bits")
    assert [game.problem(index).key for index in (0, 2, 3)] == ["secret-0", "secret-2", "secret-0"]
    assert game.problem(0).facts == {"secret": 6} and game.target_index(game.problem(0)) == 6


def test_the_facts_of_a_problem_are_its_secret_or_all_of_them() -> None:
    assert Secret(Hidden(N=64)).problem(0).facts == {"secret": 57}
    assert Secret(Hidden(N=64, length=2)).problem(0).facts == {"secret": (57, 18)}


def test_a_problem_of_another_game_is_none_of_this_one_s() -> None:
    problem = Secret(Hidden(N=64, fixed_secret=60)).problem(0)
    with pytest.raises(ValueError, match="the reference of secret-0 is none of this game's answers"):
        Secret(Hidden(N=10)).target_index(problem)
