"""Checkpoints that leave the server: encrypted to their reader where he asks, by addresses that are good for an hour.

A signed address carries until when it is good and a keyed hash of itself, so it can be fetched without a key:

    /signed/1764500000/3f0c.../RUN/external_weights/NAME/adapter_model.safetensors.age
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from hashlib import sha256
from hmac import compare_digest, new
from pathlib import Path
from tempfile import TemporaryFile
from time import time
from typing import Any
from urllib.parse import quote

from straw.server.wire.refused import BadRequest, quoted

GOOD_FOR_S = 3600.0
ARCHIVE = "archive.tar"
PIECE = 1 << 20
MOST_RECIPIENTS = 16


class Signer:
    """Addresses, and whether one is ours and still good."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret

    def sign(self, expires: int, path: str) -> str:
        return new(self.secret, f"{expires}/{path}".encode(), sha256).hexdigest()

    def address(self, base: str, path: str) -> tuple[str, int]:
        """`path` is RUN/kind/NAME/FILE. The address, and until when it is good."""
        expires = int(time() + GOOD_FOR_S)
        return f"{base.rstrip('/')}/signed/{expires}/{self.sign(expires, path)}/{quote(path, safe='/:')}", expires

    def is_good(self, expires: int, signature: str, path: str) -> bool:
        return compare_digest(self.sign(expires, path).encode(), signature.encode()) and expires > time()


def recipients_of(value: Any) -> list[str]:
    """The age recipients of a request, each of which can be read."""
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MOST_RECIPIENTS or not all(isinstance(one, str) for one in value):
        raise BadRequest(f"age_encryption_recipients is a list of at most {MOST_RECIPIENTS} texts, got {quoted(value)}")
    for one in value:
        recipient(one)
    return value


def recipient(text: str) -> Any:
    try:
        import pyrage
    except ImportError:
        raise BadRequest(
            "this server cannot encrypt: pip install pyrage there, or export without age_encryption_recipients"
        ) from None
    try:
        kind = pyrage.ssh if text.startswith("ssh-") else pyrage.x25519
        return kind.Recipient.from_str(text)
    except Exception as error:  # its errors have no common class
        raise BadRequest(f"an age recipient begins with age1 or ssh- and is complete, got {quoted(text)}") from error


def encrypt(folder: Path, recipients: Sequence[str]) -> None:
    """Every file of the folder becomes FILE.age, and stays in no other form."""
    if not recipients:
        return
    import pyrage

    keys = [recipient(one) for one in recipients]
    for file in [one for one in folder.iterdir() if one.is_file()]:
        file.with_name(f"{file.name}.age").write_bytes(pyrage.encrypt(file.read_bytes(), keys))
        file.unlink()


def archived(folder: Path, names: Sequence[str]) -> Iterator[bytes]:
    """A tar file of a checkpoint, in pieces."""
    with TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            for name in names:
                tar.add(folder / name, arcname=name, recursive=False)
        file.seek(0)
        while piece := file.read(PIECE):
            yield piece
