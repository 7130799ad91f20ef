"""A checkpoint's files, fetched into a folder that is thrown away.

a server of one's own     their signed addresses, of the checkpoint as it lies there
the hosted service        the checkpoint is loaded into a training client, which exports it for an hour, encrypted to a
                          key of this moment where pyrage is installed; the export is deleted when it was fetched

The optimizer's state stays there, and so does every file whose name is not that of a model's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from straw.engines.tinker import sdk
from straw.engines.tinker.checkpoint import TINKER, read_saved
from straw.errors import EngineLost, RunError, StrawError
from straw.files import MIB
from straw.runs.checkpoints.weights import OPTIMIZER

FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.(json|safetensors|jinja|txt|model)")
AGE = ".age"
AN_HOUR, WAIT_S = 3600, 120
Say = Callable[[str], None]
Open = Callable[[bytes], bytes]  # decrypts


@contextmanager
def downloaded(checkpoint: Path, base_url: str | None, say: Say) -> Iterator[Path]:
    """What the tinker.json of a run's checkpoint names: adapters in PEFT's form, or a whole model."""
    path = read_saved(checkpoint).path
    where = "the Tinker service" if sdk.is_hosted(base_url) else str(sdk.address(base_url))
    say(f"fetching {path} from {where}")
    with TemporaryDirectory(prefix="straw-weights-") as made:
        folder = Path(made)
        (exported if sdk.is_hosted(base_url) else as_it_lies)(path, base_url, folder)
        if not any(one.suffix == ".safetensors" for one in folder.iterdir()):
            raise RunError(f"{where} sent no weights for {path}: use another checkpoint of the run")
        yield folder


def as_it_lies(path: str, base_url: str | None, folder: Path) -> None:
    """By the address that a server of ours gives for every kind of checkpoint."""
    run, kind, name = path.removeprefix(TINKER).split("/")
    place = f"training_runs/{quote(run, safe=':')}/checkpoints/{quote(kind)}/{quote(name)}/external_weights_urls"
    base = str(sdk.address(base_url)).rstrip("/")
    headers = {"X-API-Key": os.environ.get("TINKER_API_KEY", "")}
    with told(path, base), urlopen(Request(f"{base}/api/v1/{place}", headers=headers), timeout=WAIT_S) as answer:
        urls = json.loads(answer.read(MIB))["urls"]
    with told(path, base):
        fetch(urls, folder, lambda data: data)


@contextmanager
def told(path: str, base: str) -> Iterator[None]:
    try:
        yield
    except HTTPError as error:
        raise RunError(
            f"{base} does not give {path} ({detail(error)}): begin it on its folder, with the run's key"
        ) from (error)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineLost(
            f"the weights of this run lie with {base}, which does not answer ({sdk.first_line(error)}): begin that "
            "server again on its folder, or say where it is now: TINKER_BASE_URL=..."
        ) from error


def detail(error: HTTPError) -> str:
    with suppress(ValueError, OSError, KeyError, TypeError):
        return str(json.loads(error.read(MIB))["detail"])[:200]
    return f"status {error.code}"


def exported(path: str, base_url: str | None, folder: Path) -> None:
    """As any program may: by a training client that begins with the checkpoint."""
    service = sdk.service(base_url)
    recipients, decrypt = key_of_this_moment()
    try:
        with sdk.in_a_line():
            client = sdk.ready(service.create_training_client_from_state(path))
            if not hasattr(client, "save_weights_external"):
                raise RunError("this SDK exports no weights: pip install --upgrade tinker")
            name = f"straw-export-{token_hex(4)}"
            made = client.save_weights_external(name, ttl_seconds=AN_HOUR, age_encryption_recipients=recipients)
            found = made.result().path
            urls = sdk.rest(service).get_external_weights_urls(found).result().urls
        with told(path, "the service"):
            fetch(urls, folder, decrypt)
        with suppress(StrawError), sdk.in_a_line():
            sdk.rest(service).delete_checkpoint_from_tinker_path(found).result()
    finally:
        if hasattr(service, "close"):
            with suppress(StrawError), sdk.in_a_line():
                sdk.ready(service.close("success"))


def key_of_this_moment() -> tuple[list[str] | None, Open]:
    """To whom the export is encrypted, and how it is read then."""
    try:
        import pyrage
    except ImportError:
        return None, lambda data: data
    identity: Any = pyrage.x25519.Identity.generate()
    return [str(identity.to_public())], lambda data: bytes(pyrage.decrypt(data, [identity]))


def fetch(urls: Mapping[str, str], folder: Path, decrypt: Open) -> None:
    for name, url in urls.items():
        plain = name.removesuffix(AGE)
        if FILE.fullmatch(plain) is None or plain == OPTIMIZER:
            continue
        if urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"it gives {url[:60]!r} for an address")
        with urlopen(url, timeout=WAIT_S) as answer, (folder / plain).open("wb") as file:
            if plain == name:
                shutil.copyfileobj(answer, file, MIB)
            else:
                file.write(decrypt(answer.read()))
