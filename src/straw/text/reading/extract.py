r"""What number a free reply answers with, read generously, by a chain of three.

    1  [ANSWER] <number>          the last tag that has one; only this is well formed
    2  the answer is <number>     the last that is called the answer, or is boxed
    3  a number                   the last in the text that is not said in passing (`asides`)

    "1 + 2 = 3\n**[ANSWER]**: $28$"          ->  Answer(28, has_tag=True)
    "1 + 2 = 3, so the answer is **28**"     ->  Answer(28, has_tag=False)
    "1 + 2 = 3 and 3 + 25 = 28."             ->  Answer(28, has_tag=False)

What dresses a number (colons, bold, brackets, dollars, LaTeX, "is") is looked through, and an equation says what it
comes to (`equation`). A sum on the way is no answer: "= <number>" counts where it ends the text, as the last number.
How a number is spelled is told in `spelled_number`; `text.reading.parse` is the strict reader.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from straw.text.reading.asides import LIST, last_number
from straw.text.reading.equation import LATEX, result_of
from straw.text.reading.spelled_number import EXPECTED_NUMBER, NUMBER, whole

HTML = r"</?[A-Za-z][^<>\n]{0,40}>"
WORDS = (
    r"(?<![A-Za-z])(?:is|be|was|equals?(?:\s+to)?|would|should|must|will|therefore|thus|then|hence|simply|just|exactly"
    r"|indeed|becomes|comes\s+(?:out\s+)?(?:to|as)|given\s+by|a\s+total\s+of|the\s+number)(?![A-Za-z])"
)
SIGNS = r"[^\w.,;?\\−-]|_|\.{2,}|\\[()\[\]{}$*_ ,;!]|[-−](?![0-9])"  # behind a full stop another sentence begins
DRESS = rf"(?P<dress>(?:{HTML}|{LIST}|{SIGNS}|{LATEX}|{WORDS}){{0,60}}+)"
DRESSED = rf"{DRESS}{EXPECTED_NUMBER}"

CLOSED = r"(?=[ *_`\"\\]*+[\]】]|[ :=][^\[\]\n]{1,40}[\]】])"  # [ANSWER], and [ANSWER: 28] as well
TAG = re.compile(rf"[\[【][ *_`\"]*+(?:FINAL )?ANSWER{CLOSED}")
BEHIND_TAG = re.compile(DRESSED, re.IGNORECASE)
SAID = re.compile(rf"(?:\b(?:is|equals|makes|gives)\b|:){DRESSED}", re.IGNORECASE)  # the digit sum of [12, 7] is 10

SOUGHT = "".join(
    rf"(?<!\b{verb} the )" for verb in ("find", "get", "out", "reach", "compute", "calculate", "determine")
)
CALLED = (
    rf"(?<![/\w]){SOUGHT}(?:ans(?:wers?)?|final\s+(?:result|sum|total|number|value|solution))(?:['’]s)?(?![A-Za-z])"
)
ASKED = r"\s+to (?:the|this|your) question\b[^\n?]{0,80}\?[\"'”’]*"
QUESTION = r"\s+(?:to|for|of)\b(?:[^\n.;:,=\[]|\[[^\]\n]{0,40}\]){0,40}?(?=\s(?:is|equals|would|should)\b)"
STATED = (
    re.compile(rf"{CALLED}(?:{ASKED}|{QUESTION})?{DRESSED}", re.IGNORECASE),
    re.compile(rf"\\f?box(?:ed)?\s*+\{{{DRESSED}", re.IGNORECASE),
    re.compile(rf"(?<![0-9]){NUMBER}(?P<dress>[\s*_`$)}}\]\"']{{1,8}}is (?:the|my|our) (?:\w+ )?answer)\b"),
)
ALONE = re.compile(r"[ \t.*_`$)}\]\"'!>|\\]*+(?=\n|\Z|</)")


class Answer(NamedTuple):
    """What was read: None where there is no whole number."""

    number: int | None
    has_tag: bool


def extract_answer(text: str) -> Answer:
    """The number that the first step of the chain finds; a later step is asked only when it finds none."""
    for behind in reversed(TAG.split(text)[1:]):
        if found := tagged(behind):
            return Answer(whole(found), has_tag=True)
    found = stated(text) or last_number(text)
    return Answer(whole(found) if found else None, has_tag=False)


def tagged(behind: str) -> re.Match[str] | None:
    """The answer of one tag, from the text behind it: at once, or in the sentence that it begins."""
    if found := BEHIND_TAG.match(behind):
        return result_of(found, behind)
    sentence, _, rest = behind.partition("\n")
    if sentence.rstrip(" \t*_").endswith(":"):
        sentence += rest.partition("\n")[0]
    said = list(SAID.finditer(sentence))
    return result_of(said[-1], sentence) if said else last_number(sentence)


def stated(text: str) -> re.Match[str] | None:
    """The last number that is called the answer."""
    found = [match for pattern in STATED for match in pattern.finditer(text) if is_statement(match, text)]
    return result_of(max(found, key=lambda match: match.start("digits")), text) if found else None


def is_statement(found: re.Match[str], text: str) -> bool:
    """Not "to answer 3 questions"; and on a line of its own nothing stands but the answer."""
    if "\n" in found["dress"]:
        return bool(ALONE.match(text, result_of(found, text).end()))
    return bool(found["dress"].strip())
