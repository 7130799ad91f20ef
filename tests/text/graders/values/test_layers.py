"""What is put around an answer, layer by layer."""

from __future__ import annotations

import pytest

from straw.text.graders.values.layers import (
    closing,
    innermost,
    layers,
    unboxed,
    without_a_mark,
    without_a_phrase,
    without_dollars,
)


def test_twelve_layers_are_taken_off_and_no_thirteenth() -> None:
    assert innermost("{" * 12 + "18" + "}" * 12) == "18"
    assert innermost("{" * 13 + "18" + "}" * 13) == "{18}"


def test_a_phrase_is_a_layer_unless_it_is_said_to_be_none() -> None:
    assert list(layers("The answer is 18")) == ["The answer is 18", "18"] and innermost("The answer is 18") == "18"
    assert list(layers("It is 18", has_phrase=False)) == ["It is 18"] == [innermost("It is 18", has_phrase=False)]


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("18 .", "18"), ("18..", None), ("18...", None), (".", ""), ("#### 18", "18"), ("# 18 #", "18 #"),
        ("** 18 **", "18"), ("__18__", "18"), ("*18*", "18"), ("`18`", "18"), ('"18"', "18"), ("'18'", "18"),
        ("“18”", "18"), ("$$ 18 $$", "18"), ("$18$", "18"), (r"\(18\)", "18"), (r"\[ 18 \]", "18"), ('""', ""),
        ('"', None), ("*", None), ("'", None), ('"a" or "b"', None), ("*a* or *b*", None), (r"\(a\) or \(b\)", None),
        (r"$18\$", None), ("{ 18 }", "18"), (r"\boxed{ 18 }", "18"), (r"\text{18}", "18"), ("{1}{8}", None),
        ("{1}8}", None), ("{18", None), ("so **18** it is", "so 18 it is"), ("2**3**4", None), ("18", None),
        ("it is $18$ then", "it is 18 then"), ("$18", None), ("18$", None),
    ],
)  # fmt: skip
def test_a_mark_is_a_full_stop_or_what_stands_at_both_ends(text: str, inside: str | None) -> None:
    assert without_a_mark(text) == inside


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("it is $x$ now", "it is x now"), ("$ x $", "x"), (r"\$5 and $x$", r"\$5 and x"), (r"a \$5 or \$6", None),
        (r"$x$ and \$5", r"x and \$5"), ("it is $5", None), ("$x$ and $y$", None), ("$1 $2 $3", None), ("x", None),
    ],
)  # fmt: skip
def test_two_dollars_are_a_formula_and_those_of_money_are_none(text: str, plain: str | None) -> None:
    assert without_dollars(text) == plain


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        (r"so \boxed{ 18 }", "18"), (r"So it is: $\boxed{18}$.", "18"), (r"\fbox{18} apples", "18"),
        (r"\boxed {\frac{1}{2}}", r"\frac{1}{2}"), (r"so \boxed{18", None), (r"\boxed{17} \boxed{18}", None),
        (r"not \boxed{18}", None), (r"\boxed{18} 17", None), ("18", None), (r"so \boxed{}", ""),
    ],
)  # fmt: skip
def test_the_only_box_may_have_harmless_words_around_it(text: str, inside: str | None) -> None:
    assert unboxed(text) == inside


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("The answer is 18", "18"), ("The answer is", None), ("Answer:", None), ("Answer: 18", "18"), ("= 18", "18"),
        ("total = 18", "18"), ("y = 2x", None), ("f(x) = 2x", None), ("y is 2x", "2x"), ("(a) is 18", None),
        ("a ($) is 18", "18"), ("It's 18", "18"), ("not 5 is 18", None), ("the least sum is 18", "18"),
        ("at least: 18", None), ("18", None),
    ],
)  # fmt: skip
def test_a_phrase_is_words_and_a_name_of_a_formula_is_none(text: str, rest: str | None) -> None:
    assert without_a_phrase(text) == rest


def test_a_bracket_is_closed_by_its_own() -> None:
    assert [closing("a{b{c}}d", 1), closing("a{b{c}}d", 3), closing("{{}", 0), closing("{}", 0)] == [6, 5, None, 1]
