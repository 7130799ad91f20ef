"""A calculator that evaluates nothing: judged by Python's grammar, and by what a person would refuse."""

from __future__ import annotations

import ast
import re
from fractions import Fraction
from random import Random

import pytest

from straw.errors import ConfigError
from straw.tasks.environments.calculator import LONGEST, Calculator, worked_out, written
from straw.tasks.environments.contract import contract_of
from straw.tasks.environments.episode import Episode, Limits
from straw.tasks.environments.luck import Luck
from straw.text.tools.calls import Call, Read
from straw.types import Message


def by_grammar(node: ast.expr) -> Fraction:
    """The same in fractions, with the precedence that Python's parser gives."""
    if isinstance(node, ast.Constant):
        return Fraction(str(node.value))
    if isinstance(node, ast.UnaryOp):
        return -by_grammar(node.operand)
    assert isinstance(node, ast.BinOp)
    left, right = by_grammar(node.left), by_grammar(node.right)
    match node.op:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case _:
            return left / right


def made_up(random: Random, depth: int) -> str:
    if depth == 0 or random.random() < 0.2:
        return random.choice(["3", "47", "0.5", "-2", "10"])
    left, right = made_up(random, depth - 1), made_up(random, depth - 1)
    text = f"{left}{random.choice(['', ' '])}{random.choice('+-*/')} {right}"
    return f"({text})" if random.random() < 0.4 else text


def test_an_expression_is_worth_what_pythons_grammar_makes_of_it() -> None:
    random, divided = Random(0), 0
    for _ in range(500):
        text = made_up(random, 3)
        try:
            right = by_grammar(ast.parse(text, mode="eval").body)
        except ZeroDivisionError:
            divided += 1
            with pytest.raises(ValueError, match="divided by 0"):
                worked_out(text)
            continue
        if len(text) <= LONGEST:
            assert worked_out(text) == right, text
    assert 0 < divided < 100


