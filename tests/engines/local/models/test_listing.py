"""Which models are there: rows of what is embedded, in straw's cache, in the hub's, and what can be added."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub.errors import CacheNotFound

from straw.engines.local.models import listing
from straw.engines.local.models.listing import ModelRow, hub_rows, list_models
from straw.engines.local.models.tiny import SHAPES


@pytest.fixture(autouse=True)
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder is whole unless its name says that it is not; its weights are counted by its name's length."""
    monkeypatch.setenv("STRAW_HOME", str(tmp_path))
    monkeypatch.setattr(listing, "shortcoming", lambda folder: "is half" if "half" in folder.name else None)
    monkeypatch.setattr(listing, "count_weights", lambda folder: len(folder.name))
    monkeypatch.setattr(listing, "size_bytes", lambda folder: 100 * len(folder.name))


def repo(name: str, *revisions: tuple[int, str], kind: str = "model") -> Any:
    made = [SimpleNamespace(last_modified=when, snapshot_path=Path(path)) for when, path in revisions]
    return SimpleNamespace(repo_id=name, repo_type=kind, revisions=made)


def hub(monkeypatch: pytest.MonkeyPatch, *repos: Any) -> None:
    monkeypatch.setattr(listing, "scan_cache_dir", lambda: SimpleNamespace(repos=repos))


def test_whole_models_of_the_hub_are_listed_by_name_with_their_latest_revision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub(
        monkeypatch, repo("org/b", (1, "/old"), (3, "/newest"), (2, "/new")), repo("org/a", (1, "/a")),
        repo("org/half", (1, "/half")), repo("org/data", (1, "/data"), kind="dataset"), repo("org/none"),
    )  # fmt: skip
    assert hub_rows() == [
        ModelRow("org/a", "hub cache", 1, Path("/a"), 100),
        ModelRow("org/b", "hub cache", 6, Path("/newest"), 600),
    ]


def test_without_a_cache_the_hub_has_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> object:
        raise CacheNotFound("no cache", cache_dir=Path("/nowhere"))

    monkeypatch.setattr(listing, "scan_cache_dir", missing)
    assert hub_rows() == []


def test_rows_stand_in_order_and_what_is_there_is_not_to_be_added(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub(monkeypatch, repo("org/a", (1, "/a")))
    (tmp_path / "models" / "half").mkdir(parents=True)
    rows = list_models()
    assert [row.name for row in rows] == [*SHAPES, "half", "org/a", "smollm2"]
    assert rows[0] == ModelRow("tiny-0.2M", "embedded", 183_040, None, 0, "")
    assert rows[-3] == ModelRow("half", "cache", None, tmp_path / "models" / "half", 400, "is half")
    assert rows[-1] == ModelRow("smollm2", "to add", None, None, 0, "straw models add smollm2")
    (tmp_path / "models" / "smollm2").mkdir()
    assert [row.where for row in list_models() if row.name == "smollm2"] == ["cache"]
