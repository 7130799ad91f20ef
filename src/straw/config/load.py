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
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from straw import outside
from straw.config.names import canonical, overruled, unknown
from straw.config.option import Option
from straw.config.page import FIRST_TASK, Page, options, task_section
from straw.config.values import read_value, toml
from straw.errors import ConfigError
from straw.files import PAGE, parse_toml, read_file

TRUST = "trust_remote_code"


@dataclass(frozen=True)
class Loaded:
    """A page, the names of the options that somebody chose, and where each of them was written."""

    page: Page
    named: frozenset[str]
    origins: Mapping[str, str] = field(default_factory=dict)

    def with_defaults(self, values: Mapping[str, Any]) -> Page:
        """The page with tuned values wherever nobody chose."""
        return with_values(self.page, {name: value for name, value in values.items() if name not in self.named})


def load_page(
    path: str | Path | None = None, overrides: Mapping[str, Any] | None = None, *,
    code: Mapping[str, bytes] | None = None,
) -> Loaded:  # fmt: skip
    """Defaults, then the page at `path`, then the overrides, in whatever words. `code`: what the page's run kept."""
    outside.begin(code or {})
    with naming(path):
        page = read_toml(Path(path)) if path is not None else {}
        kind = str(kind_in(overrides or {}) or kind_in(page) or FIRST_TASK)
        known = options(kind)
        values = typed(known, with_files(flat(page, kind), said=False))
    chosen = {canonical(name, kind): value for name, value in (overrides or {}).items()}
    mine = typed(known, with_files(chosen, said=True))
    with naming(path):
        check_trust(values, mine)
    theirs = overruled(name for name, value in mine.items() if value is not None)
    values = {name: value for name, value in values.items() if name not in theirs} | mine
    named = frozenset(name for name in values if values[name] is not None)
    there = Path(path).name if path is not None else ""
    origins = {name: "command line" if name in mine else there for name in named}
    return Loaded(with_values(Page(), values), named, origins)


def with_files(values: Mapping[str, Any], *, said: bool) -> dict[str, Any]:
    """Texts in place of @FILE. A page may name files beside it only, and a person any."""
    return {
        name: text_of(name, value[1:], said) if name in FROM_FILES and is_file_name(value) else value
        for name, value in values.items()
    }


def is_file_name(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("@")


def text_of(name: str, file: str, said: bool) -> str:
    path = Path(file).expanduser()
    if not said and (path.is_absolute() or ".." in path.parts):
        raise ConfigError(f"a page may name files below this folder, got {name}=@{file}: write it behind the command")
    try:
        return read_file(path, PAGE, follow=said).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigError(f"{name}=@{file} is to be a file with a text, and cannot be read ({why})") from None


FROM_FILES = ("system_prompt",)


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


def kind_in(page: Mapping[str, Any]) -> Any:
    """The task that a page or a list of options names, in whatever words."""
    section = page.get("task")
    inside = section if isinstance(section, Mapping) else {"task": section}
    found = (page.get("kind"), page.get("task.kind"), inside.get("kind"), inside.get("task"))
    return next((one for one in found if one is not None), None)


def flat(page: Mapping[str, Any], kind: str | None = None) -> dict[str, Any]:
    """Values by option name, from sections or without."""
    values: dict[str, Any] = {}
    kind = kind or kind_in(page)
    for spelling, value in spelled_out(page):
        name = canonical(spelling, kind)
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


def dump(page: Page, origins: Mapping[str, str] | None = None) -> str:
    """The whole page as TOML; what is not chosen yet is written "none". Behind a value stands where it came from."""
    return "\n".join(f"[{item.name}]\n{body(getattr(page, item.name), origins or {})}" for item in fields(page))


def body(section: Any, origins: Mapping[str, str]) -> str:
    written = {item.name: f"{item.name} = {toml(getattr(section, item.name))}" for item in fields(section)}
    remarks = {name: f"  # {in_a_line(origins[name])}" for name in written if name in origins}
    lines = (f"{line:<{BESIDE}}{remarks[name]}" if name in remarks else line for name, line in written.items())
    return "".join(f"{line}\n" for line in lines)


def in_a_line(text: str) -> str:
    """A comment ends where its line does, whatever a file is called."""
    return "".join(character if character.isprintable() else "?" for character in text)


BESIDE = 36  # the column of what stands behind a value
