"""Any text as one that can be shown: what cannot be seen, or would move the cursor, is spelled out.

    visible("a\\x1b[2Jb")          ->  a\\\\u001b[2Jb           an escape that would clear the screen
    visible("gpj.\\u202etxt")      ->  gpj.\\\\u202etxt         an override that would read as gpj.txt turned round
    visible("tiny\\u200b")         ->  tiny\\\\u200b            a name that looks like another

Names, options, questions, versions and replies come out of other people's folders and out of models. A terminal obeys
control characters: one sequence writes to the clipboard, another changes what stood above. Whatever is printed goes
through here (see `screen`), and so does all that a report shows.
"""

from __future__ import annotations

import json
from html import escape

UNSEEN = frozenset(  # what Python calls printable, and nobody sees: fillers, joiners, variants
    map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10),
              *range(0xE0100, 0xE01F0)))
)  # fmt: skip


def visible(text: str, *, lines: bool = False) -> str:
    """The text with every such character as JSON spells it; `lines`: of several lines, whose ends stay."""
    if text.isprintable() and UNSEEN.isdisjoint(text):
        return text
    return "".join(one if is_seen(one) or (lines and one == "\n") else json.dumps(one)[1:-1] for one in text)


def is_seen(character: str) -> bool:
    """Not so: controls, overrides of direction, joiners, blanks of other widths, what has no meaning (yet)."""
    return character.isprintable() and character not in UNSEEN


def as_html(text: str, *, lines: bool = False) -> str:
    """The same, escaped for a page."""
    return escape(visible(text, lines=lines))


def encodable(text: str, encoding: str | None) -> str:
    """The text with what an encoding lacks spelled out, so that it can be written."""
    known = encoding or "utf-8"
    return text.encode(known, "backslashreplace").decode(known)
