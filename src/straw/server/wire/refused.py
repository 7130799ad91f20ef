"""A request that cannot be answered, and why: one line with the rule, the value and the way out."""

from __future__ import annotations

from straw.errors import StrawError
from straw.text.shown.visible import visible

LONGEST = 400  # characters of what is said


class BadRequest(StrawError):
    """400: it cannot be read or means nothing; 413: too much of something; 404 and the like: the server's own rooms.

    Never 409 nor 5xx, which clients take for "try again".
    """

    def __init__(self, detail: str, status: int = 400) -> None:
        self.status, self.detail = status, visible(detail)[:LONGEST]
        super().__init__(self.detail)


def quoted(value: object, longest: int = 60) -> str:
    """A value of somebody else's, short and in quotes, for such a line."""
    if isinstance(value, list | dict | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, int) and value.bit_length() > 200:
        return "a number of more than 60 digits"
    text = repr(value[: longest + 1] if isinstance(value, str | bytes) else value)
    return text if len(text) <= longest else text[:longest] + "..."
