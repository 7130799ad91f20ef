"""Small pieces of HTML: everything that comes from a run is escaped on its way in.

A table has a caption, column heads and row heads, and a box of its own that scrolls sideways, reachable by keyboard.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from straw.report.figures.drawing.figure import Table
from straw.text.shown.visible import as_html

LONG = 46  # characters of a cell that may be broken into lines


def pretty(text: str) -> str:
    """Escaped, with exponents and the base of a logarithm where they belong.

    Example: pretty("N^1.02 < log2 N") == "N<sup>1.02</sup> &lt; log<sub>2</sub> N"
    """
    raised = re.sub(r"\^(-?[\w.]+\b|\([^()]*\))", r"<sup>\1</sup>", as_html(text))
    return re.sub(r"\blog2\b", "log<sub>2</sub>", raised)


def element(name: str, content: str, **attributes: str) -> str:
    """`content` is HTML already; attributes are escaped. In their names _ is a dash, and nothing at the end."""
    named = "".join(f' {key.rstrip("_").replace("_", "-")}="{as_html(value)}"' for key, value in attributes.items())
    return f"<{name}{named}>{content}</{name}>"


def paragraph(text: str, **attributes: str) -> str:
    return element("p", pretty(text), **attributes)


def table(found: Table) -> str:
    head = "".join(element("th", pretty(cell), scope="col") for cell in found.header)
    body = "\n".join(row(cells) for cells in found.rows)
    caption = element("caption", element("span", pretty(found.caption)))
    inner = f"{caption}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>"
    return element(
        "div", element("table", inner), class_="scroll", tabindex="0", role="region", aria_label=found.caption
    )


def row(cells: Sequence[str]) -> str:
    first, *rest = cells
    others = "".join(
        element("td", pretty(cell), class_="long") if len(cell) > LONG else element("td", pretty(cell)) for cell in rest
    )
    return f"<tr>{element('th', as_html(first), scope='row')}{others}</tr>"


def folded(summary: str, content: str, **attributes: str) -> str:
    return element("details", element("summary", pretty(summary)) + "\n" + content, **attributes)


def listed(items: Iterable[str], **attributes: str) -> str:
    """Items are HTML already."""
    return element("ul", "\n".join(element("li", item) for item in items), **attributes)


def data(name: str, value: Any) -> str:
    """Values for the page's script, in a block that no browser runs; '<' is spelled so that nothing can end it."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'
