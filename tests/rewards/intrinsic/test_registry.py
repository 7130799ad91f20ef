from __future__ import annotations

from typing import Any

import pytest

from straw.config import Memory
from straw.rewards.intrinsic.episodic import Episodic
from straw.rewards.intrinsic.kinds.elliptical import Elliptical
from straw.rewards.intrinsic.kinds.extra import Extra
from straw.rewards.intrinsic.kinds.repeats import Repeats
from straw.rewards.intrinsic.kinds.surprise import ByteEntropy, Surprise
from straw.rewards.intrinsic.registry import INTRINSIC, Kind, kind_named


def made(name: str, width: int = 5, seed: int = 7, **options: Any) -> Any:
    return kind_named(name).make(Memory(use_ir=name, **options), width, seed)


def test_what_each_kind_keeps_and_pays_for() -> None:
    assert {name for name, kind in INTRINSIC.items() if kind.is_memory} == {"knn", "knn+"}
    assert {name for name, kind in INTRINSIC.items() if kind.is_novel} == {
        "knn+", "surprise", "entropy", "elliptical", "extra", "repeats",
    }  # fmt: skip


def test_what_embeds_where_nobody_chose() -> None:
    assert {name: kind.encoder for name, kind in INTRINSIC.items() if kind.encoder} == {
        "knn": "minilm", "knn+": "minilm", "elliptical": "policy", "extra": "minilm",
    }  # fmt: skip
    bare = Kind(make=INTRINSIC["no"].make)
    assert (bare.is_memory, bare.is_novel, bare.encoder) == (False, True, None)


def test_a_memory_of_neighbours_is_as_large_as_the_page_says() -> None:
    ours = made("knn+", memory_keys=3, memory_values=4, k=2, similarity_floor=0.25)
    assert isinstance(ours, Episodic) and (ours.k, ours.floor) == (2, 0.25) and ours.failure is not None
    for store in (ours.success, ours.failure):
        assert (store.width, store.max_keys, store.max_values, store.cells) == (5, 3, 4, None)
    assert ours.success is not ours.failure and made("knn").failure is None
    assert made("knn", neighbours="approximate").success.cells is not None


def test_each_of_the_others_is_made_with_its_options() -> None:
    ours = made("elliptical", elliptical_dimensions=3, elliptical_ridge=0.5)
    assert ours.projection.equal(Elliptical(5, 3, 0.5, 7).projection) and ours.inverse.tolist()[0] == [2, 0, 0]
    assert made("repeats", memory_keys=3, memory_values=4).most == 12
    kinds = {"surprise": Surprise, "entropy": ByteEntropy, "extra": Extra, "repeats": Repeats}
    assert {name: type(made(name)) for name in kinds} == kinds
    with pytest.raises(ValueError, match="use_ir=no pays nothing"):
        made("no")


class Plain:
    """A judge without options."""

    raw = write = counts = arrays = load = None


class Chosen(Plain):
    needs_encoder = True

    @classmethod
    def from_options(cls, memory: Memory, width: int, seed: int) -> tuple[type, int, int]:
        return cls, width, seed


def test_a_class_of_somebody_else_says_whether_it_has_options_and_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, judge in (("plain", Plain), ("chosen", Chosen)):
        monkeypatch.setitem(INTRINSIC, name, judge)
    plain, chosen = kind_named("plain"), kind_named("chosen")
    assert isinstance(plain.make(Memory(), 5, 7), Plain) and plain.encoder is None
    assert chosen.make(Memory(), 5, 7) == (Chosen, 5, 7) and chosen.encoder == "minilm"
    assert plain.is_novel and not plain.is_memory
