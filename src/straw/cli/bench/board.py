"""straw board: entries side by side on one page, and whether one is what it says."""

from __future__ import annotations

from pathlib import Path

from straw.cli.arguments import take_flag, take_option, take_whole, wants_help
from straw.errors import ConfigError
from straw.text.shown.say import say, say_lines

BOARD = """straw board [FILE.json|FOLDER ...] [-o board.html]
straw board --check FILE.json [salt=HEX] [replays=3] [salted=8] [cells=3]

Entries of straw bench as one page that opens offline: a table that can be sorted, curves beside an ideal observer's,
how episodes grow with N, what each learner knows and costs. Without a name: those in benchmarks/board.

  straw board                                     board.html
  straw board mine.json benchmarks/board -o mine.html
  straw board --check mine.json                   exit status 1 where the entry is refused

--check reads the entry, plays a sample of its runs again, which have to be the same bit for bit, and plays secrets
that nobody could know, drawn with a salt of now: an entry that is slower there than its own interval is refused. Code
of somebody else runs in a sandbox; where there is none, only if you trust it (trust_code=HASH).
  salt=HEX      of a check that somebody else made      replays, salted, cells      how many runs, and in how many cells
"""
OURS, SHORTEST = "benchmarks/board", 16  # characters of a salt


def board(words: list[str]) -> int:
    if wants_help(words):
        say_lines(BOARD)
        return 0
    words[:] = ["--out" if word == "-o" else word for word in words]
    if take_flag(words, "--check"):
        return check(words)
    page = Path(take_option(words, "out", "board.html") or "board.html")
    if page.suffix not in (".html", ".htm"):
        raise ConfigError(f"a board is a page of HTML; got -o {page}. Write for example -o board.html.")
    if not page.absolute().parent.is_dir():
        raise ConfigError(f"the page goes into a folder that is there, and {page.absolute().parent} is none: make it")
    files = files_in(words)
    from straw.benchmark.board.page import board_page
    from straw.benchmark.entry import read_entry
    from straw.cli.commands.report import check_installed
    from straw.runs.files.atomic_write import write_whole

    check_installed()
    write_whole(page, board_page([(path, read_entry(path)) for path in files]))
    say(f"board: {page}, {len(files)} entries")
    return 0


def files_in(words: list[str]) -> list[Path]:
    found: list[Path] = []
    for word in words or [OURS]:
        path = Path(word).expanduser()
        found += sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not found:
        raise ConfigError(
            f"a board shows entries, and there is none in {' '.join(words) or OURS}. Write straw bench LEARNER --short "
            "-o FILE.json, then straw board FILE.json."
        )
    return list(dict.fromkeys(found))


def check(words: list[str]) -> int:
    from straw.benchmark import check as rules
    from straw.benchmark.entry import read_entry

    salt = take_option(words, "salt", "9f3c") or ""
    replays = take_whole(words, "replays", rules.REPLAYED)
    salted, cells = take_whole(words, "salted", rules.SALTED), take_whole(words, "cells", rules.CELLS)
    if len(words) != 1 or words[0].startswith("-"):
        raise ConfigError(
            f"straw board --check takes one entry; got {' '.join(words) or 'none'}. Write for example straw board "
            "--check mine.json."
        )
    if salt and len(salt) < SHORTEST:
        raise ConfigError(
            f"a salt that can be guessed hides no secret: {SHORTEST} characters or more; got salt={salt}. Leave it out "
            "and one is drawn."
        )
    if salted == 1:
        raise ConfigError("an interval takes two runs or more; got salted=1. Write salted=8, or 0 for none.")
    entry = read_entry(Path(words[0]).expanduser())
    found = rules.check(entry, say, salt=salt, replays=replays, salted=salted, cells=cells)
    for one in found:
        say(f"{'REFUSED: ' if one.refuses else ''}{one.text}")
    is_refused = any(one.refuses for one in found)
    say(f"{words[0]}: {entry.submission.title} is {'refused' if is_refused else 'what it says'}")
    return int(is_refused)
