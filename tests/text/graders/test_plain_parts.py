"""The parts of the graders that need no parser, one by one."""

from __future__ import annotations

from fractions import Fraction

import pytest

from straw.text.graders import grader_named, lenient, tidy
from straw.text.graders.bounds import DEEPEST, MOST_READ, depth, is_refused
from straw.text.graders.extract import MOST_SAID
from straw.text.graders.lenient import equal, found, in_box, opened, ratio_of, value_of
from straw.text.graders.tidy import number_from, tidied, with_brackets
from straw.text.graders.values.formula import (
    formula_in,
    has_its_base,
    has_known_signs,
    has_no_more_parts,
    in_brackets,
    is_whole,
    parts_of,
)
from straw.text.graders.values.layers import cleaned, closing
from straw.text.graders.values.plain_numbers import MOST_CHARACTERS as MOST_NUMBER
from straw.text.graders.values.plain_numbers import plain_number
from straw.text.graders.values.plain_words import is_phrase, is_unit

LENIENT = grader_named("lenient")


@pytest.mark.parametrize(
    ("text", "tidy"),
    [
        ("$1,200", "1,200"), ("18 hours.", "18"), (r"50\%", "50"), ("50%", "50"), ("5.00", "5"), ("5.50", "5.50"),
        (".5", "0.5"), ("5.0x", "5x"), ("-5.0", "-5"), (r"\dfrac12", r"\frac{1}{2}"), (r"\tfrac34", r"\frac{3}{4}"),
        (r"\frac{1}2", r"\frac{1}{2}"), (r"\frac1{72}", r"\frac{1}{72}"), ("1/2", r"\frac{1}{2}"),
        ("-1/2", r"\frac{-1}{2}"), ("1/x", "1/x"), ("1/2/3", "1/2/3"), (r"\sqrt2", r"\sqrt{2}"),
        (r"\sqrt{2}", r"\sqrt{2}"), (r"\sqrt[3]{2}", r"\sqrt[3]{2}"), ("twenty-five", "25"), ("Eighteen", "18"),
        ("TWENTY FIVE", "25"), ("one hundred", "100"), ("two hundred five", "205"), ("hundred", "100"),
        ("two thousand thirty", "2030"), ("Thousand", "1000"), ("one million", "1000000"),
        ("three hundred thousand", "300000"), (r"18\text{ apples}", "18"), (r"\text{east}", "east"),
        (r"\text{Evelyn}", "Evelyn"), ("18 dollars", "18dollars"), ("18 apples", "18"), ("18 square feet", "18"),
        ("east", "east"), ("5 km", "5"), ("x=5", "5"), ("y = 2x", "2x"), ("kk=5", "5"), ("abc=5", "abc=5"),
        ("a=b=c", "a=b=c"), (r"x \in [1,2]", r"x\in[1,2]"), (r"x\in[1,2]", "[1,2]"), (r"\left(1,2\right)", "(1,2)"),
        (r"\{1,2\}", "{1,2}"), (r"\begin{bmatrix}1\end{bmatrix}", r"\begin{pmatrix}1\end{pmatrix}"),
        (r"90^\circ", "90"), (r"90^{\circ}", "90"), (r"\$5", "5"), (r"\(5\)", "5"), (r"10,\!080", "10,080"),
        (r"a \neq b", r"a\neb"), (r"a \leq b", r"a\leb"), (r"a \geq b", r"a\geb"), (r"18\mbox{ cm}", "18"),
        ("1 and 2", "12"), ("2 .5", "20.5"), (r"\frac{.5}{2}", r"\frac{0.5}{2}"), (r"\mathbf{v}", "{v}"),
        ("1\n2", "12"), ("", ""), ("18...", "18"), ("no number", "nonumber"), ("  18  ", "18"),
    ],
)  # fmt: skip
def test_an_answer_is_tidied(text: str, tidy: str) -> None:
    assert tidied(text) == tidy


