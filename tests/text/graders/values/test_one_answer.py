"""One answer a tag: what may stand beside it, and what makes it none."""

from __future__ import annotations

from itertools import permutations

import pytest

from straw.text.graders import grader_named, tagged
from straw.text.graders.values import one_answer
from straw.text.graders.values.layers import innermost
from straw.text.graders.values.one_answer import are_words, is_same, number_in, reading_of, spelt

EXTRACT = grader_named("extract")


def is_right(answer: str, gold: str) -> bool:
    return EXTRACT.judge(tagged(answer), gold)


@pytest.mark.parametrize(
    "answer",
    [
        "18", "$18", "18.", "18.0", "018", "+18", "The answer is 18", "The answer is: **18**.", "Answer: 18",
        "x = 18", "= 18", r"\boxed{18}", "$18$", "$$18$$", r"\(18\)", r"\[18\]", r"So it is $\boxed{18}$.",
        r"The total is $\boxed{18}$ apples", "18 dollars", "18 apples per day", "18 miles/hour", "18kg",
        r"18\text{ cm}^2", r"18 \mbox{ inches}^2", r"\text{18}", "18°", r"18^\circ", "18%", "18 percent", "£18",
        "18 €", r"\$18", "#### 18", "**18**", "`18`", '"18"', "(18)", "{18}", "She has 18 apples left.", "It's 18.",
        "The number of boys and girls is 18.", "What she has left is $18.", "18\x00", "18\u200b", "\ufeff18",
        r"\frac{36}{2}", "36/2", "9*2", r"\sqrt{324}", "18 + 0", "18 in total", "18th",
    ],
)  # fmt: skip
def test_one_answer_may_be_dressed(answer: str) -> None:
    assert is_right(answer, "18")
    assert not is_right(answer, "17")


@pytest.mark.parametrize(
    "answer",
    [
        "17, 18", "18, 17", "17 = 18", "18 = 17", "18 = 18", "9*2=18", "x = 17 = 18", "19 or 18", "18 or 19",
        "1, 2, 18", "not 18", "1800%", "18!", "18 19", "18; 19", "18 and 19", "17->18", r"17 \to 18", "~18", "≈18",
        "<18", "> 18", "18 or so", "+-18", r"\pm 18", "18 ± 1", r"18 \pm 0", r"\boxed{17}\boxed{18}",
        r"\boxed{17, 18}", "0 18", "18...19", "18...", "18..19", "1 8", "１８", "𝟙8", "١٨", "1\u200b8", "18 (or 19)",
        r"18\\19", "18|19", "18 & 19", "18?", "18 ?", "18 -", "18+", "- 18", "−18", "18/19", "18 to 20", "17 to 18",
        "17–18", "17-18", "18,", "18,000", "1,8", "18x", "18 x", r"18 \cdot x", "18i", "18k", "18 hundred",
        "18 thousand", "18 dozen", "18 halves", "18 squared", "18 1/2", r"\not 18", r"\neg 18", r"\cancel{17} 18",
        r"\phantom{17}18", r"18\phantom{17}", r"18 \text{ or } 19", r"18\text{19}", r"\text{not } 18",
        r"18 \approx 19", r"18 \ne 19", r"17 < 18", r"18 \mod 19", r"18_{19}", "18 _ 19", "18_ {19}", "18 doubled",
        "18 negative", r"18 \cup 19", r"18'", "18e0",
        r"\begin{cases}18\\19\end{cases}", r"18 \quad 19", r"18\,19", "x = 18, y = 17", "x = 17 or 18", "18 = x",
        "at least 18", "At least: 18", "up to 18", "less than 18", "about 18", "The answer is about 18",
        "It is not 18", "It isn't 18", "never 18", "The answer is 17 or 18", "The answer is 17. Or 18",
        "seventeen is 18", "seventeen or 18", "18 maybe", "18 at most", "either 18", "18 is wrong", "18 if x",
        "18\n19", "18\n\n17", "18 instead of 17", "17 18/1", "$17$ $18$", "$18$, $19$", r"17 \boxed{18}",
        r"\boxed{18} 17", r"not \boxed{18}", "18.018.0", "18\u202e91", "eighteen", "", "I do not know",
        ", ".join(map(str, range(100))), " ".join(map(str, range(100))), "18 " * 2, "18" * 2,
        "+".join("1" * 18) + ", 17",
    ],
)  # fmt: skip
def test_several_answers_or_none_are_wrong(answer: str) -> None:
    assert not is_right(answer, "18")


