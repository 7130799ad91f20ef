"""Replies to digit problems as models write them: frames around a number, with what a person reads in them.

    frame                                   number      reply                            read
    "{steps}So it is {n}."                  28          "1 + 2 = 3\\nSo it is 28."       28, without a tag

`{n}` is the number, `{n:,}` the same with thousands marked, and `{steps}` a way to it with sums that are no answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

STEPS = "12: 1 + 2 = 3\n7: 7\n"
NUMBERS = (
    3, 7, 10, 18, 28, 33, 41, 57, 72, 96, 108, 277, 2537, 30845, 54321, 100001, 654321, 999999, 7654321, 9563216,
)  # fmt: skip

TAGGED = (
    "[ANSWER] {n}",
    "{steps}[ANSWER] {n}",
    "{steps}[ANSWER]: {n}",
    "{steps}[ANSWER] {n}.",
    "{steps}**[ANSWER]** {n}",
    "{steps}**[ANSWER] {n}**",
    "{steps}[ANSWER] **{n}**",
    "{steps}**[ANSWER]:** {n}",
    "{steps}[ANSWER] [{n}]",
    "{steps}[ANSWER] <{n}>",
    "{steps}[ANSWER] ({n})",
    "{steps}[ANSWER] ${n}$",
    "{steps}[ANSWER] $\\boxed{{{n}}}$",
    "{steps}[ANSWER] = {n}",
    "{steps}[ANSWER] is {n}",
    "{steps}[ANSWER] `{n}`",
    "{steps}[ANSWER] - {n}",
    "{steps}[ANSWER]\n\n{n}",
    "{steps}`[ANSWER] {n}`",
    "{steps}```\n[ANSWER] {n}\n```",
    "{steps}### [ANSWER] {n}",
    "{steps}\\[ANSWER\\] {n}",
    "{steps}[ANSWER: {n}]",
    "{steps}[ANSWER]{n}[/ANSWER]",
    "{steps}[ANSWER] {n:,}",
    "{steps}[ANSWER] 00{n}",
    "{steps}[ANSWER] {n}.0",
    "{steps}[ANSWER] The answer is {n}.",
    "{steps}[ANSWER] 1 + 2 + 4 = {n}",
    "{steps}[ANSWER] {n} = 1 + 2 + 4",
    "{steps}[ANSWER] {n} (12 has a sum of 3)",
    "[ANSWER] {n}\n\nIndeed: {steps}",
    "[ANSWER] 5\nNo, that is wrong.\n{steps}[ANSWER] {n}",
    "[ANSWER] {n}, since 1 + 2 = 3",
    "{steps}[ANSWER] 12 reversed is {n}",
    "{steps}[ANSWER] The digit sum of [12, 7] is {n}, for 2 numbers.",
    "{steps}[ANSWER] [12, 7] → {n}",
    "{steps}[ANSWER] <b>{n}</b>",
    "My answer will look like [ANSWER] <number>.\n{steps}[ANSWER] {n}",
)
CALLED = (
    "{steps}The answer is {n}",
    "{steps}The answer is **{n}**.",
    "{steps}The answer is: {n}",
    "{steps}**Answer:** {n}",
    "{steps}Answer: ${n}$",
    "{steps}Answer = {n}",
    "{steps}### Answer\n\n{n}",
    "{steps}The final answer is $\\boxed{{{n}}}$.",
    "{steps}So the answer would be {n}, which took 2 steps.",
    "{steps}<answer>{n}</answer>",
    '{{"answer": {n}, "steps": 2}}',
    "The answer is {n}, for 1 + 2 = 3 and 3 + 7 = 10.",
    "Answer: {n}\n\n{steps}",
    "{steps}{n} is the answer, as 3 and 7 tell.",
    "{steps}The answer is 1 + 2 + 4 = {n}.",
    "{steps}the answer is {n:,}",
    "{steps}The answer to [12, 7] is {n}. That took 2 steps.",
    "{steps}**Final answer**\n\n{n}\n\nI added 3 and 7.",
)
LAST = (
    "{n}",
    "{n}.",
    "{n:,}",
    "**{n}**",
    "{steps}**{n}**",
    "{steps}\\boxed{{{n}}}",
    "{steps}\\[ 3 + 7 = {n} \\]",
    "{steps}$3 + 7 = \\mathbf{{{n}}}$",
    "{steps}So it is {n}",
    "{steps}So it is {n}.",
    "{steps}3 + 7 = {n}.",
    "{steps}3 + 7 = **{n}**",
    "{steps}1 + 2 + 7 = 3 + 7 = {n}",
    "{steps}The total digit sum is {n} (3 + 7).",
    "{steps}In all that makes {n} for the 2 numbers.",
    "{steps}{n} is the digit sum of [12, 7].",
    "{steps}We get {n}, not 5.",
    "277-{n}",
    "{steps}12-{n}",
    "{steps}# {n}",
    "{steps}```\n{n}\n```",
    "{steps}Total: ${n}$",
    "{steps}It is {n:_}",
    "Let me work out the answer:\n{steps}It is {n}",
    "{steps}{n} = 3 + 7",
    "{steps}{n}, because 3 + 7 = 10",
    "{steps}The digit sums are 7 and {n}",
    "{steps}7 + {n}",
    "{steps}{n} is the reverse of 12.",
    "{steps}<h2>{n}</h2>",
)


class Odd(NamedTuple):
    """A reply, and what is to be read in it."""

    frame: str
    reply: str
    number: int
    has_tag: bool


def odd_replies() -> Iterator[Odd]:
    """Every frame around every number."""
    for frames, has_tag in ((TAGGED, True), (CALLED, False), (LAST, False)):
        for frame in frames:
            for number in NUMBERS:
                yield Odd(frame, frame.format(n=number, steps=STEPS), number, has_tag)