def test_number_words_count_whatever_their_letters() -> None:
    assert number_from("About Ninety-Nine, or so") == "90"  # "nine," with its comma is no number word
    assert number_from("About Ninety-Nine or so") == "99"
    assert number_from("two million three hundred thousand four") == "2300004"
    assert with_brackets(r"\frac12+\sqrt3") == r"\frac{1}{2}+\sqrt{3}"


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("final answer is $7$. I hope it is 8", "7"), ("final answer is $7$ or 8", "$7$ or 8"),
        (r"\boxed{7} or 8", "7"), (r"\boxed{7}, \boxed{8}", "8"), (r"\boxed 7$ is", "7"),
        (r"\boxed{a{b}c}d", "a{b}c"), (r"\boxed{7", "7"), (r"\boxed{}", ""), ("The answer is: 7.", " 7"),
        ("the answer is 7. The answer is 8", "8"), ("final answer is 7/", "7"), ("so 6 and 1,234.5", "1234.5"),
        ("it is -7 now", "-7"), ("10-7", "-7"), ("no number", ""), ("The answer is\n  7\n  8", "78"), ("", ""),
        ("7.", "7"),
    ],
)  # fmt: skip
def test_lenient_finds_an_answer_where_it_stands(reply: str, answer: str) -> None:
    assert found(reply) == answer


def test_a_box_ends_with_its_own_bracket() -> None:
    assert [in_box(text) for text in ("{1}2}", "{1{2}}3", "{12", "1$2", "1")] == ["1", "1{2}", "12", "1", "1"]


@pytest.mark.parametrize(
    ("said", "gold", "is_right"),
    [
        ("EAST", "east", True), ("50", "0.5", True), ("0.5", "50", True), ("5", "0.5", False), ("0.005", "50", False),
        ("50%", "50", True), ("10000.5", "10000", True), ("10002", "10000", False), ("1,000", "1000", True),
        ("-5", "5", False), (r"\frac{1}{2}", "0.5", True), (r"\frac{1}{2}", r"\frac{2}{4}", True),
        (r"-\frac{1}{2}", r"\frac{-1}{2}", True), (r"\frac{1}{2}", r"\frac{1}{3}", False),
        (r"\frac{1}{0}", r"\frac{2}{0}", False), ("{(a)}", "a", True), ("(1,2)", "[1,2]", True),
        ("(1,2)", "(2,1)", False), ("(1,2)", "(1,2,3)", False), ("(0,9]\\cup(9,36)", "(0,9)\\cup(9,36)", True),
        ("(0,9)\\cup(9,37)", "(0,9)\\cup(9,36)", False), ("kk=5", "5", True), ("5", "kk=5", True),
        ("abc=5", "5", False), ("5", "abc=5", False), ("a=5=6", "6", False), ("x=5", "y=5", False),
        ("theB", "B", False), ("the B", "B", True), ("B or A", "B", False), ("B", "the B", False), ("b", "B", True),
        ("A|C", "C", True), ("(see C,2)", "(C,2)", True), ("(C,2)", "(see C,2)", False), ("C", "(C)", True),
        ("F", "the F", False), ("-2,1", "1,-2", False), ("1,2", "1,2,3", False), ("52", "52_8", False),
        ("52_8", "52_9", False), ("east", "seat", False), ("", "1", False), ("x", "", False),
    ],
)  # fmt: skip
def test_lenient_compares_what_was_said_with_the_gold(said: str, gold: str, is_right: bool) -> None:
    assert equal(said, gold) is is_right


@pytest.mark.parametrize(
    ("said", "gold", "is_right"),
    [
        (r"\sqrt{8}", r"2\sqrt{2}", True), ("x+1", "1+x", True), ("x+1", "x+2", False), ("2x+z=1", "1", False),
        ("1", "2x+z=1", False), ("x>5", r"(5,\infty)", False), (r"(5,\infty)", "x>5", False), ("3y=x", "x=3y", True),
        (r"90^\cir", "90", False), (r"1\frac{4}{5}", r"\frac{9}{5}", True), (r"3\2\sqrt{2}", "3", False),
        ("4210", "4210_{5}", True), (r"\pi+1", r"1+\pi", True),
    ],
)  # fmt: skip
def test_lenient_asks_for_the_value_of_a_formula(said: str, gold: str, is_right: bool) -> None:
    assert equal(said, gold) is is_right


