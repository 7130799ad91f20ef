"""Code that is not ours: found by file or by module, and run only where a person asked for it.

    reward_type=mine/pay.py:pay      an attribute of a file
    reward_type=my_lab.pay:pay       an attribute of a module that can be imported
    reward_type=python:pay           an object that a program handed in (straw.train(..., reward=pay)), with no file

What a person writes behind a command, or hands to a function of this library, is trusted from then on: a file by the
hash of its bytes, which is remembered in straw's cache, a module by its name. What a page or a run folder names is not:
it may come from a stranger. It runs when its hash was trusted before, here, or by trust_code=HASH; so a run of one's
own goes on without a word, and one whose file was changed does not.

A run keeps a copy of every file that it used, and goes on with that. A file stands alone: what it imports has to be
installed. Of an object it keeps the source, where Python knows it, to be read and compared: it is never run, and the
object has to be handed in again.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec
from importlib.util import decode_source, module_from_spec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from straw.cache_dir import cache_folder
from straw.errors import ConfigError
from straw.files import MIB, make_folders, open_file, read_file

FILE = re.compile(r"(?P<file>[^:]+\.py):(?P<name>[A-Za-z_]\w*)")
MODULE = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*)")
HANDED = re.compile(r"python:(?P<name>[A-Za-z_]\w*)")
OURS = ("straw.tasks.environments.calculator", "straw.tasks.environments.guess")  # came with straw, for recipes
ENVIRONMENT = "env"  # the family of tasks that are code of others
SERVER = "openenv:"  # that of servers: a URL, or a folder whose code is begun as one
TRUSTED = "trusted"  # a line for each: a hash, or a module's name
MOST = 4 * MIB  # of a file of code, and of that list
CODE = (".py", ".yaml", ".yml", ".toml", ".json")  # of a server's folder


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of a file that was named, and what they are known by."""

    file: str  # as it was spelled
    text: bytes

    @property
    def path(self) -> Path:
        return Path(self.file).expanduser().absolute()

    @property
    def hash(self) -> str:
        return sha256(self.text).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Handed:
    """An object that a program handed in, and the text it was made from."""

    thing: Any
    source: Source


said: set[str] = set()  # what a person trusts in this process: hashes, and names of modules
copies: dict[str, Source] = {}  # by the file's spelling: what a run kept of it, instead of what lies there now
loaded: dict[str, Source] = {}  # by the same: what was read for the page at hand, which an edit does not change
modules: dict[str, ModuleType] = {}  # by hash
handed: dict[str, Handed] = {}  # by name, python:pay: what the program at hand handed in


def is_spelled(name: str) -> bool:
    """Whether this is how code from outside is named."""
    return FILE.fullmatch(name) is not None or MODULE.fullmatch(name) is not None


def code_in(text: str) -> str | None:
    """The code that a value names, if any.

    mine.py:f    env:mine.py:Game    game=mine.py:Game, with a name of its own    mine.py:f=0.5, with a weight
    openenv:FOLDER, openenv:URL
    """
    if text.strip().startswith(SERVER):
        return text.strip()
    word = text.strip().removeprefix(f"{ENVIRONMENT}:")
    own, _, place = word.partition("=")
    found = [*([place] if own.isidentifier() else []), word, word.rpartition("=")[0]]
    return next((name for name in found if is_spelled(name)), None)


def is_at_hand(name: str) -> bool:
    """Whether it can be asked for: an object of another program cannot, and its run can be looked at without it."""
    return HANDED.fullmatch(name) is None or name in handed


def short(name: str) -> str:
    """What a person calls it: the last part of a name from outside, any other name as it is."""
    return name.rpartition(":")[2] if is_spelled(name) else name


def load(name: str, keyword: str = "environment") -> Any:
    """The attribute that is named, from a file or a module that somebody trusts, or what was handed in."""
    if HANDED.fullmatch(name):
        return handed_in(name, keyword)
    found = FILE.fullmatch(name)
    if found is None:
        module, _, attribute = name.partition(":")
        if module not in OURS:
            check_trust(module, name)
        return attribute_of(imported(module, name), attribute, name)
    if (source := loaded.get(found["file"])) is None:
        source = source_of(found["file"])
        check_trust(source.hash, name)
        loaded[source.file] = source
    return attribute_of(executed(source), found["name"], name)


def handed_in(name: str, keyword: str) -> Any:
    """An object by its name; a run goes on with the one that it began with, as far as its source tells."""
    if (found := handed.get(name)) is None:
        raise ConfigError(
            f"{name} is no file, but an object that a Python program handed in: hand it in again by "
            f"the keyword that it had, for example straw.resume(RUN, {keyword}={short(name)})"
        )
    kept = copies.get(name)
    if kept is not None and kept.hash != found.source.hash:
        raise ConfigError(
            f"a run goes on with the code that it began with, and the source of {short(name)} was changed since: undo "
            "that, or begin another run"
        )
    loaded[name] = found.source
    return found.thing


def trust(name: str) -> None:
    """A person named it, as it lies there now. A file's hash is remembered, so that a run that uses it can go on."""
    if HANDED.fullmatch(name):
        return  # there is nothing that could be run by its name
    if name.startswith(SERVER):
        mark = mark_of_server(name.removeprefix(SERVER))
        said.add(mark)
        return remember(mark)
    found = FILE.fullmatch(name)
    if found:
        copies.pop(found["file"], None)
        loaded.pop(found["file"], None)
    mark = source_of(found["file"]).hash if found else name.partition(":")[0]
    said.add(mark)
    remember(mark)


