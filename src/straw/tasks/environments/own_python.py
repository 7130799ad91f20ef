"""Interpreters of libraries that cannot live beside straw, or beside each other: each has a virtual environment.

    straw worlds add verifiers            makes one, in straw's cache: CACHE/worlds/verifiers
    STRAW_VERIFIERS_PYTHON=/my/python     one of your own instead

OpenEnv wants mcp below 2 and verifiers pins 2.0, so that no environment has both. A page never names an interpreter: it
may come from a stranger, and would run what it likes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from straw.cache_dir import cache_folder
from straw.errors import ConfigError, StrawError

LIBRARIES = {"openenv": "openenv>=0.10,<0.11", "verifiers": "verifiers>=0.4,<0.5"}
MAKING_S = 1800.0


def folder_of(library: str) -> Path:
    return cache_folder() / "worlds" / library


def variable_of(library: str) -> str:
    return f"STRAW_{library.upper()}_PYTHON"


def python_in(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def python_of(library: str) -> Path | None:
    """The first of: the one that the variable names, the one that straw made, this one where it has the library."""
    if named := os.environ.get(variable_of(library)):
        if not Path(named).is_file():
            raise ConfigError(f"{variable_of(library)} names the python that has {library}; there is no {named}")
        return Path(named)
    if (made := python_in(folder_of(library))).is_file():
        return made
    return Path(sys.executable) if find_spec(library) is not None else None


def needed_python(library: str) -> Path:
    found = python_of(library)
    if found is None:
        raise ConfigError(
            f"{library} has a virtual environment of its own, and there is none yet: straw worlds add {library}"
        )
    return found


def make(library: str, packages: Sequence[str], say: Callable[[str], None]) -> Path:
    """The environment with the library and `packages` in it; one that is there gets what it lacks."""
    folder = folder_of(library)
    python = python_in(folder)
    if not python.is_file():
        say(f"making {folder}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        run([sys.executable, "-m", "venv", str(folder)], library)
    say(f"installing {' '.join([LIBRARIES[library], *packages])}")
    run([str(python), "-m", "pip", "install", "--quiet", LIBRARIES[library], *packages], library)
    return python


def run(command: list[str], library: str) -> None:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=MAKING_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StrawError(f"the environment of {library} cannot be made: {error}") from None
    if ran.returncode:
        said = [line for line in ran.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
        raise StrawError(f"the environment of {library} cannot be made: {' '.join(said[-2:])[:400] or 'no reason'}")
