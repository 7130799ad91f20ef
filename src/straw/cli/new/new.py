"""straw new: a file of your own to begin with, its test and its page: one of the examples under a name of yours."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from straw.cli.arguments import take_option, wants_help
from straw.config.recipes import shipped_folder
from straw.errors import ConfigError, did_you_mean
from straw.text.shown.say import say, say_lines

NEW = """straw new task|reward|algorithm|learner|grader NAME [folder=.]

Write NAME.py, which works and is short enough to be changed, its test test_NAME.py, and NAME.toml, a page that trains
with it. Nothing that is there is overwritten.

  straw new task riddles                      riddles.py, test_riddles.py, riddles.toml
  straw new reward brevity folder=mine        the same under mine/
  straw train riddles.toml                    try it
  python -m pytest test_riddles.py            its test

  task        which problems are asked
  reward      what a reply is paid: a function, in the form of TRL's
  algorithm   a baseline, a loss, and the row of both
  learner     which replies are learned, from all that was rolled out
  grader      whether a reply is right

Code that you name behind a command is trusted; what a page names runs if it is as `straw new` wrote it, or as it was
when you last named it. So after an edit name it once: the first lines of the page say how.
"""
EXAMPLES = "examples"


def in_capitals(name: str) -> str:
    """riddle_game -> RiddleGame"""
    return "".join(part.capitalize() for part in name.split("_"))


KINDS: dict[str, tuple[str, Callable[[str], str]]] = {  # what the example calls it, and how the new name is spelled
    "task": ("Letters", in_capitals),
    "reward": ("short", str),
    "algorithm": ("MEDIAN", str.upper),
    "learner": ("BestSoFar", in_capitals),
    "grader": ("ends_with_gold", str),
}
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def new(words: list[str]) -> int:
    if wants_help(words) or not words:
        say_lines(NEW)
        return 0 if words else 2
    folder = Path(take_option(words, "folder", "mine") or ".").expanduser()
    if len(words) != 2:
        raise ConfigError(f"straw new takes a kind and a name; got {' '.join(words)}. Write: straw new task riddles")
    kind, name = words
    if kind not in KINDS:
        raise ConfigError(f"straw new makes {', '.join(KINDS)}, and no {kind!r}: {did_you_mean(kind, KINDS)}")
    check_name(name, folder)
    written = write(kind, name, folder)
    for path in written:
        say(f"wrote {path}")
    say()
    say(f"  straw train {written[-1]}   try it")
    say(f"  python -m pytest {written[1]}   its test")
    return 0


def check_name(name: str, folder: Path) -> None:
    """It becomes a module, and one of that name that others import would be hidden by it."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ConfigError(
            f"a name is that of a Python file: small letters, digits and _, a letter first; got {name[:60]!r}. "
            "Write for example straw new task riddles."
        )
    path = folder / f"{name}.py"
    if name in sys.stdlib_module_names or (not path.exists() and is_imported_elsewhere(name, folder)):
        raise ConfigError(f"{name}.py would hide the module {name} that is installed: choose another name")


def is_imported_elsewhere(name: str, folder: Path) -> bool:
    """Whether an import of this name finds something that is not in this folder."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return False
    where = None if spec is None else spec.origin or next(iter(spec.submodule_search_locations or ()), None)
    return where is not None and Path(where).parent.absolute() != folder.absolute()


def write(kind: str, name: str, folder: Path) -> list[Path]:
    """The code, its test, whatever its page reads, and the page last; all of them or none."""
    from straw import outside
    from straw.files import make_folders
    from straw.runs.files.atomic_write import run_error, write_whole

    if any(mark in str(folder) for mark in '"\\:,'):
        raise ConfigError(f'a page names code as FILE.py:NAME, so a folder has none of " \\ : , ; got {folder}')
    texts = {folder / there: renamed(path.read_text(), kind, name, folder) for there, path in files_of(kind, name)}
    if there := [str(path) for path in texts if path.exists() or path.is_symlink()]:
        raise ConfigError(f"straw new overwrites nothing, and {', '.join(there)} is there: choose another name")
    try:
        make_folders(folder.absolute())
    except OSError as problem:
        raise run_error(problem, folder) from problem
    for path, text in texts.items():
        write_whole(path, text)
    outside.trust(f"{next(iter(texts))}:{name}")
    return list(texts)


def files_of(kind: str, name: str) -> Iterator[tuple[str, Path]]:
    """What becomes of the example's files, each with where it lies now."""
    for form in ("{}.py", "test_{}.py", "{}.jsonl", "{}.toml"):
        path = shipped_folder(EXAMPLES) / form.format(f"my_{kind}")
        if path.is_file():
            yield form.format(name), path


def renamed(text: str, kind: str, name: str, folder: Path) -> str:
    """The example under its new names: of its files, where they lie, and of what it defines."""
    own, spelling = KINDS[kind]
    text = text.replace(f"{EXAMPLES}/", f"{folder.as_posix()}/" if folder != Path() else "")
    text = re.sub(rf"my_{kind}\b", name, text)
    return re.sub(rf"\b{own}(?=\b|[A-Z])", spelling(name), text)