@pytest.mark.parametrize(
    "sign",
    [", ", "; ", " or ", " and ", " = ", " | ", " & ", r" \\ ", r"\text{ or }", " to ", "...", " ", "\n", "? ", " -> "],
)
def test_nobody_is_paid_for_two_golds_at_once(sign: str) -> None:
    for numbers in permutations(("17", "18", "19"), 2):
        assert not any(is_right(sign.join(numbers), gold) for gold in ("17", "18", "19"))


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("-2, 1", "1,-2"), ("1 and -2", "1,-2"), ("x = 1, x = -2", "1,-2"),
        (r"1+\sqrt{19}, 1-\sqrt{19}", r"1 \pm \sqrt{19}"), (r"1 \pm \sqrt{19}", r"1+\sqrt{19}, 1-\sqrt{19}"),
        (r"\{2, 1\}", r"\{1,2\}"), ("[-2,7]", r"x \in [-2,7]"), (r"x \in [-2,7]", "[-2,7]"), ("y=3+2x", "y = 2x + 3"),
        ("2x + 3", "y = 2x + 3"), ("f(x) = 2x", "2x"), ("x=5", "5"), ("5", "x=5"), (r"3\sqrt{13} cm", r"3\sqrt{13}"),
        ("3√13", r"3\sqrt{13}"), ("3*sqrt(13)", r"3\sqrt{13}"), ("12π", r"12\pi"), ("12 pi", r"12\pi"),
        (r"\dfrac{14}{3}", r"\frac{14}{3}"), ("14/3", r"\frac{14}{3}"), ("90 degrees", r"90^\circ"),
        ("90", r"90^\circ"), ("52", "52_8"), ("$32,348", r"\$32,\!348"), ("15", r"15\mbox{ cm}^2"), ("50%", "0.5"),
        ("50%", "50"), ("50%", r"\frac{1}{2}"), ("0.5", "50%"), ("50", "50%"), ("Evelyn", r"\text{Evelyn}"),
        ("The answer is evelyn.", r"\text{Evelyn}"), (r"\text{Evelyn}", "Evelyn"), ("C", r"\text{(C)}"), ("(C)", "C"),
        ("C) 42", "C"), ("Option C", "C"), ("The answer is C.", "C"), ("A good choice is C", "C"),
        ("18", "18 dollars"),
        ("18 dollars", "18 dollars"), ("5 feet 3 inches", "5 feet 3 inches"), ("3:45 PM", "3:45 PM"),
        ("Alice is a knight, and Bob is a knave", "Alice is a knight, and Bob is a knave"), ("[1, 2, 3]", "[1,2,3]"),
        (r"\begin{bmatrix} 1 \\ 2 \end{bmatrix}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"), (r"x \geq 5", r"x \ge 5"),
        ("6.02 x 10^23", r"6.02 \times 10^{23}"), ("2½", r"\frac{5}{2}"), ("0.333333", r"\frac{1}{3}"),
        ("a?b", "a?b"),
    ],
)  # fmt: skip
def test_an_answer_may_be_written_in_other_ways(answer: str, gold: str) -> None:
    assert is_right(answer, gold)


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("1, -2, 3", "1,-2"), ("1", "1,-2"), (r"1 + \sqrt{19}", r"1 \pm \sqrt{19}"),
        ("y = 2x+3, y = 2x+4", "y = 2x+3"), ("y = 2x+3 = 2x+4", "y = 2x+3"), ("52_9", "52_8"), ("18_8", "18"),
        (r"3\sqrt{13}, 4", r"3\sqrt{13}"), ("x = 3, y = 4", "3"), (r"3\sqrt{13} or 4", r"3\sqrt{13}"),
        (r"not 3\sqrt{13}", r"3\sqrt{13}"), (r"3\sqrt{13}!", r"3\sqrt{13}"), ("Evelyn or Navin", "Evelyn"),
        ("not Evelyn", "Evelyn"), ("seat", "east"), (r"\text{nylevE}", r"\text{Evelyn}"), ("blue van", "blue car"),
        ("A or C", "C"), ("A) C)", "C"), ("D: C", "C"), ("D is C", "C"),
        ("A is C", "C"), ("52_852_8", "52_8"), ("A. C", "C"), ("A, C", "C"), ("AC", "C"), ("c", "C"), ("not C", "C"),
        ("Bob is a knight", "Alice is a knight"), ("a knight", "Alice is a knight"),
        ("5 feet 4 inches", "5 feet 3 inches"), ("3:46 PM", "3:45 PM"), ("[3, 2, 1]", "[1,2,3]"), ("0.5%", "0.5"[:1]),
        ("0.333333", "0.33"), ("150%", "1.5"), (r"\frac{1}{2}, \frac{1}{3}", r"\frac{1}{2}"),
        ("18 dollars", "19 dollars"), ("5", "x > 5"), ("x > 5, x < 7", "x > 5"),
        (r"(0,9) \cup (10,36)", r"(0,9) \cup (9,36)"),
    ],
)  # fmt: skip
def test_another_answer_is_another(answer: str, gold: str) -> None:
    assert not is_right(answer, gold)


def test_layers_are_taken_off_one_by_one() -> None:
    assert reading_of("The answer is **$18$**.").layers == (
        "The answer is **$18$**.", "The answer is **$18$**", "The answer is $18$", "The answer is 18", "18"
    )  # fmt: skip
    assert innermost("It costs $18.") == "It costs $18"
    assert innermost("y = 2x") == "y = 2x"
    assert innermost("Alice is a knight", has_phrase=False) == "Alice is a knight"
    assert innermost("2**3") == "2**3"
    assert innermost(r"\text{a} \text{b}") == r"\text{a} \text{b}"


