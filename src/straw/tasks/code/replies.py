"""How a program is asked for, and the program in a reply.

```python
print(int(input()) * 2)        the last block of code is the program; without any, the whole reply is
```
"""

from __future__ import annotations

import re
from typing import NamedTuple

from straw.tasks.code.exercises import Exercise

BLOCK = re.compile(
    r"```[ \t]*+(?:python3?|py)?[ \t]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE | re.IGNORECASE
)
SCRIPT = "Write a Python program that reads its input from standard input and prints its answer."
FUNCTION = "Write the Python function `{}`."
STARTER = "Begin with this code:\n\n```python\n{}\n```"
ASK = "Answer with the whole program in one block of code:\n\n```python\n...\n```"


class Written(NamedTuple):
    """A program, and whether it stood in a block."""

    program: str
    in_block: bool


def written_in(reply: str, exercise: Exercise) -> Written:
    blocks = BLOCK.findall(reply)
    program = blocks[-1] if blocks else reply
    if exercise.begins and exercise.function and not defines(program, exercise.function):
        program = exercise.begins + program
    return Written(program, bool(blocks))


def defines(program: str, function: str) -> bool:
    return (
        re.search(rf"^(?:async +)?(?:def|class) +{re.escape(function)}\b|^{re.escape(function)} *=", program, re.M)
        is not None
    )


def in_a_block(program: str) -> str:
    return f"```python\n{program.strip(chr(10))}\n```"


def asked(exercise: Exercise, *, is_short: bool) -> str:
    """What the model reads; the short prompt is the problem's own text and nothing else."""
    if is_short:
        return exercise.text
    if exercise.starter:
        form = STARTER.format(exercise.starter.strip("\n"))
    elif exercise.begins or (exercise.asserts and not exercise.function):
        form = ""  # the text says it: asserts call whatever it asks for
    else:
        form = FUNCTION.format(exercise.function) if exercise.function else SCRIPT
    return "\n\n".join(part for part in (exercise.text, form, exercise.shown, ASK) if part)
