"""The intrinsic rewards by name, and what each of them needs. Nothing here loads torch before one is made.

    knn, knn+    a memory of what succeeded, and of what failed as well      episodic.py
    surprise     rare tokens                                                 kinds/surprise.py
    entropy      rare bytes                                                  kinds/surprise.py
    elliptical   directions that were not seen yet                           kinds/elliptical.py
    extra        right replies unlike the other right ones of their group    kinds/extra.py
    repeats      wrong replies that were wrong before: blamed                kinds/repeats.py

One of your own is a class with the methods of `base.Judge`: use_ir=mine.py:Mine. Where it needs embeddings it says
`needs_encoder = True`; where it has options it is made by `from_options(memory section, width, seed)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from straw.config import Memory
from straw.errors import ConfigError
from straw.registry import find

if TYPE_CHECKING:
    from straw.rewards.intrinsic.base import Judge
    from straw.rewards.intrinsic.memory_store import MemoryStore

METHODS = ("raw", "write", "counts", "arrays", "load")  # of a judge
Make = Callable[[Memory, int, int], Any]  # the page's section, the width of an embedding, the run's seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`is_memory`: it keeps neighbours, and pays for exploiting them. `is_novel`: it pays for what is new."""

    make: Make
    is_memory: bool = False
    is_novel: bool = True
    encoder: str | None = None  # who embeds, where nobody chose; None: nothing is embedded


def neighbours(memory: Memory, width: int, seed: int) -> Judge:
    from straw.rewards.intrinsic.episodic import Episodic

    failure = store_of(memory, width) if memory.use_ir == "knn+" else None
    return Episodic(store_of(memory, width), failure, k=memory.k, floor=memory.similarity_floor)


def store_of(memory: Memory, width: int) -> MemoryStore:
    from straw.rewards.intrinsic.memory_store import MemoryStore

    is_approximate = memory.neighbours == "approximate"
    return MemoryStore(width, memory.memory_keys, memory.memory_values, approximate=is_approximate)


def surprise(memory: Memory, width: int, seed: int) -> Judge:
    from straw.rewards.intrinsic.kinds.surprise import Surprise

    return Surprise()


def entropy(memory: Memory, width: int, seed: int) -> Judge:
    from straw.rewards.intrinsic.kinds.surprise import ByteEntropy

    return ByteEntropy()


def elliptical(memory: Memory, width: int, seed: int) -> Judge:
    from straw.rewards.intrinsic.kinds.elliptical import Elliptical

    return Elliptical(width, memory.elliptical_dimensions, memory.elliptical_ridge, seed)


def extra(memory: Memory, width: int, seed: int) -> Judge:
    from straw.rewards.intrinsic.kinds.extra import Extra

    return Extra()


def repeats(memory: Memory, width: int, seed: int) -> Judge:
    from straw.rewards.intrinsic.kinds.repeats import Repeats

    return Repeats(memory.memory_keys * memory.memory_values)


def nothing(memory: Memory, width: int, seed: int) -> Judge:
    raise ValueError("use_ir=no pays nothing")


INTRINSIC: dict[str, Kind] = {
    "no": Kind(make=nothing, is_novel=False),
    "knn": Kind(make=neighbours, is_memory=True, is_novel=False, encoder="minilm"),
    "knn+": Kind(make=neighbours, is_memory=True, encoder="minilm"),
    "surprise": Kind(make=surprise),
    "entropy": Kind(make=entropy),
    "elliptical": Kind(make=elliptical, encoder="policy"),
    "extra": Kind(make=extra, encoder="minilm"),
    "repeats": Kind(make=repeats),
}


def kind_named(name: str) -> Kind:
    """From the table, or from outside."""
    found = find("intrinsic", name)
    if isinstance(found, Kind):
        return found
    lacking = [method for method in METHODS if isinstance(found, type) and not hasattr(found, method)]
    if lacking:
        raise ConfigError(
            f"an intrinsic reward has the methods {', '.join(METHODS)}; {name} lacks {', '.join(lacking)}: "
            "see examples/my_novelty.py."
        )
    make = getattr(found, "from_options", lambda memory, width, seed: found())
    return Kind(make=make, encoder="minilm" if getattr(found, "needs_encoder", False) else None)
