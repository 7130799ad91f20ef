"""A reward that knows no answer: what share of the other replies to a question ends with the same number.

    reward_weights=correctness=0,soft_format=0.5,benchmarks/memory_agreement.py:agreement=1

For setting c of `memory_test.py`. A reply without a number agrees with nobody.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def agreement(prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> list[float]:
    said = [last_number(text_of(completion)) for completion in completions]
    asked = [str(prompt) for prompt in prompts]
    return [share(place, asked, said) for place in range(len(said))]


def share(place: int, asked: Sequence[str], said: Sequence[str | None]) -> float:
    others = [said[other] for other in range(len(said)) if other != place and asked[other] == asked[place]]
    if said[place] is None or not others:
        return 0.0
    return others.count(said[place]) / len(others)


def last_number(text: str) -> str | None:
    found = NUMBER.findall(text.replace(",", ""))
    return str(float(found[-1])) if found else None


def text_of(completion: Any) -> str:
    return completion if isinstance(completion, str) else "\n".join(str(one["content"]) for one in completion)
