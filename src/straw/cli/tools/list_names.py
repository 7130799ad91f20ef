"""straw list: the names that a page may use, one line each.

What a name does is read from where it is written: the first line of a docstring, the row of a table, the first line of
a recipe. Nothing is imported for that but the tables themselves, so no torch is loaded, and no code of an installed
plug-in runs: its line is its package's own summary.
"""

from __future__ import annotations

from collections import Counter
from textwrap import fill

from straw.cli.arguments import say_json, take_flag, wants_help
from straw.errors import ConfigError, did_you_mean
from straw.text.shown.say import say, say_lines

LIST = """straw list [KIND] [--json]

The names that a page may use, one line each, those of installed packages included and marked with *.

  straw list                every kind, and how many names it has
  straw list rewards        what reward_type may be
  straw list recipes        the pages that come with straw, and those under recipes here
  straw list --json         all of them for a program: kind, name, what, from

{kinds}
One of your own needs no list: write FILE.py:NAME or MODULE:NAME where a name stands (straw new makes such a file).
"""


def list_names(words: list[str]) -> int:
    from straw.cli.tools.kinds import KINDS, named

    if wants_help(words):
        say_lines(LIST.format(kinds=fill(f"Kinds: {', '.join(KINDS)}.", 100)))
        return 0
    as_json = take_flag(words, "--json")
    if len(words) > 1 or any(word.startswith("-") for word in words):
        raise ConfigError(f"straw list takes one kind; got {' '.join(words)}. Write for example straw list rewards.")
    kinds = [kind_of(words[0])] if words else list(KINDS)
    found = [row for kind in kinds for row in named(kind)]
    if as_json:
        say_json([row._asdict() for row in found])
    elif words:
        print_names(kinds[0])
    else:
        counts = Counter(row.kind for row in found)
        for kind in kinds:
            say(f"  {kind:<12} {counts[kind]:>3}  {KINDS[kind]}")
        say_lines("\nOne kind: straw list KIND")
    return 0


def kind_of(word: str) -> str:
    """The kind that a word means: reward is rewards."""
    from straw.cli.tools.kinds import KINDS

    for kind in (word, f"{word}s"):
        if kind in KINDS:
            return kind
    raise ConfigError(f"there is no kind {word!r}: {did_you_mean(word, KINDS)}")


def print_names(kind: str) -> None:
    from straw.cli.tools.kinds import KINDS, OURS, named

    rows = named(kind)
    if not rows:
        say(f"no {kind} here: {KINDS[kind]}")
        return
    width = max(len(row.name) for row in rows)
    for row in rows:
        mark = " " if row.source == OURS else "*"
        say(f"{mark} {row.name:<{width}}  {row.what}".rstrip())
    if others := sorted({row.source for row in rows} - {OURS}):
        say_lines(f"\n* from {', '.join(others)}")