def test_values_are_plain_numbers_and_fractions_of_them() -> None:
    assert [value_of(text) for text in ("1,200", "5.", "-.5", "50%", r"50\%", "1e3", "1e999", "x", "5%%")] == [
        1200, 5, -0.5, 0.5, 0.5, 1000, None, None, None
    ]  # fmt: skip
    ratios = [
         r"\frac{1}{4}", r"-\frac{1}{4}", r"-\frac{-1}{4}", r"\frac{1}{0}", r"\frac{x}{2}", r"\frac{1.5.2}{2}", "3", 
    ]  # fmt: skip
    assert [ratio_of(text) for text in ratios] == [0.25, -0.25, 0.25, None, None, None, 3]
    assert [opened(part) for part in ("9)\\cup(9", "(9)", "f(x)]", "", ")")] == ["9", "(9)", "f(x)", "", ""]


def test_lenient_reads_an_answer_of_500_characters_and_no_longer_one() -> None:
    for length, is_right in ((500, True), (501, False)):
        gold = "y" * length
        assert LENIENT.judge(f"\\boxed{{{gold}}}", gold) is is_right
        assert (LENIENT.extract(f"\\boxed{{{gold}}}") is not None) is is_right
    assert LENIENT.extract(r"\boxed{−5}") == "-5" and LENIENT.judge(r"\boxed{5}", "−5") is False


