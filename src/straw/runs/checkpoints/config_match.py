"""A run keeps its page: what was changed is found, named and refused.

lr=0.001, not 0.0003      the page says the first, the run began with the second
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from shlex import join
from typing import Any

from straw.config import TRUST, Page, dump, load_page, with_values
from straw.errors import RunError
from straw.runs.kept_code import kept_code
from straw.runs.kept_data import restore_rows
from straw.runs.reading import CONFIG, read_about, read_config


def page_of(folder: Path) -> Page:
    """The page that the run began with; a config that was edited since is refused."""
    begun, now = read_about(folder).get("config"), read_config(folder)
    if begun is not None and (changed := differences(now, begun)):
        raise RunError(
            f"a run keeps its page, and {folder / CONFIG} was changed since it began ({listed(changed)}): "
            f"undo that, or make it another run: {as_branch(folder, changed)}"
        )
    restore_rows(folder, CONFIG)
    return load_page(folder / CONFIG, {TRUST: False}, code=kept_code(folder)).page


def page_to_run(folder: Path, *, trusts: bool) -> Page:
    """The same for whoever goes on with its model: the record of a trust is no trust, so it has to be said again."""
    page_of(folder)
    return load_page(folder / CONFIG, {TRUST: True} if trusts else {}, code=kept_code(folder)).page


def check_is_same(page: Page, folder: Path) -> None:
    """What a page leaves open was filled in when the run began; where the folder lies and what it keeps, no matter."""
    begun = page_of(folder)
    kept = {"keep_weights": begun.run.keep_weights, "keep_optimizer": begun.run.keep_optimizer}
    no_matter = {"run_dir": begun.run.run_dir, **kept, TRUST: False}
    mine = with_values(page, no_matter | {"max_tokens": page.sampling.max_tokens or begun.sampling.max_tokens})
    if changed := differences(tomllib.loads(dump(mine)), tomllib.loads(dump(begun))):
        raise RunError(
            f"a run keeps its page, and the one in {folder} began with another ({listed(changed)}): choose another "
            f"run_dir, or go on from its checkpoint as another run: {as_branch(folder, changed)}"
        )


def differences(page: Mapping[str, Any], begun: Mapping[str, Any]) -> dict[str, tuple[object, object]]:
    """Options with another value than the run began with, by name: (the page's, the run's)."""
    ours, theirs = (flat(one) for one in (page, begun))
    return {
        name: (ours.get(name), theirs.get(name))
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
    }


def flat(page: Mapping[str, Any]) -> dict[str, Any]:
    """Values by name, from sections or without."""
    values: dict[str, Any] = {}
    for name, value in page.items():
        values |= value if isinstance(value, dict) else {name: value}
    return values


def listed(changed: Mapping[str, tuple[object, object]]) -> str:
    return "; ".join(f"{name}={ours}, not {begun}" for name, (ours, begun) in changed.items())


def as_branch(folder: Path, changed: Mapping[str, tuple[object, object]]) -> str:
    """A command to be copied: what somebody wrote into a config is a word of it, whatever a shell would make of it."""
    return join(
        ["straw", "resume", str(folder), "--branch", *(f"{name}={ours}" for name, (ours, _) in changed.items())]
    )
