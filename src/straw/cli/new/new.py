"""straw new: a file of your own to begin with, its test and its page."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.util import find_spec
from pathlib import Path

from straw.cli.arguments import take_option, wants_help
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
KINDS = ("task", "reward", "algorithm", "learner", "grader")
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
    from straw.cli.new.templates import TEMPLATES
    from straw.files import make_folders
    from straw.runs.files.atomic_write import run_error, write_whole

    texts = {path_of(form, name, folder): filled(text, name, folder) for form, text in TEMPLATES[kind].items()}
    if there := [str(path) for path in texts if path.exists() or path.is_symlink()]:
        raise ConfigError(f"straw new overwrites nothing, and {', '.join(there)} is there: choose another name")
    if any(mark in str(folder) for mark in '"\\:,'):
        raise ConfigError(f'a page names code as FILE.py:NAME, so a folder has none of " \\ : , ; got {folder}')
    try:
        make_folders(folder.absolute())
    except OSError as problem:
        raise run_error(problem, folder) from problem
    for path, text in texts.items():
        write_whole(path, text)
    outside.trust(f"{next(iter(texts))}:{name}")
    return list(texts)


def path_of(form: str, name: str, folder: Path) -> Path:
    return folder / form.replace("NAME", name)


def filled(text: str, name: str, folder: Path) -> str:
    marks = {
        "@name@": name,
        "@Name@": "".join(part.capitalize() for part in name.split("_")),
        "@NAME@": name.upper(),
        "@file@": (folder / f"{name}.py").as_posix(),
        "@page@": (folder / f"{name}.toml").as_posix(),
        "@data@": (folder / f"{name}.jsonl").as_posix(),
    }
    for mark, value in marks.items():
        text = text.replace(mark, value)
    return text.lstrip("\n")
