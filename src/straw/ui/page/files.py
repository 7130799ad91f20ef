"""The page's own files, and the colours that it shares with the report."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

from straw.report.curves.palette import ON_DARK, ON_LIGHT

KINDS = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
         "svg": "image/svg+xml"}  # fmt: skip
FILES = (
    "colours.css", "style.css", "icon.svg", "page.js", "list.js", "views.js", "run.js", "sweep.js", "tabs.js",
    "panel.js", "chart.js", "parts.js",
)  # fmt: skip
PAGE = "page.html"


@lru_cache
def file_named(name: str) -> tuple[bytes, str]:
    """A file of FILES, or the page itself for any other name."""
    name = name if name in FILES else PAGE
    kind = KINDS[name.rpartition(".")[2]]
    if name == "colours.css":
        return colours().encode(), kind
    return resources.files("straw.ui.page").joinpath(name).read_bytes(), kind


def colours() -> str:
    """One set for each light; a person may choose the other by hand."""
    light, dark = (" ".join(f"--c{n}: {one};" for n, one in enumerate(of)) for of in (ON_LIGHT, ON_DARK))
    classes = "\n".join(f".c{n} {{ color: var(--c{n}); }}" for n in range(len(ON_LIGHT)))
    return (
        f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root:not([data-light=light]) {{ {dark} }} }}\n"
        f":root[data-light=dark] {{ {dark} }}\n{classes}\n"
    )
