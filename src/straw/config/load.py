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
from straw.config.names import canonical, first_to_know, overruled, unknown
from straw.config.owners import Owners, algorithm_section, owners_in, task_section
from straw.config.page import Page, options, options_beside, read_by
from straw.config.sections import Algorithm
from straw.config.values import plain, read_value, toml
from straw.errors import ConfigError
from straw.files import PAGE, parse_toml, read_file
from straw.registry import find, is_known

TRUST = "trust_remote_code"
WAS = {"fresh": 64}  # defaults of before, which pages of other algorithms still have


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
    said = overrides or {}
    with naming(path):
        page = read_toml(Path(path)) if path is not None else {}
        owners, wrote = owners_in(said, page), owners_in(page)
        written = flat(page, owners._replace(algorithm=wrote.algorithm))
        written = without_idle(written, owners, wrote.algorithm, ran=code is not None)
        values = typed(owners, with_files(written, said=False))
    chosen = {canonical(name, owners): value for name, value in said.items()}
    mine = typed(owners, with_files(chosen, said=True))
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


def without_idle(values: Mapping[str, Any], owners: Owners, begun: str, *, ran: bool) -> dict[str, Any]:
    """Less the options of other algorithms that nobody meant for this one.

    Pages of before have every option of every algorithm, at its default. Where a person replaces the algorithm that a
    page was written for, which is `begun`, its options go with it; and what a run never read it goes on without.
    """
    own, replaced = options(*owners), options_beside(algorithm_section(begun))
    idle = {name for name in values.keys() - own.keys() if name in replaced or is_idle(name, values[name], ran)}
    return {name: value for name, value in values.items() if name not in idle}


def is_idle(name: str, value: Any, ran: bool) -> bool:
    return any(
        ran or read_value(known, value) in (known.default, WAS.get(known.name)) for known in read_by(name).values()
    )


def page_of_config(config: Mapping[str, Any]) -> Page:
    """The page that a run wrote into its folder."""
    owners = owners_in(config)
    return with_values(Page(), without_idle(flat(config, owners), owners, owners.algorithm, ran=True))


def with_values(page: Page, values: Mapping[str, Any]) -> Page:
    """The page with some options replaced, by name. Another task starts from its own defaults; another algorithm keeps
    all that it has an option for.
    """
    owners = Owners(str(values.get("kind", page.task.kind)), str(values.get("algorithm", page.algorithm.algorithm)))
    known = options(*owners)
    sections = {item.name: getattr(page, item.name) for item in fields(page)}
    if owners.task != page.task.kind:
        sections["task"] = task_section(owners.task)()
    sections["algorithm"] = as_section(page.algorithm, algorithm_section(owners.algorithm))
    changes: dict[str, dict[str, Any]] = {}
    for name, value in typed(owners, values).items():
        changes.setdefault(known[name].section, {})[name] = value
    changed = {name: replace(sections[name], **of_section) for name, of_section in changes.items()}
    return Page(**sections | changed)


def as_section(algorithm: Algorithm, wanted: type[Algorithm]) -> Algorithm:
    if type(algorithm) is wanted:
        return algorithm
    has = {item.name for item in fields(wanted)}
    return wanted(**{name: value for name, value in vars(algorithm).items() if name in has})


def typed(owners: Owners, values: Mapping[str, Any]) -> dict[str, Any]:
    known = options(*owners)
    for name, value in values.items():
        if name not in known:
            raise of_another(name, value, owners.algorithm) if read_by(name) else unknown(name, known)
    return {name: read_value(known[name], value) for name, value in values.items()}


def of_another(name: str, value: Any, algorithm: str) -> ConfigError:
    """An option of algorithms that the page is not about; is it about any?"""
    if not is_known("algorithms", algorithm):
        find("algorithms", algorithm)
    theirs = sorted(read_by(name))
    return ConfigError(
        f"{name} is an option of {' and '.join(theirs)}; got {name}={plain(value):.40} with "
        f"algorithm={algorithm}. Leave it out, or write algorithm={theirs[0]}."
    )


def read_toml(path: Path) -> dict[str, Any]:
    try:
        return parse_toml(read_file(path, PAGE, follow=True).decode())
    except OSError as error:
        raise ConfigError(f"this page cannot be read ({error.strerror}). Check the path.") from None
    except ValueError as error:
        raise ConfigError(f"this page is not TOML: {error}. A line is for example N = 64.") from None


def flat(page: Mapping[str, Any], owners: Owners | None = None, *others: Owners) -> dict[str, Any]:
    """Values by option name, from sections or without. `others`: of pages that it is a part of too."""
    values: dict[str, Any] = {}
    owners = owners or owners_in(page)
    for spelling, value in spelled_out(page):
        name = canonical(spelling, first_to_know(spelling, owners, *others))
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
