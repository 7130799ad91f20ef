"""Whatever is sent to the page, with every text as one that can be shown.

    shown({"name": "a\\x1b[2J"})     ->  {"name": "a\\\\u001b[2J"}

Prompts and replies keep the ends of their lines; in a token, a name or a value they are spelled out.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from straw.text.shown.visible import visible

OF_LINES = ("prompt", "replies", "note")


def shown(value: Any, *, lines: bool = False) -> Any:
    if isinstance(value, str):
        return visible(value, lines=lines)
    if isinstance(value, dict):
        return {visible(str(name)): shown(one, lines=name in OF_LINES) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [shown(one, lines=lines) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value
