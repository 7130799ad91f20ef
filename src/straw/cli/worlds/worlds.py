"""straw worlds: virtual environments of the libraries that cannot live beside straw."""

from __future__ import annotations

from straw.cli.arguments import wants_help
from straw.errors import ConfigError, did_you_mean
from straw.text.shown.say import say, say_lines

WORLDS = """straw worlds [add LIBRARY [PACKAGE ...]]

OpenEnv and verifiers cannot be installed beside each other, so each has a virtual environment of its own, under straw's
cache, and its worlds run in processes of their own.

  straw worlds                                  which there are
  straw worlds add openenv                      for openenv:FOLDER; openenv:http://... needs nothing
  straw worlds add verifiers ./my_environment   for verifiers:my-environment; packages as behind pip install

An interpreter of yours instead: STRAW_OPENENV_PYTHON=/path/to/python, STRAW_VERIFIERS_PYTHON=...
"""


def worlds(words: list[str]) -> int:
    if wants_help(words):
        say_lines(WORLDS)
        return 0
    from straw.tasks.environments.own_python import LIBRARIES, make, python_of, variable_of

    if not words:
        for library in LIBRARIES:
            python = python_of(library)
            said = "not there: straw worlds add " + library if python is None else str(python)
            say(f"{library:<10} {said}   ({variable_of(library)} names another)")
        return 0
    command, *rest = words
    if command != "add" or not rest:
        raise ConfigError(
            f"straw worlds has one command, add LIBRARY; got {command!r}. Write straw worlds add verifiers"
        )
    library, *packages = rest
    if library not in LIBRARIES:
        raise ConfigError(f"straw worlds knows no library {library!r}: {did_you_mean(library, LIBRARIES)}")
    if bad := [one for one in packages if one.startswith("-")]:
        raise ConfigError(f"behind the library stand packages; got {bad[0]!r}. For options of pip use its own python")
    say(f"{library} is at {make(library, packages, say)}")
    return 0
