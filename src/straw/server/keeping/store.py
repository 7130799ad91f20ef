"""Checkpoints as folders, by the paths that programs name them by.

    tinker://RUN/{weights|sampler_weights|external_weights}/NAME    ->    checkpoints/RUN/weights/NAME/

A folder is written beside its place and moved there whole, and it counts once the journal names it. Whatever else lies
there is left from a moment of death, and is swept away at the next start. Parts of a path are letters, digits and a
few signs, never dots alone, so none leads out of the store.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from time import time

from straw.engines.tenants.records import Shape
from straw.errors import ConfigError
from straw.files import is_file, is_folder
from straw.server.keeping.journal import Journal
from straw.server.keeping.rows import Checkpoint
from straw.server.wire.refused import BadRequest, quoted

KINDS = {"weights": "training", "sampler_weights": "sampler", "external_weights": "external"}
PART = re.compile(r"[A-Za-z0-9_=+@][A-Za-z0-9._:=+@-]{0,199}")
SCHEME = "tinker://"


def checked_name(name: object) -> str:
    if not isinstance(name, str) or not PART.fullmatch(name):
        raise BadRequest(
            f"a checkpoint's name has letters, digits and . _ - : = + @, at most 200 and no dot in front; got "
            f"{quoted(name)}"
        )
    return name


def parts_of(path: object) -> tuple[str, str, str]:
    """RUN, kind and NAME of a tinker:// path."""
    found = path.removeprefix(SCHEME).split("/") if isinstance(path, str) and path.startswith(SCHEME) else []
    if len(found) != 3 or found[1] not in KINDS or not all(PART.fullmatch(one) for one in (found[0], found[2])):
        raise BadRequest(f"a checkpoint's path is tinker://RUN/{'|'.join(KINDS)}/NAME, got {quoted(path)}")
    return found[0], found[1], found[2]


def size_of(folder: Path) -> int:
    return sum(entry.stat().st_size for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False))


class Store:
    """Everything below one folder. `most_bytes`: of all checkpoints; `least_free`: what is left to others."""

    def __init__(
        self, root: Path, journal: Journal, *, most_bytes: int = 100 << 30, least_free: int = 256 << 20,
        aliases: Mapping[str, Path] | None = None,
    ) -> None:  # fmt: skip
        self.root, self.journal, self.most_bytes, self.least_free = root, journal, most_bytes, least_free
        self.aliases = dict(aliases or {})
        for name in ("checkpoints", "states", "samplers", "unfinished"):
            (root / name).mkdir(parents=True, exist_ok=True)

    # --- writing

    def check_room(self) -> None:
        free = shutil.disk_usage(self.root).free
        if free < self.least_free:
            raise ConfigError(f"the server's disk is full ({free >> 20} MiB are free): delete checkpoints")
        row = self.journal.one("SELECT sum(size) FROM checkpoints")
        used = int(row[0] or 0) if row else 0
        if used > self.most_bytes:
            raise ConfigError(
                f"checkpoints of this server may take {self.most_bytes >> 20:,} MiB and take {used >> 20:,}: "
                "delete some"
            )

    def write(self, place: str, fill: Callable[[Path], None]) -> Path:
        """A folder at this place below the root, filled by the caller; what was there before is gone."""
        self.check_room()
        target, unfinished = self.root / place, self.root / "unfinished" / token_hex(8)
        try:
            fill(unfinished)
            target.parent.mkdir(parents=True, exist_ok=True)
            self.remove(place)
            os.rename(unfinished, target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        return target

    def remove(self, place: str) -> None:
        """Moved out of its place first, so that no half of it is ever found there."""
        away = self.root / "unfinished" / token_hex(8)
        if is_folder(self.root / place):
            os.rename(self.root / place, away)
            shutil.rmtree(away, ignore_errors=True)

    def keep(
        self, run: str, kind: str, name: str, *, owner: str, base: str, shape: Shape, ttl: int | None,
        about: dict[str, str] | None, fill: Callable[[Path], None],
    ) -> Checkpoint:  # fmt: skip
        """A checkpoint with its folder. The caller writes it to the journal, together with the request's result."""
        place = f"checkpoints/{run}/{kind}/{name}"
        folder, now = self.write(place, fill), time()
        return Checkpoint(
            path=f"{SCHEME}{run}/{kind}/{name}", run=run, kind=kind, name=name, owner=owner, folder=place, base=base,
            shape=shape, made=now, size=size_of(folder), public=False, expires=now + ttl if ttl else None, about=about,
        )  # fmt: skip

    # --- reading

    def readable(self, path: object, owner: str) -> Checkpoint:
        """A checkpoint that this owner may read: his own, a published one, an alias. Any other there is not."""
        run, kind, name = parts_of(path)
        found = self.journal.checkpoint(f"{SCHEME}{run}/{kind}/{name}")
        if found is None and str(path) in self.aliases:
            return self.alias(str(path))
        if found is None or (found.owner != owner and not found.public):
            raise BadRequest(
                f"there is no checkpoint {quoted(path, 200)} on this server, or it is another key's: a folder can take "
                "its place, straw serve ... checkpoint PATH=FOLDER",
                404,
            )
        return found

    def owned(self, path: object, owner: str) -> Checkpoint:
        found = self.readable(path, owner)
        if found.owner != owner:
            raise BadRequest(f"the checkpoint {quoted(path, 200)} is another key's: only its owner changes it", 403)
        return found

    def alias(self, path: str) -> Checkpoint:
        run, kind, name = parts_of(path)
        folder = self.aliases[path]
        return Checkpoint(
            path=path, run=run, kind=kind, name=name, owner="", folder=str(folder), base="", made=0.0,
            shape=Shape(rank=1), size=size_of(folder), public=True, expires=None, about=None,
        )  # fmt: skip

    def folder(self, place: str) -> Path:
        """Of a checkpoint, state or sampler; an alias has its own."""
        return self.root / place

    def files(self, one: Checkpoint) -> list[str]:
        folder = self.folder(one.folder)
        return sorted(name for name in os.listdir(folder) if is_file(folder / name)) if is_folder(folder) else []

    # --- deleting

    def delete(self, one: Checkpoint) -> None:
        self.journal.write("DELETE FROM checkpoints WHERE path = ?", one.path)
        self.remove(one.folder)

    def publish(self, one: Checkpoint, public: bool) -> None:
        self.journal.add_checkpoint(replace(one, public=public))

    def set_ttl(self, one: Checkpoint, ttl: int | None) -> None:
        self.journal.add_checkpoint(replace(one, expires=time() + ttl if ttl else None))

    def expire(self) -> int:
        """Delete what has outlived its time; how many."""
        old = self.journal.all("SELECT path, folder FROM checkpoints WHERE expires <= ?", time())
        for path, folder in old:
            self.journal.write("DELETE FROM checkpoints WHERE path = ?", path)
            self.remove(folder)
        return len(old)

    def sweep(self) -> None:
        """At the start: what the journal does not name was never finished."""
        shutil.rmtree(self.root / "unfinished", ignore_errors=True)
        (self.root / "unfinished").mkdir()
        named = {row[0] for row in self.journal.all("SELECT folder FROM checkpoints")}
        named |= {row[0] for row in self.journal.all("SELECT state FROM models WHERE state IS NOT NULL")}
        named |= {row[0] for row in self.journal.all("SELECT folder FROM samplers WHERE folder IS NOT NULL")}
        found = [*self.root.glob("states/*"), *self.root.glob("samplers/*"), *self.root.glob("checkpoints/*/*/*")]
        for folder in found:
            if (place := folder.relative_to(self.root).as_posix()) not in named:
                self.remove(place)
