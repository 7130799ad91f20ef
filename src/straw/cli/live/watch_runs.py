"""straw watch: runs that other processes write, live in this terminal."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from straw.cli.arguments import counted, take_flag, take_option, wants_help
from straw.errors import ConfigError, RunError
from straw.text.shown.say import say_lines

if TYPE_CHECKING:
    from straw.cli.live.frame import Watch

WATCH = """straw watch [RUN|FOLDER] [--every 2] [--once]

Runs of other processes, live: a table of them, the curves of those that go on, their latest alarms. It reads the run
folders and nothing else, so the runs need not be told, and lose nothing by it.

  straw watch                  all runs under runs, also those that begin later
  straw watch runs/mine        one run; a name below runs/ is enough
  straw watch runs/sweeps/a    a sweep as it fills

  --every N   seconds from one look to the next
  --once      one picture, and the end; so it is where the output is no terminal

q or Ctrl-C ends it; the runs go on.
"""


def watch(words: list[str]) -> int:
    if wants_help(words):
        say_lines(WATCH)
        return 0
    once = take_flag(words, "--once")
    every = counted("every", take_option(words, "every", "2") or "2", least=1, most=3600, example=2)
    if len(words) > 1 or any(word.startswith("-") for word in words):
        raise ConfigError(f"straw watch takes one run or folder; got {' '.join(words)}. Write: straw watch runs")
    from straw.cli.live.frame import Watch

    watched = Watch(place_of(words[0] if words else None))
    show_live(watched, every, once)
    return 0


def place_of(word: str | None) -> Path:
    """A run, by its path or its name below runs; or any folder."""
    from straw.report.runs.listing import run_named
    from straw.runs.reading import spelled_out

    if word is None:
        return Path("runs")
    folder = spelled_out(word)
    if folder.is_dir():
        return folder
    try:
        return run_named(word)
    except RunError as error:
        raise RunError(f"there is no folder {word}, and {error}") from None


def show_live(watched: Watch, every: int, once: bool) -> None:
    from rich.live import Live

    from straw.text.shown.screen import Console

    console = Console()
    unicode = console.encoding.lower().startswith("utf")
    watched.look()
    if once or not console.is_terminal or console.is_dumb_terminal:
        console.print(watched.frame(console.width, 40, unicode))
        return
    with keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        try:
            while True:
                live.update(watched.frame(console.width, console.height, unicode), refresh=True)
                if pressed(every) in ("q", "Q", "\x03", "\x04"):
                    return
                watched.look()
        except KeyboardInterrupt:
            return


@contextmanager
def keys() -> Iterator[Callable[[float], str]]:
    """Single keys, without Enter; lends a function that waits for one, or '' when the time is over."""
    import termios
    import tty

    if not sys.stdin.isatty():
        yield waited
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield lambda seconds: sys.stdin.read(1) if select.select([sys.stdin], [], [], seconds)[0] else ""
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def waited(seconds: float) -> str:
    import time

    time.sleep(seconds)
    return ""
