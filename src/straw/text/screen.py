"""Everything that is printed: lines to the terminal, and rich's tables and colours.

    say("the picture is at runs/a\\x1b[2J")     one line, on stdout; say(..., error=True) on stderr
    tell(HELP)                                  a text of several lines that we wrote ourselves
    Console().print(table)                      rich's, which takes no text for markup, emoji or a command

No other module calls print or makes a console of its own (a test sees to that), so no name in a stranger's folder can
move the cursor, write to the clipboard or colour a line red. Warnings and tracebacks quote such names as well: `guard`.
"""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Iterable
from types import TracebackType
from typing import Any

import rich.console
from rich.segment import Segment
from rich.text import Text

from straw.text.visible import encodable, visible


def say(line: object = "", *, error: bool = False) -> None:
    """One line, whatever stands in it."""
    write(visible(str(line)), error)


def tell(text: object, *, error: bool = False) -> None:
    """A text whose line breaks are our own: help, JSON, a page."""
    write(visible(str(text), lines=True), error)


def write(text: str, error: bool) -> None:
    stream = sys.stderr if error else sys.stdout
    print(encodable(text, getattr(stream, "encoding", None)), file=stream, flush=True)


def shown(text: object, style: str = "") -> Text:
    """A cell or a line for rich, as wide as it will be."""
    return Text(visible(str(text)), style=style)


class Console(rich.console.Console):
    """rich's console. Texts are texts, and what slipped through `shown` is spelled out as it is drawn."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(
        self, renderable: rich.console.RenderableType, options: rich.console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else visible(text, lines=True), style, control)


def guard() -> None:
    """Warnings and tracebacks, which Python prints itself, are shown in the same way."""
    warnings.formatwarning = warned
    sys.excepthook = fallen


def warned(message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None) -> str:
    return f"straw: {visible(str(message))} ({category.__name__}, {visible(filename)}:{lineno})\n"


def fallen(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    tell("".join(traceback.format_exception(kind, error, at)).rstrip("\n"), error=True)
