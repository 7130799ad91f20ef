"""The library's public names: what `straw.__all__` holds, with signatures and docstrings.

Names are asked for one by one, since a package may import them when they are asked for.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import straw
from generators.wrapping import WIDTH, page, plain_words, wrapped

INTRO = """`import straw` gives these names. Torch is imported when something trains, samples or is measured, and not
before. What you write yourself (tasks, rewards, algorithms, engines) is told of in [Extend](extend.md); every option
that `straw.train` takes by name stands in [Options](options.md)."""
NOTHING = """This version exports no names yet: use the [commands](commands.md). What stands in the code's own modules
is told of in [How straw is built](design.md)."""


def public_names(package: ModuleType = straw) -> list[str]:
    return sorted(name for name in getattr(package, "__all__", ()) if not name.startswith("_"))


def in_order(package: ModuleType) -> list[str]:
    """What is called first, then what it takes and gives, then errors."""

    def rank(name: str) -> int:
        found = getattr(package, name)
        return 0 if not inspect.isclass(found) else 2 if issubclass(found, Exception) else 1

    return sorted(public_names(package), key=lambda name: (rank(name), name))


def api_page(package: ModuleType = straw) -> str:
    names = in_order(package)
    sections = [section(name, getattr(package, name)) for name in names]
    return page("Library", "the docstrings of `straw`", INTRO if names else NOTHING, *sections)


def section(name: str, found: Any) -> str:
    parts = [f"## straw.{name}"]
    if inspect.ismodule(found):
        parts += [prose(found), *(entry(f"straw.{name}.{key}", one, "###") for key, one in functions_of(found))]
    elif inspect.isclass(found) or callable(found):
        parts.append(described(f"straw.{name}", found))
        parts += [entry(f"{name}.{key}", one, "###") for key, one in members(found)] if inspect.isclass(found) else []
    else:
        parts.append(wrapped(f"A value of type `{type(found).__name__}`."))
    return "\n\n".join(part for part in parts if part)


def entry(name: str, found: Any, level: str) -> str:
    return f"{level} {name}\n\n{described(name, found)}"


def described(name: str, found: Any) -> str:
    return "\n\n".join(part for part in (signature(name, found), prose(found)) if part)


class Bare(str):
    """An annotation as it was written, without quotes."""

    __repr__ = str.__str__


def signature(name: str, found: Any) -> str:
    """How it is called, in a block of code; properties have none."""
    if isinstance(found, property):
        return ""
    target = found.__func__ if isinstance(found, classmethod | staticmethod) else found
    try:
        known = inspect.signature(target)
    except (TypeError, ValueError):
        return ""
    return f"```python\n{shown(name, unquoted(known))}\n```"


def unquoted(known: inspect.Signature) -> inspect.Signature:
    """Annotations are texts where a module postpones them."""
    taken = [one.replace(annotation=bare(one.annotation)) for one in known.parameters.values()]
    return known.replace(parameters=taken, return_annotation=bare(known.return_annotation))


def bare(annotation: Any) -> Any:
    return Bare(annotation) if isinstance(annotation, str) else annotation


def shown(name: str, known: inspect.Signature) -> str:
    """On one line, or a parameter a line where that is too long."""
    flat = f"{name}{known}"
    if len(flat) <= WIDTH:
        return flat
    result = str(known.replace(parameters=())).removeprefix("()")
    return f"{name}(\n" + "".join(f"    {one},\n" for one in parameters(known)) + f"){result}"


def parameters(known: inspect.Signature) -> Iterator[str]:
    """With the bare star before the first that is taken by name alone."""
    has_star = False
    for one in known.parameters.values():
        has_star |= one.kind is one.VAR_POSITIONAL
        if one.kind is one.KEYWORD_ONLY and not has_star:
            has_star = True
            yield "*"
        yield str(one)


def members(found: type) -> list[tuple[str, Any]]:
    """Public methods and properties with a docstring, in the order of the source, inherited ones of ours included."""
    seen: dict[str, Any] = {}
    for base in reversed(found.__mro__):
        if base.__module__.startswith("straw"):
            seen |= {key: one for key, one in vars(base).items() if not key.startswith("_")}
    return [(key, one) for key, one in seen.items() if is_told(one)]


def is_told(found: Any) -> bool:
    is_member = inspect.isroutine(found) or isinstance(found, property | classmethod | staticmethod)
    return is_member and bool(inspect.getdoc(found))


def functions_of(module: ModuleType) -> list[tuple[str, Any]]:
    """The module's own functions and classes, or those that its `__all__` names."""
    own = getattr(module, "__all__", None)
    return [
        (key, one)
        for key, one in sorted(vars(module).items())
        if (key in own if own is not None else not key.startswith("_") and home_of(one) == module.__name__)
        and (inspect.isroutine(one) or inspect.isclass(one))
        and inspect.getdoc(one)
    ]


def home_of(found: Any) -> str | None:
    return getattr(found, "__module__", None)


def prose(found: Any) -> str:
    """The docstring: paragraphs as they are, what is indented as code."""
    blocks = textwrap.dedent(inspect.getdoc(found) or "").split("\n\n")
    return "\n\n".join(part for block in blocks for part in parts_of(block))


def parts_of(block: str) -> Iterator[str]:
    """A paragraph may end in indented lines; those are code."""
    lines = block.splitlines()
    if lines and lines[0].startswith(">>>"):
        yield f"```python\n{block}\n```"
        return
    text = [line for line in lines if not line.startswith("  ")]
    is_list = any(line.startswith(("- ", "* ")) for line in text)
    if text and (is_list or lines[: len(text)] == text):
        yield block if is_list else plain_words("\n".join(text))
        indented = [] if is_list else lines[len(text) :]
    else:
        indented = lines
    if indented:
        yield "```text\n" + textwrap.dedent("\n".join(indented)) + "\n```"