def test_by_hand() -> None:
    assert worked_out("47 * 6 + 38") == 320 and worked_out("(25 + 31)*2") == 112
    assert worked_out("8 - 3 - 2") == 3 and worked_out("-(2 + 1) * -4") == 12 and worked_out("16 / 4 / 2") == 2
    assert (written(Fraction(320)), written(Fraction(-7)), written(Fraction(1, 3))) == ("320", "-7", "0.3333")


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "1 +", "* 2", "(1", "1)", "()", "2 3", "2 ** 3", "2 // 3", "1.", "1,000", "x", "9e9", "3 = 3", "²",
        "__import__('os')", "(" * 60 + "1" + ")" * 60, "1" * (LONGEST + 1), 7, None,
    ],
)  # fmt: skip
def test_what_is_no_expression_raises_a_reason(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ "):
        worked_out(text)


def test_a_hundred_characters_cannot_be_too_deep_or_too_large() -> None:
    assert worked_out("(" * 49 + "1" + ")" * 49) == 1 and worked_out("-" * 99 + "1") == -1
    assert len(str(worked_out("*".join(["999"] * 25)))) == 75


def begun(seed: int) -> Episode:
    limits = Limits(turns=3, seconds=10, result=100)
    return Episode(contract_of("it", Calculator), Calculator(), (Message("user", ""),), {}, limits, Luck(seed))


def test_the_right_number_said_last_is_paid_with_or_without_the_tool() -> None:
    for seed in range(20):
        episode = begun(seed)
        *before, asked = episode.open() or ()
        assert [one.content for one in before[1:3]] == ['calculate("12 * 3 + 40")', "76"]
        expression = asked.content.removeprefix("What is ").removesuffix("?")
        right = str(by_grammar(ast.parse(expression, mode="eval").body))
        results = episode.answer(Read("", (Call("calculate", {"expression": expression}),)))
        assert results is not None and results[0]["content"] == right
        assert episode.answer(Read(f"12 and 7 make {right}.")) is None
        done = episode.close()
        assert (done.solved, done.reward) == (True, 1.0)


@pytest.mark.parametrize("said", ["", "I do not know", "1", "{right} or 1", "calculate"])
def test_another_number_or_none_is_not(said: str) -> None:
    episode = begun(3)
    episode.open()
    assert episode.answer(Read(said.format(right=episode.instance.right))) is None
    done = episode.close()
    assert (done.solved, done.reward) == (False, 0.0)


def test_a_call_alone_says_nothing_and_the_next_episode_forgets() -> None:
    episode = begun(3)
    episode.open()
    episode.answer(Read(str(episode.instance.right), ()))
    assert episode.close().solved is True
    again = Episode(episode.contract, episode.instance, episode.asked, {}, episode.limits, Luck(3))
    again.open()
    again.answer(Read("", (Call("calculate", {"expression": "1 + 1"}),)))
    assert again.close().solved is False


def test_examples_are_messages_or_an_attribute_of_the_class_own() -> None:
    class Mine(Calculator):
        examples = ({"role": "user"},)  # type: ignore[assignment]

    class Others(Calculator):
        examples = ("what I like",)  # type: ignore[assignment]

    with pytest.raises(ConfigError, match=r"Mine.examples stand before what is asked, and a message is .* mend it"):
        contract_of("Mine", Mine)
    assert contract_of("Others", Others).examples == ()
    assert [one.role for one in contract_of("it", Calculator).examples] == ["user", "assistant"] * 4


def test_the_numbers_are_two_from_11_to_99_and_one_from_2_to_9_in_four_forms() -> None:
    seen: dict[str, set[int]] = {name: set() for name in "abc"}
    forms = set()
    for seed in range(900):
        game = Calculator()
        asked = game.reset(seed=seed)
        assert asked == f"What is {game.expression}?" and game.right == worked_out(game.expression)
        numbers = [int(one) for one in re.findall(r"\d+", game.expression)]
        form = re.sub(r"\d+", "n", game.expression)
        a, b, c = {"(n + n) * n": (0, 2, 1), "n + n * n": (1, 2, 0)}.get(form, (0, 1, 2))
        for name, place in zip("abc", (a, b, c), strict=True):
            seen[name].add(numbers[place])
        forms.add(form)
    assert forms == {"n * n + n", "n * n - n", "(n + n) * n", "n + n * n"}
    assert seen == {"a": {*range(11, 100)}, "b": {*range(2, 10)}, "c": {*range(11, 100)}}


def test_a_game_is_a_function_of_its_seed() -> None:
    assert [Calculator().reset(seed=seed) for seed in (3, 3)] == [Calculator().reset(3)] * 2
    assert len({Calculator().reset(seed=seed) for seed in range(20)}) > 15


def test_every_example_is_worked_out_rightly() -> None:
    for asked, call, given, said in zip(*[iter(one["content"] for one in Calculator.examples)] * 4, strict=True):
        expression = asked.removeprefix("What is ").removesuffix("?")
        assert call == f'calculate("{expression}")' and given == said == Calculator().calculate(expression)


@pytest.mark.parametrize(
    ("said", "right", "is_right"),
    [
        ("1,320", 1320, True), ("It is -7.", -7, True), ("7", -7, False), ("5 - 7", 7, True),
        ("0.5", Fraction(1, 2), True),
        ("12 and 7", 12, False), ("", 0, False), ("none", 0, False), ("320.0", 320, True),
    ],
)  # fmt: skip
def test_the_last_number_counts_with_its_sign_and_without_commas(said: str, right: Fraction, is_right: bool) -> None:
    game = Calculator()
    game.last_reply, game.right = said, Fraction(right)
    assert game.solved is is_right and game.get_reward() == float(is_right)


def test_an_expression_of_a_hundred_characters_is_read_and_no_longer_one() -> None:
    assert worked_out("1" * 100) == int("1" * 100)
    with pytest.raises(ValueError, match="an expression is a text of at most 100 characters"):
        worked_out(" " * 100 + "1")
    with pytest.raises(ValueError, match="at most 100 characters"):
        worked_out(["1"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1 +", "something is missing at its end"), ("(1", "a bracket is not closed"), ("1)", ") is one too many"),
        ("2 3", "3 is one too many"), ("* 2", "* stands where a number should"), ("1 + x", "'x' is no number"),
        ("1/(2-2)", "nothing is divided by 0"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_expression_is_said(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(why)):
        worked_out(text)
