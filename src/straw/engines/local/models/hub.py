"""Models of the Hugging Face hub by name: "org/name" becomes a folder in the hub's own cache.

A model that was fetched before is read from that cache and needs no network. So a run meets the weights
it met yesterday, even if somebody changed them on the hub since.
"""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

from straw.engines.local.models.folder import first_line, shortcoming
from straw.errors import ModelError

WANTED = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
UNWANTED = ["*/*", "consolidated*"]  # the same weights in other formats
WAY_OUT = "give the path of a model folder or .gguf file, or run `straw models add smollm2` and write smollm2"


def hub_folder(name: str, *, with_code: bool = False) -> Path:
    """The folder of a hub model, from the cache if it is there whole."""
    return cached(name, with_code) or download(name, WANTED + ["*.py"] * with_code)


def cached(name: str, with_code: bool) -> Path | None:
    try:
        folder = Path(snapshot_download(name, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    lacks_code = with_code and not any(folder.glob("*.py"))
    return None if lacks_code or shortcoming(folder) else folder


def download(name: str, wanted: list[str]) -> Path:
    try:
        return Path(snapshot_download(name, allow_patterns=wanted, ignore_patterns=UNWANTED))
    except LocalEntryNotFoundError as error:
        raise ModelError(f"{name!r} is no folder here, and the hub cannot be reached for it: {WAY_OUT}") from error
    except GatedRepoError as error:
        raise ModelError(
            f"{name!r} is for those who accepted its terms on the hub: log in there, or {WAY_OUT}"
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(f"{name!r} is neither a folder here nor a public model of the hub: {WAY_OUT}") from error
    except Exception as error:  # the network and the disk fail in many ways
        raise ModelError(f"{name!r} could not be fetched from the hub ({first_line(error)}): {WAY_OUT}") from error
