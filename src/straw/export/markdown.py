"""Words of a stranger in a page of Markdown: what was a name stays a name, whatever it looks like.

    code("[x](http://evil) <b>`")   ->   `` [x](http://evil) <b>` ``

Inside a code span nothing is a link, a tag, an image or an end of the page, and no site that shows model cards turns it
into one. What cannot be seen is spelled out (see `visible`), so a span is one line; it is cut where it is too long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from straw.text.shown.visible import visible

LONGEST = 400  # characters


def code(value: object) -> str:
    text = visible(str(value))
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    if not text.strip() or "`" in text[:1] + text[-1:] or text[0] == text[-1] == " ":
        text = f" {text} "
    return f"{fence}{text}{fence}"


def bullets(rows: Iterable[tuple[str, object]]) -> str:
    """The name is ours, the value anybody's."""
    return "\n".join(f"- {name}: {code(value)}" for name, value in rows)


def commands(lines: Iterable[str]) -> str:
    """A block to copy from; every line is visible already, begins with a program's name, and so ends no fence."""
    return "\n".join(["```sh", *lines, "```"])


def quoted(value: object) -> str:
    """A string of YAML, in JSON's spelling."""
    return json.dumps(visible(str(value)), ensure_ascii=False)
