"""Problems of your own for countdown: a function that returns an expression, whose value becomes the target.

    straw train countdown countdown_generator=examples/my_generator.py:sums numbers=3 max_target=30

`draw` knows the page: draw.numbers(random) draws as many numbers as it asks for, from its range.
"""

from random import Random
from typing import Any


def sums(random: Random, draw: Any) -> str | None:
    """Sums that end in 0; anything else is drawn again."""
    numbers = draw.numbers(random)
    return " + ".join(map(str, numbers)) if sum(numbers) % 10 == 0 else None
