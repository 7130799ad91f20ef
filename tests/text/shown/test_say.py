"""One door for everything that is printed, and nothing gets past it."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.live import Live
from rich.table import Table
from rich.text import Text

import straw.types
from straw.text.shown.say import fallen, say, say_lines, say_part, warned
from straw.text.shown.screen import Console, as_text

HOUSE = Path(straw.types.__file__).parent
OWN = {
    "text/shown/say.py": {"print"},
    "text/shown/screen.py": {"Console"},
    "text/graders/worker.py": {"print"},  # to a pipe, as JSON
    "text/chat/chat_template_worker.py": {"print"},
    "tasks/openenv/host.py": {"print"},  # to a pipe, as JSON
    "sandbox/inside/launch.py": {"print"},  # inside, where nothing of straw is
}
EVIL = "a\x1b]52;c;cm0gLXJm\x07\x9b2J\u202eb"
SEEN = "a\\u001b]52;c;cm0gLXJm\\u0007\\u009b2J\\u202eb"


def printers(source: str) -> set[str]:
    """The ways in which a source prints, other than through the door."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and node.id == "print":
            found.add("print")
        if isinstance(node, ast.ImportFrom) and node.module == "rich.console":
            found |= {"Console"} & {alias.name for alias in node.names}
        if isinstance(node, ast.Attribute) and node.attr == "Console":
            found.add("Console")
        if isinstance(node, ast.ImportFrom) and node.module == "rich":
            found |= {"print", "get_console", "print_json"} & {alias.name for alias in node.names}
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("sys.stdout.write", "sys.stderr.write"):
            found.add("write")
    return found


@pytest.mark.parametrize("path", sorted(HOUSE.rglob("*.py")), ids=lambda path: str(path.relative_to(HOUSE)))
def test_every_room_prints_through_the_door(path: Path) -> None:
    assert printers(path.read_text()) <= OWN.get(path.relative_to(HOUSE).as_posix(), set())


def test_a_way_past_the_door_is_caught() -> None:
    assert printers("def f(say=print): ...") == {"print"}
    assert printers("from rich.console import Console, Group\nfrom rich import get_console") == {
        "Console",
        "get_console",
    }
    assert printers("import sys\nsys.stderr.write('a')") == {"write"}
    assert printers("from straw.text.shown.say import say\nConsole().print(table)") == set()


def test_a_line_is_one_line_whatever_stands_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{EVIL}\nstraw: all is well")
    say(EVIL, error=True)
    shown = capsys.readouterr()
    assert shown.out == f"{SEEN}\\nstraw: all is well\n"
    assert shown.err == f"{SEEN}\n"


def test_the_lines_of_our_own_texts_stay(capsys: pytest.CaptureFixture[str]) -> None:
    say_lines(f"one\n  {EVIL}\n")
    assert capsys.readouterr().out == f"one\n  {SEEN}\n\n"


def test_a_terminal_without_a_letter_gets_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    say("é 日")
    stream.seek(0)
    assert stream.read() == "\\xe9 \\u65e5\n"


def drawn(*things: object, terminal: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=terminal, color_system="truecolor" if terminal else None)
    for one in things:
        console.print(one)
    return out.getvalue()


def table(cell: object) -> Table:
    made = Table(title=EVIL, caption=EVIL)
    made.add_column(EVIL)
    made.add_row(cell)
    return made


@pytest.mark.parametrize("thing", [EVIL, Text(EVIL), table(EVIL), table(Text(EVIL)), as_text(EVIL, "bold")])
def test_nothing_that_rich_draws_carries_a_command(thing: Any) -> None:
    shown = drawn(thing)
    assert SEEN.partition("\\")[0] in shown and "\\u001b]52" in shown
    assert all(one.isprintable() or one == "\n" for one in shown)


def test_on_a_terminal_the_only_commands_are_rich_s_colours() -> None:
    shown = drawn(as_text(EVIL, "bold red"), Text.assemble((EVIL, "cyan")), terminal=True)
    assert "\x1b[1;31m" in shown
    assert all(part.partition("m")[0].replace(";", "").isdigit() for part in shown.split("\x1b[")[1:])
    assert shown.count("\x1b") == shown.count("\x1b[") and "\x07" not in shown and "\x9b" not in shown


@pytest.mark.parametrize(
    "text", ["[red]x[/red]", "[link=https://evil.example]run-1[/link]", ":warning: [/] [bold", "\\[a]"]
)
def test_markup_in_a_name_stays_what_it_is(text: str) -> None:
    assert text in drawn(text) and text in drawn(table(text))


def test_live_lines_go_the_same_way() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None)
    with Live(Text("x\x1b]0;title\x07"), console=console, auto_refresh=False):
        pass
    assert "\x1b]0" not in out.getvalue() and "x\\u001b]0;title" in out.getvalue()


@pytest.mark.parametrize(
    "program",
    [
        "import warnings; warnings.warn({evil!r})",
        "raise RuntimeError({evil!r})",
        "from straw.errors import StrawError\ntry:\n    raise StrawError({evil!r})\nfinally:\n    1 / 0",
    ],
)
def test_neither_a_warning_nor_a_traceback_carries_a_command(program: str) -> None:
    words = [sys.executable, "-c", "from straw.text.shown.say import guard\nguard()\n" + program.format(evil=EVIL)]
    said = subprocess.run(words, capture_output=True).stderr.decode()
    assert "\\u001b]52" in said and "\\u202eb" in said
    assert all(one.isprintable() or one == "\n" for one in said)


class Counted(io.StringIO):
    """Counts how often it was pushed on."""

    pushed = 0

    def flush(self) -> None:
        self.pushed += 1


def test_whatever_is_said_is_seen_at_once_and_a_part_of_a_line_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, errors = Counted(), Counted()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", errors)
    say_part("a\nb\x1b")
    assert (stream.getvalue(), stream.pushed) == ("a\nb\\u001b", 1)
    say_lines("c")
    say()
    assert (stream.getvalue(), stream.pushed) == ("a\nb\\u001bc\n\n", 3)
    say_lines("d\ne", error=True)
    assert (errors.getvalue(), errors.pushed) == ("d\ne\n", 1)


def test_warnings_and_tracebacks_are_lines_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert warned("a\x1b", UserWarning, "b\x07.py", 7) == "straw: a\\u001b (UserWarning, b\\u0007.py:7)\n"
    fallen(RuntimeError, RuntimeError("a\x1b\nb"), None)
    shown = capsys.readouterr()
    assert shown.err == "RuntimeError: a\\u001b\nb\n" and shown.out == ""


def test_a_cell_is_one_line_unless_it_is_said_to_be_several_and_numbers_have_no_colour() -> None:
    assert as_text("a\nb").plain == "a\\nb" and as_text("a\nb", lines=True).plain == "a\nb"
    assert as_text(7).style == "" and as_text(7, "bold").style == "bold"
    assert drawn("run 12 at 'x' True", terminal=True) == "run 12 at 'x' True\n"