def source_of(file: str) -> Source:
    if file in copies:
        return copies[file]
    if file in handed:
        return handed[file].source
    path = Path(file).expanduser()
    try:
        return Source(file, read_file(path, MOST, follow=True))
    except OSError as error:
        raise ConfigError(
            f"{file} is to hold code of yours, and it cannot be read ({error.strerror}): check the path"
        ) from None


class FromBytes(InspectLoader):
    """Python's own way from a text to a module, with a text that was read and hashed before."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def get_source(self, fullname: str) -> str:
        return decode_source(self.source.text)

    def get_code(self, fullname: str) -> CodeType:
        """With the file's name in it, for tracebacks."""
        return self.source_to_code(self.source.text, str(self.source.path))


def executed(source: Source) -> ModuleType:
    """The module that these bytes make: once in a process, whatever else asks for it."""
    if source.hash not in modules:
        name = f"straw_outside_{source.path.stem}_{source.hash}"
        module = module_from_spec(ModuleSpec(name, FromBytes(source), origin=str(source.path)))
        module.__file__ = str(source.path)
        sys.modules[name] = module  # dataclasses look their module up
        try:
            FromBytes(source).exec_module(module)
        except ImportError as error:
            raise ConfigError(
                f"{source.file} cannot be run ({error}): a file stands alone, so install what it imports, or put both "
                "into one file"
            ) from error
        except SyntaxError as error:
            raise ConfigError(f"{source.file} is no Python: line {error.lineno}: {error.msg}") from None
        except SystemExit as error:
            raise ends_the_program(source.file, error) from None
        modules[source.hash] = module
    return modules[source.hash]


def imported(module: str, name: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"{name} is to be found in the module {module}, and that cannot be imported ({error}): install it, or "
            "write FILE.py:NAME"
        ) from None
    except SystemExit as error:
        raise ends_the_program(module, error) from None


def ends_the_program(name: str, error: SystemExit) -> ConfigError:
    """A line, where straw would end without one."""
    return ConfigError(
        f"{name} ends the program when it is read (SystemExit: {error}): put what it runs behind "
        'if __name__ == "__main__"'
    )


def attribute_of(module: ModuleType, attribute: str, name: str) -> Any:
    if not hasattr(module, attribute):
        there = ", ".join(one for one in vars(module) if not one.startswith("_"))[:300]
        raise ConfigError(f"{name}: there is no {attribute} in it, but {there or 'nothing'}")
    return getattr(module, attribute)


# --- trust


def check_trust(mark: str, name: str) -> None:
    if mark in said or mark in remembered():
        return
    raise ConfigError(
        f"{name} is code from outside straw, named by a page or a run and not by you: look at it, and if you trust it "
        f"write trust_code={mark} behind the command"
    )


def trust_marks(marks: Iterable[str]) -> None:
    """What a person names by trust_code: hashes, and names of modules."""
    for mark in marks:
        said.add(mark)
        remember(mark)


def remembered() -> set[str]:
    try:
        return set(read_file(cache_folder() / TRUSTED, MOST).decode(errors="replace").split())
    except OSError:
        return set()


def remember(mark: str) -> None:
    """Only its owner may write to the list. Where it cannot be kept, the flag is the way."""
    if mark in remembered():
        return
    with suppress(OSError):
        make_folders(cache_folder())
        descriptor = open_file(cache_folder() / TRUSTED, os.O_WRONLY | os.O_CREAT | os.O_APPEND, mode=0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(f"{mark}\n".encode())


# --- servers


def check_server(place: str) -> None:
    """Whether a person named it. One that answers at this machine's own address was begun by somebody here."""
    mark = mark_of_server(place)
    if mark not in ("localhost", "127.0.0.1", "[::1]"):
        check_trust(mark, SERVER + place)


def mark_of_server(place: str) -> str:
    """A host by its name, a folder by the bytes of its code."""
    _, is_url, rest = place.partition("://")
    if is_url:
        return re.sub(r":\d+$", "", rest.partition("/")[0])
    folder, found = Path(place).expanduser(), sha256()
    for path in sorted(folder.rglob("*")):
        is_code = path.suffix in CODE and not any(part.startswith((".", "__pycache__")) for part in path.parts)
        if is_code and path.is_file():
            found.update(f"{path.relative_to(folder).as_posix()}\n".encode() + read_file(path, MOST, follow=True))
    return found.hexdigest()[:16]


# --- the page at hand


def begin(sources: Mapping[str, bytes]) -> None:
    """Another page is read: files are what its run kept, by their spelling, or else what lies there now."""
    loaded.clear()
    copies.clear()
    copies.update({file: Source(file, text) for file, text in sources.items()})


def in_use() -> dict[str, bytes]:
    """Every file of the page at hand, for a process that works for this one."""
    return {file: source.text for file, source in {**copies, **loaded}.items()}


def adopt(sources: Mapping[str, bytes]) -> None:
    """In such a process: the same files, which the first one was trusted with."""
    begin(sources)
    said.update(source.hash for source in copies.values())
