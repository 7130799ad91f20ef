"""What a program in the sandbox can read: the libraries of the system, an interpreter, and what a caller adds.

    /usr/lib, /lib, ...        shared libraries
    bin/python3, lib/          of the interpreter that straw runs in, without the packages that are installed there
    /straw                     the few files of ours that run inside

There is no /home, /root, /etc, /proc or /sys, and nothing of the checkout, of data or of run folders. Packages are
hidden since straw's own may lie among them, with the problems that it ships.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

INSIDE = Path(__file__).with_name("inside")
HOUSE = "/straw"  # where our files are inside
OURS = f"{HOUSE}/straw/sandbox/inside"
LIBRARIES = ("/lib", "/lib64", "/lib32", "/usr/lib", "/usr/lib64", "/usr/lib32")
DEVICES = ("null", "zero", "full", "random", "urandom")


@cache
def python() -> str:
    """The interpreter itself: an environment's is a link to it."""
    return str(Path(getattr(sys, "_base_executable", "") or sys.executable).resolve())


@cache
def mounts() -> tuple[str, ...]:
    """The arguments by which bubblewrap shows all of it."""
    links = [library for library in map(Path, LIBRARIES) if library.is_symlink()]
    shown = [library for library in map(Path, LIBRARIES) if library.is_dir() and library not in links]
    shown += interpreter()
    words = folders([*map(str, shown), OURS, "/dev/null"])
    for link in links:
        words += ["--symlink", str(link.readlink()), str(link)]
    for path in shown:
        words += ["--ro-bind", str(path), str(path)]
    for path in packages():
        words += ["--tmpfs", str(path), "--remount-ro", str(path)]
    for device in DEVICES:
        words += ["--dev-bind-try", f"/dev/{device}", f"/dev/{device}"]
    return (*words, "--ro-bind", str(INSIDE), OURS)


def folders(paths: Iterable[str]) -> list[str]:
    """The folders above these, open to everyone: bubblewrap would make them for the user who begins it."""
    above = {str(folder) for path in paths for folder in Path(path).parents if folder != Path("/")}
    return [word for folder in sorted(above) for word in ("--perms", "0755", "--dir", folder)]


def interpreter() -> Iterator[Path]:
    """The program, and its library where that is not the system's."""
    yield Path(python())
    lib, standard = Path(sys.base_prefix).resolve() / "lib", Path(sysconfig.get_path("stdlib")).resolve()
    shown = [Path(library).resolve() for library in LIBRARIES if Path(library).is_dir()]
    for folder, above in ((lib, shown), (standard, [*shown, lib])):
        if folder.is_dir() and not any(folder.is_relative_to(other) for other in above):
            yield folder


def packages() -> Iterator[Path]:
    """Folders of installed packages, as far as they lie in what is shown."""
    roots = [Path(library).resolve() for library in LIBRARIES if Path(library).is_dir()]
    roots += [path for path in interpreter() if path.is_dir()]
    found = {folder.resolve() for root in roots for folder in packages_in(root)}
    return iter(sorted(found))


def packages_in(root: Path) -> Sequence[Path]:
    names = ("site-packages", "dist-packages")
    return [
        folder for name in names for folder in [*root.glob(f"python3*/{name}"), *root.glob(name)] if folder.is_dir()
    ]