@pytest.mark.parametrize("method", ["same_formula", "is_readable"])
def test_lenient_asks_with_the_answer_first_and_the_gold_second(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(lenient, method, lambda said, gold: bool(asked.append((said, gold))))
    assert not equal("x+1", "x+2")
    assert asked == [("(x+1)", "(x+2)") if method == "same_formula" else ("x+1", "x+2")]


def test_a_parser_sees_ten_thousand_characters_and_brackets_thirty_deep() -> None:
    assert (MOST_READ, DEEPEST, MOST_SAID, MOST_NUMBER) == (10_000, 30, 1000, 15)


def test_what_nobody_has_time_for_is_refused_at_its_first_step_too_far() -> None:
    assert not is_refused("9" * 100) and is_refused("9" * 101)
    assert not is_refused("(" * DEEPEST) and is_refused("(" * (DEEPEST + 1)) and is_refused("([{" * 11)
    assert not is_refused("a" * MOST_READ) and is_refused("a" * (MOST_READ + 1))
    assert not is_refused("x^9999") and is_refused("x^10000") and is_refused("(x)^{ 10000") and is_refused("2**-10000")
    assert not is_refused("**18000**") and not is_refused("2^9") and not is_refused("2^9^9") and is_refused("2^9^10")
    assert is_refused("2^10^9") and is_refused("2^2^2^2") and not is_refused("2^2^2^x")
    assert not is_refused("1," * 33 + "1") and is_refused("111," * 34)
    for begin, end in ("()", "[]", "{}"):
        assert depth(begin * 3 + end + begin * 2) == 4 and depth(begin + end * 3 + begin * 2) == 2
    assert [depth(text) for text in ("", "()", "(())", ")))(", "([{}])", "a(b)c(d)")] == [0, 1, 2, 1, 3, 1]


def test_a_plain_number_is_one_that_two_readers_read_alike() -> None:
    read = {
        "1,200": 1200,
        "$5.00": 5,
        "-5": -5,
        "0": 0,
        "1.5": Fraction(3, 2),
        "$-5": -5,
        "1.123456": Fraction(1123456, 10**6),
    }
    assert {text: plain_number(text) for text in read} == read
    assert plain_number("123456789012345") == 123456789012345
    for text in (
        "-$5",
        "1,2",
        "1,20",
        "01",
        "1.1234567",
        "1234567890123456",
        "5.",
        ".5",
        "",
        "x",
        "1,2000",
        "5%",
        "５",
    ):
        assert plain_number(text) is None


def test_signs_are_written_in_one_way_and_hidden_characters_are_blanks() -> None:
    assert cleaned("\u200b3√13 × π − 2½°\x00") == r"3\sqrt{13} \times  \pi  - 2\frac{1}{2}^\circ"
    assert (
        cleaned(r"\left( 10,\!080 \right) \tfrac12 50\% \mathrm{cm} a{,}b") == r"( 10,080 ) \frac12 50% \text{cm} a,b"
    )
    assert cleaned(r"x \leq y \geq z \neq w") == r"x \le y \ge z \ne w"
    assert cleaned(r"1 \\ 2") == r"1 \\ 2"
    assert [closing("{a{b}c}d", 0), closing("{a", 0), closing("{a{b}c}", 2)] == [6, None, 4]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True), ("the answer", True), ("So, the total cost", True), ("number of boys and girls", True),
        ("not", False), ("it isn't", False), ("seventeen", False), ("the two numbers", True), ("at least", False),
        ("the least common multiple", True), ("17", False), ("x + 1", False), ("either", False), ("so " * 12, True),
        ("so " * 13, False), ("Maybe", False), ("up to", False),
    ],
)  # fmt: skip
def test_a_phrase_before_an_answer_denies_and_chooses_nothing(text: str, holds: bool) -> None:
    assert is_phrase(text) is holds


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True), (" dollars", True), ("kg", True), (" kg", True), (" m", True), ("m", True), (" x", False),
        ("x", False), (" k", False), ("apples", True), ("abc", False), (" per day", True), ("/hour", True),
        (r"\text{cm}^2", True), (r"\text{ cm}^{2}", True), (r"^\circ", True), (r"^\circ C", True),
        (" hundred", False), ("hundred", False), (" or so", False), (" halves", False), (" (dollars)", True),
        (" (or 9)", False), (" more than that", False), (" isn't it", False), (" twenty-five", False), (" pi", False),
        (" theta", False), (" sin", False), (" xyz", True), (" xz", False), ("-ish", False), (" a day", True),
        (" ft.", True), (" apples!", False), (" word" * 12, True), (" word" * 13, False), (r"\text{19}", False),
        ("^2", False), (r"\text{cow}", True), ("cow", False), (" cow", True), (" ox", False), (r"^\circ Roe", True),
    ],
)  # fmt: skip
def test_a_unit_behind_a_number_leaves_it_as_it_is(text: str, holds: bool) -> None:
    assert is_unit(text) is holds


def test_a_formula_is_whole_where_nothing_is_cut_off() -> None:
    whole = [
        "x+1", "(1,2]", "|x|", "-1", "+1", "n!", "f'(x)", "50%", r"\frac 5 9", r"1 \frac{4}{5}", "1.5", "{x}",
    ]  # fmt: skip
    assert [text for text in whole if not is_whole(text)] == []
    broken = [
        "x+", "x-", "*x", "/x", "^x", "_x", "=x", ",x", "x,", "(x", "x)", ")x(", "|x", "18'", "5%x", "1 2", "1.2.3",
        "(,1)", "(1,)", "1,,2", r"x\cdot", r"x\times", "x^", "x_", "x=", "{", "1 .5",
    ]  # fmt: skip
    assert [text for text in broken if is_whole(text)] == []


