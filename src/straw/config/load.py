"""Pages from TOML and overrides, and back to TOML.

    [task]              or flat:      N = 64
    N = 64                            reward_type = "binary"
    [reward]
    reward_type = "binary"

`dump` writes every value, and what it writes loads as the same page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from straw.config.names import canonical, overruled, unknown
from straw.config.option import Option
from straw.config.page import Page, options, task_section
from straw.config.sections import TaskSection
from straw.config.values import read_value, toml
from straw.errors import ConfigError
from straw.files import PAGE, parse_toml, read_file

TRUST = "trust_remote_code"


@dataclass(frozen=True)
class Loaded:
    """A page, and the names of the options that somebody chose."""

    page: Page
    named: frozenset[str]

    def with_defaults(self, values: Mapping[str, Any]) -> Page:
        """The page with tuned values wherever nobody chose."""
        return with_values(self.page, {name: value for name, value in values.items() if name not in self.named})


def load_page(path: str | Path | None = None, overrides: Mapping[str, Any] | None = None) -> Loaded:
    """Defaults, then the page at `path`, then the overrides, in whatever words."""
    chosen = {canonical(name): value for name, value in (overrides or {}).items()}
    with naming(path):
        written = flat(read_toml(Path(path))) if path is not None else {}
        known = options(str(chosen.get("kind", written.get("kind", TaskSection.kind))))
        values = typed(known, written)
    mine = typed(known, chosen)
    with naming(path):
        check_trust(values, mine)
    theirs = overruled(name for name, value in mine.items() if value is not None)
    values = {name: value for name, value in values.items() if name not in theirs} | mine
    return Loaded(with_values(Page(), values), frozenset(name for name in values if values[name] is not None))


def check_trust(written: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    """Whether a stranger's code may run is said by a person for one command, and by no page or record of a run."""
    if written.get(TRUST) and TRUST not in said:
        raise ConfigError(
            f"code that comes with a model runs only if you say so for this command, and a page says {TRUST}=true: "
            f"look at that code first, then write {TRUST}=true behind the command"
        )


def with_values(page: Page, values: Mapping[str, Any]) -> Page:
    """The page with some options replaced, by name. Another task starts from its own defaults."""
    kind = str(values.get("kind", page.task.kind))
    known = options(kind)
    sections = {item.name: getattr(page, item.name) for item in fields(page)}
    if kind != page.task.kind:
        sections["task"] = task_section(kind)()
    changes: dict[str, dict[str, Any]] = {}
    for name, value in typed(known, values).items():
        changes.setdefault(known[name].section, {})[name] = value
    changed = {name: replace(sections[name], **of_section) for name, of_section in changes.items()}
    return Page(**sections | changed)


def typed(known: Mapping[str, Option], values: Mapping[str, Any]) -> dict[str, Any]:
    for name in values:
        if name not in known:
            raise unknown(name, known)
    return {name: read_value(known[name], value) for name, value in values.items()}


def read_toml(path: Path) -> dict[str, Any]:
    try:
        return parse_toml(read_file(path, PAGE, follow=True).decode())
    except OSError as error:
        raise ConfigError(f"this page cannot be read ({error.strerror}). Check the path.") from None
    except ValueError as error:
        raise ConfigError(f"this page is not TOML: {error}. A line is for example N = 64.") from None


def flat(page: Mapping[str, Any]) -> dict[str, Any]:
    """Values by option name, from sections or without."""
    values: dict[str, Any] = {}
    for spelling, value in spelled_out(page):
        name = canonical(spelling)
        if name in values:
            raise ConfigError(f"{name} is written twice. Leave one of them.")
        values[name] = value
    return values


def spelled_out(page: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    sections = [item.name for item in fields(Page)]
    for key, value in page.items():
        if not isinstance(value, dict):
            yield key, value
        elif key not in sections:
            raise unknown(key, sections, "section")
        else:
            yield from ((f"{key}.{name}", inner) for name, inner in value.items())


@contextmanager
def naming(path: str | Path | None) -> Iterator[None]:
    """Errors about a page begin with where it is."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}" if path is not None else str(error)) from None


def dump(page: Page) -> str:
    """The whole page as TOML; what is not chosen yet is written "none"."""
    return "\n".join(f"[{item.name}]\n{body(getattr(page, item.name))}" for item in fields(page))


def body(section: Any) -> str:
    return "".join(f"{item.name} = {toml(getattr(section, item.name))}\n" for item in fields(section))
