"""What a request came to, in the form it is kept and sent in."""

from __future__ import annotations

import json
from typing import Any

from straw.errors import StrawError
from straw.server.keeping.rows import Outcome

LONGEST = 1000  # characters of what went wrong


def answer(**values: Any) -> Outcome:
    return Outcome("json", json.dumps(values).encode())


def failed(what: str, category: str) -> Outcome:
    """An error that the client hands to its caller and does not retry. `category` is user or server."""
    return Outcome("error", json.dumps({"error": what[:LONGEST], "category": category}).encode())


def failed_by(error: BaseException) -> Outcome:
    """The asker's fault is told in its own words; anything else is the server's."""
    first = (str(error) or type(error).__name__).partition("\n")[0]
    if isinstance(error, StrawError):
        return failed(first, "user")
    return failed(f"{type(error).__name__}: {first}", "server")
