"""Sending an exported folder to a hub of models, when somebody asks for it and never otherwise.

    check_name("me/mine")                          owner/name, as Hugging Face's hub has them
    push(folder, "me/mine", private=True)          a new repository, or an empty one of yours

The hub is huggingface.co or HF_ENDPOINT, and who you are is what `hf auth login` or HF_TOKEN says; the token goes into
no file, no message and no card. A repository that has files is left alone, unless they are to be replaced.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from straw.errors import ConfigError, RunError
from straw.text.shown.visible import visible

PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?")
LONGEST = 96
HUB = "https://huggingface.co"
EMPTY = {".gitattributes"}  # what a hub puts there by itself
REFUSED = {
    401: "it does not know who you are: write hf auth login, or set HF_TOKEN",
    403: "it does not let you write there: take a token that may write, or an owner that is you",
    404: "there is no such owner, or no hub at that address: look at the name and at HF_ENDPOINT",
    409: "the name is taken: choose another",
    429: "it has had too many requests: try again later",
}


def check_name(name: str) -> None:
    owner, slash, rest = name.partition("/")
    is_name = slash and all(PART.fullmatch(part) for part in (owner, rest))
    if not is_name or len(name) > LONGEST or "--" in name or ".." in name or name.endswith((".git", ".ipynb")):
        raise ConfigError(
            f"a name on the hub is OWNER/NAME, of letters, digits, '-', '_' and '.', at most {LONGEST}; got "
            f"{visible(name)[:120]!r}. Write for example --hub me/secret-64."
        )


def address() -> str:
    return (os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")


def host() -> str:
    """Of the address what may be shown: a user and a password may stand in it."""
    return visible(urlsplit(address()).hostname or "the hub")


def push(folder: Path, name: str, *, private: bool, replaces: bool) -> str:
    """Sends it; returns where it is to be seen."""
    from huggingface_hub import HfApi

    hub = HfApi(endpoint=address(), library_name="straw")
    with in_one_line(name):
        hub.create_repo(name, private=private, exist_ok=True)
        there = sorted({*hub.list_repo_files(name)} - EMPTY)
    if there and not replaces:
        raise RunError(
            f"an export overwrites nothing, and {name} on {host()} has files already ({visible(there[0])[:60]}): "
            "choose another name, or write --force to replace those of the same names"
        )
    with in_one_line(name):
        hub.upload_folder(repo_id=name, folder_path=folder, commit_message="straw export")
    return f"https://{host()}/{name}" if address() == HUB else f"{name} on {host()}"


@contextmanager
def in_one_line(name: str) -> Iterator[None]:
    """What a hub, the network or the disk says, without a word of theirs: a token could be among them."""
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled

    try:
        yield
    except OfflineModeIsEnabled:
        raise RunError(f"HF_HUB_OFFLINE is set, so {name} is sent nowhere: unset it, or leave --push out") from None
    except LocalTokenNotFoundError:
        raise RunError(f"{host()} takes nothing of {name}: {REFUSED[401]}") from None
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        why = REFUSED.get(status, f"it answered with status {status}: try again later")
        raise RunError(f"{host()} takes nothing of {name}: {why}") from None
    except Exception as error:  # the network and the disk fail in many ways
        raise RunError(
            f"{name} could not be sent to {host()} ({type(error).__name__}): is it reachable? The folder is whole, and "
            "the same command tries again"
        ) from None
