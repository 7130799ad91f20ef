"""Text for pages: lines of at most 120 characters, and nothing that Markdown would take for markup."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

WIDTH = 120
MADE = "<!-- Made by `python docs/generate.py` from {source}. Edit that, not this page. -->"


def wrapped(text: str, indent: str = "") -> str:
    """One paragraph; code spans and links stay whole."""
    return textwrap.fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def code(text: str) -> str:
    return f"`{text}`"


def listed(names: Iterable[str]) -> str:
    """`a`, `b`, `c`"""
    return ", ".join(map(code, names))


def plain_words(text: str) -> str:
    """Text of a docstring or of a help line, as Markdown that shows it as it is."""
    return re.sub(r"([*<|\[\]])", r"\\\1", text)


def page(title: str, source: str, *parts: str) -> str:
    return "\n\n".join((f"# {title}", MADE.format(source=source), *parts)) + "\n"
