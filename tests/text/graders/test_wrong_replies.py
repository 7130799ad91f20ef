"""Replies that differ from a gold answer by one small change, judged beside outside graders: see `wrong_replies`.

extract is held against math-verify 0.9.0 and lenient against Qwen2.5-Math a45202b, both on boxed replies; what they
said was written down by `record_verdicts`. A tag is not theirs, so it has rules apart: it passes nothing that
math-verify fails, and gives no marks for another base of a number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

import pytest
from tests.text.graders.record_verdicts import DATA, OURS, THEIRS, boxed, hashed, math500
from tests.text.graders.wrong_replies import GOLDS, wrong_replies

from straw.text.graders import grader_named, tagged

Asked = tuple[str, str, str]  # gold, kind, reply
EXTRACT, LENIENT = grader_named("extract"), grader_named("lenient")
QWENS_OWN: dict[str, Callable[[str, str], bool]] = {  # what it passes and we do not, and why
    "reads a list up to its first comma": lambda gold, reply: re.fullmatch(r"-?[0-9]+,-?[0-9]+", gold) is not None,
    "takes q and any sign behind it for the unit 'q .'": lambda gold, reply: re.match(r"q [-+] ", gold) is not None,
    "reads a product of brackets as a list of one entry, up to its first bracket": lambda gold, reply: (
        re.fullmatch(r"\(.*\)\(.*\)", gold) is not None
    ),
    "reads 52_8 as Python does, as 528": lambda gold, reply: re.search(r"[0-9]_[0-9]$", gold) is not None,
    "stops at a bracket, and reads nothing joined behind it": lambda gold, reply: (
        "\\cup" in gold and reply.startswith(gold)
    ),
    "leaves out the whole of a mixed number": lambda gold, reply: re.match(r"[0-9]+\\frac", gold) is not None,
}  # fmt: skip


def asked(golds: Iterable[str]) -> list[Asked]:
    return [(gold, kind, reply) for gold in dict.fromkeys(golds) for kind, reply in wrong_replies(gold)]


def recorded(grader: str) -> set[tuple[str, str]]:
    return {(gold, reply) for gold, reply in json.loads(OURS.read_text())[grader]}


def differing(replies: list[Asked], is_right: Callable[[str, str], bool], passed: set[tuple[str, str]]) -> list[Asked]:
    return [one for one in replies if is_right(one[2], one[0]) != ((one[0], one[2]) in passed)]


def extract_in_a_box(reply: str, gold: str) -> bool:
    return EXTRACT.judge(boxed(reply), gold)


def extract_in_a_tag(reply: str, gold: str) -> bool:
    return EXTRACT.judge(tagged(reply), gold)


def lenient_in_a_box(reply: str, gold: str) -> bool:
    return LENIENT.judge(boxed(reply), gold)


def is_explained(gold: str, reply: str) -> bool:
    return any(holds(gold, reply) for holds in QWENS_OWN.values())


def test_every_gold_of_ours_earns_full_marks_however_it_is_given_back() -> None:
    for gold in GOLDS[::9]:
        check_gold(gold)


@pytest.mark.slow
def test_every_other_gold_of_ours_does_too() -> None:
    for gold in GOLDS:
        check_gold(gold)


def check_gold(gold: str) -> None:
    assert EXTRACT.judge(gold, gold), gold
    assert EXTRACT.judge(f"The answer is {gold}.", gold), gold
    assert extract_in_a_box(gold, gold), gold
    assert extract_in_a_tag(gold, gold), gold
    assert lenient_in_a_box(gold, gold), gold


def test_the_replies_are_those_that_the_verdicts_are_about() -> None:
    replies = asked(GOLDS)
    assert len(replies) == 516 and len({(gold, reply) for gold, _, reply in replies}) == 516
    for grader in ("math_verify", "qwen"):
        assert recorded(grader) <= {(gold, reply) for gold, _, reply in replies}
        assert not any(gold == reply for gold, reply in recorded(grader))


def test_a_number_that_stands_in_a_gold_is_no_answer_unless_the_outside_grader_says_so() -> None:
    numbers = [one for one in asked(GOLDS) if one[1] == "numbers"]
    assert len(numbers) == 101
    for is_right in (extract_in_a_tag, extract_in_a_box, EXTRACT.judge):
        assert differing(numbers[::8], is_right, recorded("math_verify")) == []
    others = differing(numbers[::2], lenient_in_a_box, recorded("qwen"))
    assert [one for one in others if not is_explained(one[0], one[2])] == []


def test_a_sample_of_small_changes_is_judged_as_outside() -> None:
    sample = [one for one in asked(GOLDS) if one[1] != "numbers"][::25]
    assert differing(sample, extract_in_a_box, recorded("math_verify")) == []
    others = differing(sample, extract_in_a_tag, recorded("math_verify"))
    assert [one for one in others if (one[0], one[2]) not in recorded("math_verify")] == []
    others = differing(sample, lenient_in_a_box, recorded("qwen"))
    assert [one for one in others if not is_explained(one[0], one[2])] == []


@pytest.mark.slow
def test_every_small_change_to_golds_of_ours_is_judged_as_outside() -> None:
    check(asked(GOLDS), recorded("math_verify"), recorded("qwen"), most=0.02)  # five of ten about one of 60 golds


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_file(), reason="the data of MATH-500 is not here")
def test_every_small_change_to_golds_of_math_500_is_judged_as_outside() -> None:
    replies, hashes = asked(math500()), json.loads(THEIRS.read_text())
    passed = {
        grader: {(gold, reply) for gold, _, reply in replies if hashed(gold, reply) in set(hashes[grader])}
        for grader in ("math_verify", "qwen")
    }
    assert all(len(passed[grader]) == len(hashes[grader]) > 50 for grader in passed)
    check(replies, passed["math_verify"], passed["qwen"], most=0.01)


def check(
    replies: list[Asked], by_math_verify: set[tuple[str, str]], by_qwen: set[tuple[str, str]], most: float
) -> None:
    assert differing(replies, extract_in_a_box, by_math_verify) == []
    others = differing(replies, extract_in_a_tag, by_math_verify)
    assert len(others) < 0.01 * len(replies)
    assert all(
        (gold, reply) in by_math_verify and re.search(r"_\{?[0-9]|\}\^[0-9]", reply) for gold, _, reply in others
    )
    others = differing(replies, lenient_in_a_box, by_qwen)
    assert len(others) < most * len(replies)
    assert [one for one in others if (one[0], one[2]) not in by_qwen or not is_explained(one[0], one[2])] == []
