"""A lesson of the warm-up for environments: numbers that are read are said again, with no game around them.

    user higher 23-08-61      assistant say(61)        what a world said, its digits drawn anew
    user 47                   assistant say(47)        one number of it alone

In episodes a model from nothing learns by heart which numbers follow which, and in a long conversation it has to look
for the last of many. Here nothing can be known but by reading. What a number is good for is not said: which of them
is repeated is drawn at random.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from straw.tasks.environments.moves import NUMBER, Schema, random_call
from straw.text.chat.chat import Chat
from straw.text.tools.calls import Form
from straw.types import Datum, Message


def with_other_digits(text: str, random: Random) -> str:
    """Every number by one with as many digits, which does not begin with 0."""

    def other(found: re.Match[str]) -> str:
        return random.choice("123456789") + "".join(random.choices("0123456789", k=len(found[0]) - 1))

    return NUMBER.sub(other, text)


def rows(
    chat: Chat, form: Form, schemas: Sequence[Schema], heard: Sequence[str], alone: float, random: Random, count: int
) -> list[Datum]:
    """`heard`: what worlds said, some of it with a number in it; `alone`: the share of rows with one number only."""
    texts = [text for text in heard if NUMBER.search(text)]
    return [row(chat, form, schemas, random.choice(texts), alone, random) for _ in range(count)]


def share_alone(step: int, steps: int) -> float:
    """All at first, and none from `steps` on: where several numbers stand, to look at one is learned late."""
    return min(1.0, max(0.0, 2 * (steps - step) / steps))


def row(chat: Chat, form: Form, schemas: Sequence[Schema], text: str, alone: float, random: Random) -> Datum:
    said = with_other_digits(text, random)
    if random.random() < alone:
        said = random.choice(NUMBER.findall(said))
    tokens = chat.encode_reply(form.write(random_call(schemas, random, said)))
    return Datum(prompt=chat.opening([Message("user", said)]), tokens=tokens, weights=(1.0,) * len(tokens))
