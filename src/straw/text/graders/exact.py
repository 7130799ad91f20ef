"""Exact: the characters in the last answer tag are those of the gold answer.

    <answer>\\n18\\n</answer>    18      right
    <answer>$18</answer>       18      wrong, as are 18. and 18.0 and 1200 for a gold 1,200

Blanks around both do not count. Without a tag the whole reply is the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from straw.text.reading.answer_tags import ANSWER, END_OF_ANSWER


@dataclass(frozen=True, slots=True)
class Exact:
    """What the study's trainer pays for and calls medium."""

    name: str = "exact"

    def extract(self, reply: str) -> str | None:
        return reply.rpartition(ANSWER)[2].partition(END_OF_ANSWER)[0].strip() or None

    def judge(self, reply: str, gold: str) -> bool:
        said = self.extract(reply)
        return said is not None and said == gold.strip()
