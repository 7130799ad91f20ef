"""Pages that come with straw, by name; and one's own, which win.

    secret_dense, secret_dense.toml, recipes/secret_dense.toml      recipes/secret_dense.toml
    capacity-small                  of sweeps                       recipes/sweeps/capacity-small.toml

A name means a file beside you first: as it is written, then in recipes/ of the folder where you stand, and only then
a page of ours. Ours lie in recipes/ of a checkout, also where it is installed as editable, and in straw/recipes of a
wheel, which is a copy of that folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import straw

RECIPES, SWEEPS, ENDING = "recipes", "sweeps", ".toml"


@dataclass(frozen=True, slots=True)
class Found:
    """A page, and whether it is one of ours."""

    path: Path
    is_shipped: bool = False

    @property
    def remark(self) -> str:
        """What a person is told whose word was no path."""
        whose = "comes with straw" if self.is_shipped else "is beside you"
        return f"page {self.path}, which {whose}"


def recipe_named(name: str, folder: str = "") -> Found | None:
    """The page of this name; None where there is none. `folder`: below recipes/, where the names of a kind are."""
    wanted = f"{name.removesuffix(ENDING)}{ENDING}"
    short = wanted.removeprefix("./").removeprefix(f"{RECIPES}/").removeprefix(f"{folder}/" if folder else "")
    for path in (Path(wanted), Path(RECIPES, folder, short)):
        if is_there(path):
            return Found(path)
    shipped = shipped_folder() / folder
    is_inside = ".." not in PurePosixPath(short).parts and not PurePosixPath(short).is_absolute()
    return Found(shipped / short, is_shipped=True) if is_inside and is_there(shipped / short) else None


def is_there(path: Path) -> bool:
    """Whether it is a file; a word of a thousand letters is none, and no error of the system's."""
    try:
        return path.is_file()
    except OSError:
        return False


def recipe_names(folder: str = "") -> list[str]:
    """Of those that come with straw."""
    return sorted(path.stem for path in (shipped_folder() / folder).glob(f"*{ENDING}"))


def shipped_folder(name: str = RECIPES) -> Path:
    """straw/recipes of a wheel; recipes/ of the checkout whose src/straw this is. The examples lie beside it."""
    package = Path(straw.__file__).parent
    return package.parents[1] / name if package.parent.name == "src" else package / name
