"""rich's tables and colours, for texts of other people.

Console().print(table)      takes no text for markup, emoji or a command to the terminal
as_text(name)                 a cell or a line, as wide as it will be
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import rich.console
from rich.segment import Segment
from rich.text import Text

from straw.text.shown.visible import visible


def as_text(text: object, style: str = "", *, lines: bool = False) -> Text:
    """A cell or a line for rich, as wide as it will be; `lines`: several lines."""
    return Text(visible(str(text), lines=lines), style=style)


class Console(rich.console.Console):
    """rich's console. Texts are texts, and what slipped through `as_text` is spelled out as it is drawn."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(
        self, renderable: rich.console.RenderableType, options: rich.console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else visible(text, lines=True), style, control)
