"""Words of a stranger in a page of Markdown: what was a name stays a name, whatever it looks like.

    code("[x](http://evil) <b>`")      ->   `` [x](http://evil) <b>` ``
    escaped("[x](http://evil) <b>`")   ->   \\[x\\](http&#58;//evil) &lt;b&gt;\\`

Inside a code span nothing is a link, a tag, an image or an end of the page, and no site that shows model cards turns it
into one. What cannot be seen is spelled out (see `visible`), so a span is one line; it is cut where it is too long.
Sentences that have such a name in them are escaped instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from html import escape

from straw.text.shown.visible import visible

LONGEST = 400  # characters


def code(value: object) -> str:
    text = visible(str(value))
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    if not text.strip() or "`" in text[:1] + text[-1:] or text[0] == text[-1] == " ":
        text = f" {text} "
    return f"{fence}{text}{fence}"


def escaped(text: str) -> str:
    """A sentence as it stands, on one line, whatever is in it: no mark-up, no address that a page would link."""
    shown = re.sub(r"([\\`*_\[\]|~$])", r"\\\1", escape(visible(text).strip(), quote=False))
    shown = re.sub(r"(?i)(https?|ftp|mailto|javascript|data):", r"\1&#58;", shown).replace("@", "&#64;")
    shown = re.sub(r"(?i)\bwww\.", "www&#46;", shown)
    return re.sub(r"^([-+>=#]|\d+(?=[.)](\s|$)))", lambda found: at_the_beginning(found[1]), shown)


def at_the_beginning(text: str) -> str:
    """What would begin a list, as text."""
    return "".join(f"&#{ord(one)};" for one in text)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells, each on one line."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell if cell == '---' else escaped(cell) for cell in line)} |" for line in lines)


def fenced(text: str) -> str:
    """A block as it stands; no line of it ends it."""
    shown = visible(text, lines=True)
    fence = "`" * (1 + max(2, *(len(run) for run in re.findall("`+", shown)), 0))
    return f"{fence}text\n{shown}\n{fence}"


def bullets(rows: Iterable[tuple[str, object]]) -> str:
    """The name is ours, the value anybody's."""
    return "\n".join(f"- {name}: {code(value)}" for name, value in rows)


def commands(lines: Iterable[str]) -> str:
    """A block to copy from; every line is visible already, begins with a program's name, and so ends no fence."""
    return "\n".join(["```sh", *lines, "```"])


def quoted(value: object) -> str:
    """A string of YAML, in JSON's spelling."""
    return json.dumps(visible(str(value)), ensure_ascii=False)