def test_a_reply_that_is_nothing_but_an_answer_needs_no_tag() -> None:
    for gold in (
        r"3\sqrt{13}",
        "6 - 5i",
        "1,-2",
        r"\text{Evelyn}",
        r"\$36",
        "2k+2",
        r"x \in [-2,7]",
        r"10,\!080",
        "x=5",
    ):
        assert EXTRACT.judge(gold, gold)
        assert EXTRACT.judge(f"The answer is {gold}.", gold)
        assert not EXTRACT.judge(f"not {gold}", gold) or gold in (r"\$36", r"10,\!080", "x=5")  # the last number counts


def test_a_list_may_end_in_and() -> None:
    for reply in ("2, 3", "2 and 3", "2, and 3", "2; 3", r"2, \text{ and } 3", r"2 \text{ and } 3", r"2,3"):
        assert EXTRACT.judge(f"<answer>{reply}</answer>", "2, 3"), reply
        assert not EXTRACT.judge(f"<answer>{reply}</answer>", "2, 4"), reply
    for reply in ("2,, 3", "2, and", "2 band 3", "and 2, 3"):
        assert not EXTRACT.judge(f"<answer>{reply}</answer>", "2, 3"), reply


def test_a_gold_with_a_unit_is_its_number_and_itself() -> None:
    for reply in ("The answer is $18 miles per hour$", "It is 18.", r"\boxed{18}", "so 18 miles per hour it is", "18"):
        assert EXTRACT.judge(reply, "18 miles per hour")
        assert not EXTRACT.judge(reply, "19 miles per hour")


def test_without_a_tag_the_last_number_counts_and_only_that() -> None:
    for reply in ("17, 18", "17 or 18", "It is 17. No, 18."):
        assert EXTRACT.judge(reply, "18") and not EXTRACT.judge(reply, "17")


@pytest.mark.parametrize("reply", [r"\boxed{17 = 18}", r"\boxed{x = 17 = 18}", r"\boxed{1800\%}", "It is 1800%."])
def test_without_a_tag_too_nothing_contradicts_itself_and_a_hundredfold_is_another(reply: str) -> None:
    assert not EXTRACT.judge(reply, "18")


@pytest.mark.parametrize(
    "reply", [r"\boxed{9 \cdot 2 = 18}", r"\boxed{x = 9 \cdot 2 = 18}", r"\boxed{18\%}", r"$x = 18$"]
)
def test_an_equation_that_holds_is_its_value(reply: str) -> None:
    assert EXTRACT.judge(reply, "18")


def test_numbers_are_the_same_to_six_decimals() -> None:
    assert is_right("50%", "50%") and not is_right("0.5%", "50%") and not is_right("50%", "0.5%")
    assert not is_right("18 m", "1800 m") and not is_right("18 m", "0.18 m")
    assert is_right("0.1234561 m", "0.1234562 m") and not is_right("0.123456 m", "0.123458 m")


def test_a_reading_is_of_a_number_of_words_or_of_a_formula() -> None:
    number, share, words, formula = map(reading_of, ("1,200 dollars", "50%", "The answer is Evelyn", r"3\sqrt{13} cm"))
    assert number.text == "1200" and number.number == 1200 and not (number.is_percentage or number.is_words)
    assert share.text == "50%" and share.number == 50 and share.is_percentage and not share.is_words
    assert (words.text, words.number, words.is_percentage, words.is_words) == ("evelyn", None, False, True)
    assert (formula.text, formula.number) == (r"3\sqrt{13}", None)
    assert (formula.is_percentage, formula.is_words) == (False, False)
    assert number_in("-1 200.50 %") == ("-1200.50", True) and number_in("18 or 19") is None


def test_words_are_letters_with_a_name_among_them_or_a_choice() -> None:
    assert [text for text in ("Evelyn", "ab", "(C)", "B) four", r"\text{no}", "sin of it") if not are_words(text)] == []
    assert [text for text in ("x", "x y", "K", "pi", "Pi", "sin x", "Max", "18", "a1", "") if are_words(text)] == []


def test_a_choice_is_spelt_by_its_letter_and_words_without_capitals() -> None:
    told = [spelt(text) for text in ("(C)", "C) four", "C) D", "Option C", "K", "k", "A Good  One.", r"\text{Up}")]
    assert told == ["C", "C", "", "C", "K", "k", "a good one", "up"]
    assert spelt(r"\text{ C }") == "C" and are_words(r"\text{ Up }")


def test_only_a_gold_of_one_letter_is_a_choice_among_others() -> None:
    assert is_same(reading_of("Team B is up"), reading_of("up", has_phrase=False))
    assert not is_same(reading_of("Team B is C"), reading_of("C", has_phrase=False))


def test_a_formula_is_asked_for_first_and_the_gold_second(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def same_formula(said: str, gold: str) -> bool:
        asked.append((said, gold))
        return False

    monkeypatch.setattr(one_answer, "same_formula", same_formula)
    assert not is_same(reading_of("x+1"), reading_of("x+2", has_phrase=False)) and asked == [("(x+1)", "x+2")]
