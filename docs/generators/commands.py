"""Every command with what its `--help` says, up to the list of options."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from itertools import takewhile

from generators.wrapping import page
from straw.cli.main import COMMANDS, main


def help_of(*words: str) -> str:
    """What a person reads; the options have a page of their own."""
    heard = StringIO()
    with redirect_stdout(heard):
        main([*words, "--help"])
    lines = [line.rstrip() for line in heard.getvalue().splitlines()]
    return "\n".join(takewhile(lambda line: not line.startswith(("Options", "[")), lines)).rstrip()


def commands_page() -> str:
    intro = "What `straw COMMAND --help` prints. Every option stands on the page of [options](options.md)."
    sections = [f"## straw {name}\n\n```text\n{help_of(name)}\n```" for name in COMMANDS]
    return page("Commands", "`straw --help`", intro, f"```text\n{help_of()}\n```", *sections)
