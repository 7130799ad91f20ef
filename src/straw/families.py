"""Names with a tail: `gym:chain_sum` belongs to the family `gym:NAME`.

    entry_for("gym:chain_sum", {"secret", "gym:NAME"}) == "gym:NAME"

A family stands for as many names as somebody else has (the generators of a library), so a table holds it once.
"""

from __future__ import annotations

from collections.abc import Container

ANY = "NAME"


def entry_for(name: str, known: Container[str]) -> str | None:
    """The entry that `name` stands under: itself or its family's; None where there is none."""
    if name in known:
        return name
    head, colon, tail = name.partition(":")
    family = f"{head}:{ANY}"
    return family if colon and tail and family in known else None
