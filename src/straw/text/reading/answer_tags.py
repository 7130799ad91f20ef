"""What stands between a reply's tags, and how well they are set.

    <reasoning>          last_answer(reply) == "1,200"
    12 * 100 = 1,200     form_of(reply) == {"integer": 1, "strict_format": 1, "soft_format": 1, "xmlcount": 1}
    </reasoning>
    <answer>
    1,200
    </answer>

Every fact lies in [0, 1], and blocks may run over many lines. A newline behind the last tag is welcome and not asked
for, since models end at the tag. Tags are found, never searched for by a pattern that could go back and forth, so a
reply costs time in proportion to its length. Whether the answer is right is for a grader to say.
"""

from __future__ import annotations

import re

REASONING, END_OF_REASONING = "<reasoning>", "</reasoning>"
ANSWER, END_OF_ANSWER = "<answer>", "</answer>"
TAGS = (REASONING, END_OF_REASONING, ANSWER, END_OF_ANSWER)
INTEGER = re.compile(r"[-+−]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)")
PRICE_OF_A_CHARACTER = 0.004  # of xmlcount, behind the last tag: 250 characters cost all of it


def last_answer(reply: str) -> str | None:
    """The text behind the last <answer>, up to </answer> or the end; None without a tag."""
    _, tag, behind = reply.rpartition(ANSWER)
    return behind.partition(END_OF_ANSWER)[0].strip() if tag else None


def form_of(reply: str) -> dict[str, float]:
    """How the reply is written: facts by name, the ones that a reward may pay for."""
    return {
        "integer": float(is_integer(reply)),
        "strict_format": float(is_strict(reply)),
        "soft_format": float(is_soft(reply)),
        "xmlcount": xmlcount(reply),
    }


def is_integer(reply: str) -> bool:
    """Whether the answer is a whole number: -5 and 1,200 are. Without a tag the whole reply is the answer."""
    answer = last_answer(reply)
    return bool(INTEGER.fullmatch(reply.strip() if answer is None else answer))


def is_strict(reply: str) -> bool:
    """Both blocks and nothing else, each tag once and on a line of its own."""
    inside = reply.removesuffix("\n")
    return (
        all(reply.count(tag) == 1 for tag in TAGS)
        and inside.startswith(f"{REASONING}\n")
        and f"\n{END_OF_REASONING}\n{ANSWER}\n" in inside
        and inside.endswith(f"\n{END_OF_ANSWER}")
    )


def is_soft(reply: str) -> bool:
    """It begins with both blocks, on lines of their own or not; what follows does not matter."""
    begin = reply.lstrip()
    rest = begin.partition(END_OF_REASONING)[2].lstrip()
    return begin.startswith(REASONING) and rest.startswith(ANSWER) and END_OF_ANSWER in rest


def xmlcount(reply: str) -> float:
    """A quarter for each tag that stands once, with its line breaks, less a price for what follows the last.

    Example: all four tags and 25 characters behind them: 1 - 25 * 0.004 = 0.9.
    """
    places = (f"{REASONING}\n", f"\n{END_OF_REASONING}\n", f"\n{ANSWER}\n", f"\n{END_OF_ANSWER}")
    share = sum(reply.count(place) == 1 for place in places) / len(places)
    behind = reply.rpartition(END_OF_ANSWER)[2] if END_OF_ANSWER in reply else ""
    return max(0.0, share - PRICE_OF_A_CHARACTER * len(behind.removeprefix("\n")))