def test_a_formula_says_no_more_than_the_gold() -> None:
    assert parts_of("1,(2,3),{4,5},6") == ["1", "(2,3)", "{4,5}", "6"]
    right = [
        ("x=1", "1"), ("f(x)=1", "1"), (r"\theta_1=1", "1"), ("1,2", "3,4"), ("1,2", "(3,4)"), ("x=1,y=2", "1,2"),
        ("y=x", "y=2x"), ("1,2", r"1\pm2"), ("1,2", r"\{1\}"), ("a=b=c", "a=b=c"),
    ]  # fmt: skip
    assert [pair for pair in right if not has_no_more_parts(*pair)] == []
    wrong = [
         ("1,2", "1"), ("1=2", "2"), ("x=1=1", "1"), ("2x=1", "1"), ("x=1,y=2", "1"), ("a=b=c", "a=b"),
         ("xy+z=1", "1"),
    ]  # fmt: skip
    assert [pair for pair in wrong if has_no_more_parts(*pair)] == []


def test_a_formula_has_no_sign_that_would_be_left_out() -> None:
    known = [
        (r"\frac{1}{2}\pi", "1"), ("xy", "x+y"), ("sin x", "1"), (r"\pm 1", "1,2"), (r"x \in [1,2]", "[1,2]"),
        (r"\foo", r"\foo"), (r"\begin{bmatrix} 1", r"\begin{pmatrix} 2 \end{pmatrix}"), ("abcd", "abcd"),
    ]  # fmt: skip
    assert [pair for pair in known if not has_known_signs(*pair)] == []
    unknown = [
        (r"\not 1", "1"), (r"\cancel{1}", "1"), ("1|2?", "1"), ("but 1", "1"), (r"\pm 1", "1"), (r"x \in [1,2]", "1"),
        ("1<2", "1"), ("١", "1"), (r"1 \\ 2", "1"), ("1&2", "1"), ("abcd", "abc"), ("wxyz", "w+x+y+z"), ("a;b", "a"),
    ]  # fmt: skip
    assert [pair for pair in unknown if has_known_signs(*pair)] == []


def test_a_formula_is_left_without_its_unit_and_a_list_is_one_by_commas() -> None:
    assert formula_in(r"3\sqrt{13} cow") == formula_in(r"3\sqrt{13}\text{ cows}") == r"3\sqrt{13}"
    assert formula_in("2 , 3 ") == formula_in(" 2 and 3") == formula_in("2; 3") == "2,3" and formula_in(" x ") == "x"
    assert formula_in(r"3\sqrt{13} or so") == r"3\sqrt{13},so"


def test_a_base_is_that_of_the_gold_or_is_not_said() -> None:
    assert has_its_base("52", "52_8") and has_its_base("52_8", "52_{8}") and has_its_base("x_1", "x_2")
    assert not has_its_base("52_9", "52_8") and not has_its_base("52_8", "52")


def test_a_formula_is_put_in_brackets_so_that_its_end_is_read() -> None:
    assert [in_brackets(text) for text in ("x+1", "50%", "1,2", "x=1", r"1 \pm 2", r"a \cup b", r"\infty")] == [
        "(x+1)", "(50)%", "1,2", "x=1", r"1 \pm 2", r"a \cup b", r"(\infty)"
    ]  # fmt: skip


def test_an_answer_of_a_thousand_characters_is_read_and_no_longer_one() -> None:
    extract = grader_named("extract")
    for length in (MOST_SAID, MOST_SAID + 1):
        answer = "18 " + "a" * (length - 3)
        assert extract.judge(f"<answer>{answer}</answer>", "18") is (length == MOST_SAID)
        assert extract.judge(f"<answer>{answer.upper()}</answer>", answer.lower()) is (length == MOST_SAID)
        assert extract.judge(f"<answer>{answer}</answer>", answer)


@pytest.mark.parametrize(
    ("text", "keep", "left"),
    [
        ("3\\text{ km}", True, "3 km"),
        ("\\text{a}b\\text{c}", True, "abc"),
        ("1 \\text{two} 3", False, "1  3"),
        ("x\\text{y", True, "x\\text{y"),
    ],
)
def test_a_command_gives_way_to_what_stands_in_its_brackets(text: str, keep: bool, left: str) -> None:
    assert tidy.opened(text, "\\text{", keep=keep) == left
