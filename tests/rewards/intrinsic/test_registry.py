from __future__ import annotations

from straw.rewards.intrinsic.registry import INTRINSIC


def test_what_each_kind_keeps_and_pays_for() -> None:
    assert {name for name, kind in INTRINSIC.items() if kind.is_memory} == {"knn", "knn+"}
    assert {name for name, kind in INTRINSIC.items() if kind.is_novel} == {
        "knn+", "surprise", "entropy", "elliptical", "extra", "repeats",
    }  # fmt: skip
