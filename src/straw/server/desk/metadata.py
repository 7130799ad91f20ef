"""What a client notes for itself about a session, a model or a checkpoint: texts by name."""

from __future__ import annotations

from straw.server.wire.fields import Fields
from straw.server.wire.refused import BadRequest

MOST = 64 << 10  # characters of all of them


def metadata_of(fields: Fields, name: str = "user_metadata") -> dict[str, str] | None:
    """A value of another kind is kept as its text, since clients of some age send any."""
    found = fields.inner(name).values
    kept = {str(key): one if isinstance(one, str) else str(one) for key, one in found.items() if one is not None}
    if sum(len(key) + len(one) for key, one in kept.items()) > MOST:
        raise BadRequest(f"{name} holds at most {MOST:,} characters: keep more in a file of your own", 413)
    return kept or None
