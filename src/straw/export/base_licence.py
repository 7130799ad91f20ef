"""The licence of a base model, where its folder says so: the head of its README.md, or the first line of a LICENSE.

Not guessed from a name: a folder that says nothing is said to say nothing.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from straw.engines.local.models.cache import cached_model
from straw.engines.local.models.hub import cached
from straw.engines.local.models.resolve import HUB_NAME
from straw.engines.local.models.tiny import SHAPES
from straw.files import MIB, read_file

LICENCE = re.compile(r"license:\s*['\"]?([A-Za-z0-9][\w.+-]{0,59})['\"]?")
FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE")


def base_licence(model_name: str) -> str | None:
    folder = base_folder(model_name)
    if folder is None:
        return None
    head = re.match(r"---\n(.*?)\n---", text_of(folder / "README.md"), flags=re.DOTALL)
    for line in head[1].splitlines() if head else ():
        if found := LICENCE.fullmatch(line.strip()):
            return found[1]
    for name in FILES:
        if said := text_of(folder / name).strip():
            return said.splitlines()[0].strip()[:80]
    return None


def base_folder(model_name: str) -> Path | None:
    """Where its files lie; None for one that straw makes, and for one that is not here."""
    if not model_name or model_name in SHAPES or "\0" in model_name:
        return None
    path = cached_model(model_name) or Path(os.path.expanduser(model_name))
    if os.path.isdir(path):
        return path
    if path.suffix.lower() == ".gguf":
        return path.parent
    return cached(model_name, False) if HUB_NAME.fullmatch(model_name) else None


def text_of(path: Path) -> str:
    """Of a file that may be a link, as in the hub's cache; nothing where there is none to be read."""
    try:
        return read_file(path, MIB, follow=True).decode(errors="replace").replace("\r\n", "\n")
    except OSError:
        return ""
