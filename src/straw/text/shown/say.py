"""What is printed line by line; tables and colours are for `screen`.

    say("the picture is at runs/a\x1b[2J")     one line, on stdout; say(..., error=True) on stderr
    say_lines(HELP)                                  a text of several lines that we wrote ourselves

No other module calls print or makes a console of its own (a test sees to that), so no name in a stranger's folder can
move the cursor, write to the clipboard or forge a line. Warnings and tracebacks quote such names as well: `guard`.
"""

from __future__ import annotations

import sys
import traceback
import warnings
from types import TracebackType

from straw.text.shown.visible import encodable, visible


def say(line: object = "", *, error: bool = False) -> None:
    """One line, whatever stands in it."""
    write(visible(str(line)), error)


def warn(line: object) -> None:
    """What a person should know beside what was asked for, or instead of it."""
    say(f"straw: {line}", error=True)


def say_part(text: str) -> None:
    """Some characters of a line that is still being written, on stdout."""
    print(encodable(visible(text, lines=True), getattr(sys.stdout, "encoding", None)), end="", flush=True)


def say_lines(text: object, *, error: bool = False) -> None:
    """A text whose line breaks are our own: help, JSON, a page."""
    write(visible(str(text), lines=True), error)


def write(text: str, error: bool) -> None:
    stream = sys.stderr if error else sys.stdout
    print(encodable(text, getattr(stream, "encoding", None)), file=stream, flush=True)


def guard() -> None:
    """Warnings and tracebacks, which Python prints itself, are shown in the same way."""
    warnings.formatwarning = warned
    sys.excepthook = fallen


def warned(message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None) -> str:
    return f"straw: {visible(str(message))} ({category.__name__}, {visible(filename)}:{lineno})\n"


def fallen(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    say_lines("".join(traceback.format_exception(kind, error, at)).rstrip("\n"), error=True)
