"""What the process that asks math-verify answers, asked in this process."""

from __future__ import annotations

from typing import Any

import pytest
from math_verify import parse
from sympy import Eq, I, Integer, Rational, Symbol

from straw.text.graders import worker

X = Symbol("x")


def same(text: str, gold: str, ask: str = "same") -> bool:
    answer = worker.judged({"ask": ask, "text": text, "gold": gold})
    assert set(answer) == {"right"}
    return bool(answer["right"])


@pytest.mark.parametrize(
    ("text", "gold", "is_right"),
    [
        ("so it is 18", "18", True), ("so it is 17", "18", False), ("", "18", False), ("$x = 18$", "18", True),
        (r"$9 \cdot 2 = 18$", "18", True), ("$17 = 18$", "18", False), ("$x = 17 = 18$", "18", False),
        (r"$x = 9 \cdot 2 = 18$", "18", True), (r"$50\%$", "50", True), (r"$50\%$", "0.5", True),
        (r"$50\%$", r"\frac{1}{2}", True), (r"$50\%$", r"50\%", True), (r"$-50\%$", "-0.5", True),
        (r"$1800\%$", "18", False), (r"$100\%$", "1", False), (r"$150\%$", "1.5", False), (r"$18\%$", "18", True),
        ("The answer is C", "C", True), ("The answer is B", "C", False), ("it is $C$", "C", True),
    ],
)  # fmt: skip
def test_a_text_is_right_when_its_value_is_the_gold_one(text: str, gold: str, is_right: bool) -> None:
    assert same(text, gold) is is_right


def test_a_formula_is_read_as_latex_alone_and_the_text_and_the_gold_are_two() -> None:
    assert same(r"\frac{1}{2}", "0.5", "formula") and not same(r"\frac{1}{3}", "0.5", "formula")
    assert not same("", "0.5", "formula") and not same("0.5", "", "formula")
    assert same("so it is 0.5", "0.5") and not same("it costs 5 or so", "5", "formula")


@pytest.mark.parametrize(
    ("text", "said"),
    [("so it is 18.", "18"), ("It is 1,200.", "1200"), ("nothing", None), ("", None), ("first 1, then 2", "2")],
)
def test_the_answer_that_is_found_is_said_without_its_full_stop(text: str, said: str | None) -> None:
    assert worker.judged({"ask": "said", "text": text}) == {"said": said}


def test_the_gold_is_asked_first_and_the_answer_second(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def verify(*given: Any, timeout_seconds: None) -> bool:
        asked.append(given)
        return True

    monkeypatch.setattr("math_verify.verify", verify)
    assert worker.is_same([1, 2], [3]) is True
    assert asked == [([3], [1, 2])]
    assert worker.is_same([], [3]) is False and len(asked) == 1
    asked.clear()
    assert not worker.contradicts(Eq(Integer(17), Integer(18), evaluate=False))
    assert asked == [(18, 17)]


def test_the_sides_of_an_equation_and_of_a_chain_come_in_their_order() -> None:
    assert list(worker.sides(Eq(X, 5))) == [X, 5]
    assert list(worker.sides(X)) == list(worker.sides("A")) == []
    (chain, *_) = parse("$x = y = 5$", parsing_timeout=None)
    assert list(map(str, worker.sides(chain))) == ["x", "y", "y", "5"]


def test_sides_that_are_numbers_have_to_agree_and_names_say_nothing() -> None:
    def equation(*sides: Any) -> Any:
        return Eq(*sides, evaluate=False)

    assert worker.contradicts(equation(Integer(17), Integer(18)))
    assert not worker.contradicts(equation(Integer(18), Integer(18)))
    assert not worker.contradicts(equation(X, Integer(18))) and not worker.contradicts(equation(Integer(18), X))
    assert not worker.contradicts(Integer(18)) and not worker.contradicts("A")
    (chain, *_) = parse("$17 = x = 18$", parsing_timeout=None)
    assert worker.contradicts(chain)


def test_per_cent_are_a_number_of_their_own_unless_the_gold_is_a_share_or_says_per_cent() -> None:
    (percent, *_) = parse(r"$50\%$", parsing_timeout=None)
    assert worker.counted(percent, [Integer(50)]) == 50
    assert worker.counted(percent, [Integer(50), Rational(1, 2)]) is percent
    assert worker.counted(percent, [percent]) is percent and worker.counted(percent, []) == 50
    product = 2 * X
    assert worker.counted(product, [Integer(3)]) is product and worker.counted("A", [Integer(3)]) == "A"
    half = Rational(1, 2) * X
    assert worker.counted(half, [Integer(3)]) is half


@pytest.mark.parametrize(
    ("target", "holds"),
    [
        (Rational(1, 2), True), (Rational(-1, 2), True), (Integer(0), False), (Integer(1), False), (Integer(-1), False),
        (Rational(3, 2), False), (X, False), (I / 2, False), ("A", False),
    ],
)  # fmt: skip
def test_a_share_is_a_number_between_nought_and_one(target: Any, holds: bool) -> None:
    assert bool(worker.is_share(target)) is holds


def test_a_gold_stands_between_dollars_once() -> None:
    assert worker.in_dollars("18") == "$18$" and worker.in_dollars(r"\$18") == r"$\$18$"
    for text in ("$18$", r"\(18\)", r"\[18\]", r"\boxed{18}", r"\$18 is $18$"):
        assert worker.in_dollars(text) == text


def test_one_letter_from_a_to_j_is_a_choice() -> None:
    assert [text for text in ("A", "J", "K", "a", "AB", "", "1") if worker.is_letter(text)] == ["A", "J"]
    assert "C" in worker.read("The answer is C", "C") and "C" not in worker.read("The answer is C")
    assert worker.read_gold("C") == [*worker.read("$C$"), *worker.read("C", "C")]
    assert worker.read_gold("AB") == worker.read("$AB$") and worker.read_gold("18")[0] == 18
