"""What is asked of the hub, and each way in which it does not answer; no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

from straw.engines.local.models import hub
from straw.engines.local.models.hub import WAY_OUT, hub_folder
from straw.errors import ModelError

DATA = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]


class Answers:
    """Stands in for `snapshot_download`: what it has in its cache, and what it would fetch."""

    def __init__(self, there: Path | None, fetched: Path | Exception) -> None:
        self.there, self.fetched = there, fetched
        self.asked: list[dict[str, Any]] = []

    def __call__(self, name: str, **options: Any) -> str:
        assert name == "org/name"
        self.asked.append(options)
        if options.get("local_files_only"):
            if self.there is None:
                raise LocalEntryNotFoundError("not there")
            return str(self.there)
        if isinstance(self.fetched, Exception):
            raise self.fetched
        return str(self.fetched)


def answers(patched: pytest.MonkeyPatch, there: Path | None, fetched: Path | Exception, lacks: bool = False) -> Answers:
    stand_in = Answers(there, fetched)
    patched.setattr(hub, "snapshot_download", stand_in)
    patched.setattr(hub, "shortcoming", lambda folder: "has no config.json" if lacks else None)
    return stand_in


def test_what_was_fetched_before_is_asked_of_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = answers(monkeypatch, tmp_path, RuntimeError("nobody asks"))
    assert hub_folder("org/name") == tmp_path
    assert stand_in.asked == [{"local_files_only": True}]


@pytest.mark.parametrize("lacks", [False, True])
def test_what_is_not_there_or_not_whole_is_fetched_without_code(
    lacks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = answers(monkeypatch, tmp_path / "half" if lacks else None, tmp_path, lacks)
    assert hub_folder("org/name") == tmp_path
    assert stand_in.asked[1:] == [{"allow_patterns": DATA, "ignore_patterns": ["*/*", "consolidated*"]}]


def test_code_is_fetched_when_it_is_trusted_and_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = answers(monkeypatch, tmp_path, tmp_path / "new")
    assert hub_folder("org/name", with_code=True) == tmp_path / "new"
    assert stand_in.asked[1]["allow_patterns"] == [*DATA, "*.py"]
    (tmp_path / "model.py").touch()
    assert hub_folder("org/name", with_code=True) == tmp_path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (LocalEntryNotFoundError, "'org/name' is no folder here, and the hub cannot be reached for it: "),
        (GatedRepoError, "'org/name' is for those who accepted its terms on the hub: log in there, or "),
        (RepositoryNotFoundError, "'org/name' is neither a folder here nor a public model of the hub: "),
        (OSError, "'org/name' could not be fetched from the hub (the disk is full): "),
    ],
)
def test_each_way_to_fail_is_one_line_with_the_way_out(
    kind: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = kind.__new__(kind)
    Exception.__init__(error, "the disk is full\nand more")
    answers(monkeypatch, None, error)
    with pytest.raises(ModelError) as caught:
        hub_folder("org/name")
    assert str(caught.value) == words + WAY_OUT
