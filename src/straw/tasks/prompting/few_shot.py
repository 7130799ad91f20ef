r"""Worked examples that a prompt may show, written for straw and in no data set.

    num_shots=2   ->   question, reply, question, reply, and then the problem

They are plain on purpose: what they show is the form of a reply. A test works each one out again.
"""

from __future__ import annotations

from typing import NamedTuple

from straw.errors import ConfigError


class Shot(NamedTuple):
    question: str
    solution: str
    gold: str


WORD_PROBLEMS = (
    Shot(
        "A baker fills 6 trays with 8 rolls each and sells 30 of the rolls. How many rolls are left?",
        "The baker has 6 * 8 = 48 rolls.\nAfter the sale 48 - 30 = 18 rolls are left.",
        "18",
    ),
    Shot(
        "Mira reads 12 pages a day. Her book has 180 pages, and she has read for 9 days. How many days does she still "
        "need?",
        "In 9 days she has read 9 * 12 = 108 pages.\nThere are 180 - 108 = 72 pages left.\n"
        "She needs 72 / 12 = 6 more days.",
        "6",
    ),
    Shot(
        "A bus ticket costs $3 and a day pass costs $10. Tom takes 5 rides in a day. How many dollars does he save "
        "with the day pass?",
        "Single tickets cost 5 * 3 = 15 dollars.\nWith the day pass he saves 15 - 10 = 5 dollars.",
        "5",
    ),
    Shot(
        "A garden has 4 rows of 15 tulips. A fifth of all the tulips are red. How many tulips are not red?",
        "There are 4 * 15 = 60 tulips.\nOf these 60 / 5 = 12 are red.\nSo 60 - 12 = 48 are not red.",
        "48",
    ),
    Shot(
        "A tank holds 240 litres. One pipe fills it with 9 litres a minute, another empties it of 3 litres a minute. "
        "How many minutes does it take to fill the empty tank with both open?",
        "Each minute 9 - 3 = 6 litres stay in the tank.\nIt takes 240 / 6 = 40 minutes.",
        "40",
    ),
    Shot(
        "Lena is 7 years older than Jo. Together they are 31 years old. How old is Lena?",
        "Twice the age of Jo is 31 - 7 = 24.\nJo is 24 / 2 = 12 years old.\nLena is 12 + 7 = 19 years old.",
        "19",
    ),
    Shot(
        "A shirt for $40 gets 25% cheaper. Ana buys 3 of them. How many dollars does she pay?",
        "One shirt gets 40 * 25 / 100 = 10 dollars cheaper.\nIt then costs 40 - 10 = 30 dollars.\n"
        "She pays 3 * 30 = 90 dollars.",
        "90",
    ),
    Shot(
        "A train goes 80 kilometres an hour for 2 hours and then 60 kilometres an hour for 3 hours. How many "
        "kilometres does it go?",
        "First it goes 80 * 2 = 160 kilometres.\nThen it goes 60 * 3 = 180 kilometres.\n"
        "That is 160 + 180 = 340 kilometres.",
        "340",
    ),
)

MATHEMATICS = (
    Shot(
        "What is the sum of the solutions of $x^2 - 7x + 10 = 0$?",
        "The left side is $(x - 2)(x - 5)$, so the solutions are $2$ and $5$.\nTheir sum is $2 + 5 = 7$.",
        "7",
    ),
    Shot(
        "Write $\\frac{18}{24}$ in lowest terms.",
        "The greatest common divisor of $18$ and $24$ is $6$.\nSo $\\frac{18}{24} = \\frac{3}{4}$.",
        "\\frac{3}{4}",
    ),
    Shot(
        "A right triangle has legs of length $5$ and $12$. How long is its hypotenuse?",
        "By Pythagoras its square is $5^2 + 12^2 = 169$.\nSo the hypotenuse has length $13$.",
        "13",
    ),
    Shot(
        "How many positive divisors does $72$ have?",
        "$72 = 2^3 \\cdot 3^2$.\nSo it has $(3 + 1)(2 + 1) = 12$ divisors.",
        "12",
    ),
)

CHOICES = (
    Shot(
        "Which of these numbers is prime?\nA. 21\nB. 27\nC. 29\nD. 33",
        "21, 27 and 33 are multiples of 3, and 29 has no divisor but 1 and itself.",
        "C",
    ),
    Shot(
        "Water freezes at which temperature under normal pressure?\nA. 0 degrees Celsius\nB. 10 degrees Celsius\n"
        "C. 32 degrees Celsius\nD. 100 degrees Celsius",
        "At normal pressure ice and water are in balance at 0 degrees Celsius.",
        "A",
    ),
    Shot(
        "A list is sorted. How many comparisons does binary search need at most to find one of 15 entries?\n"
        "A. 2\nB. 4\nC. 8\nD. 15",
        "Each comparison leaves at most half: 15, 7, 3, 1. That is 4 comparisons.",
        "B",
    ),
    Shot(
        "Which part of a cell holds most of its genetic material?\nA. the membrane\nB. the ribosome\n"
        "C. the cytoplasm\nD. the nucleus",
        "In cells that have one, the chromosomes lie in the nucleus.",
        "D",
    ),
)


def first(shots: tuple[Shot, ...], count: int) -> tuple[Shot, ...]:
    if count > len(shots):
        raise ConfigError(
            f"this task has {len(shots)} worked examples to show; got num_shots={count}. "
            f"Write num_shots={len(shots)} or less."
        )
    return shots[:count]
