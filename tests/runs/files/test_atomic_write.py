from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from straw.errors import RunError
from straw.runs.files import atomic_write as whole
from straw.runs.files.atomic_write import whole_folder, write_whole


def refuse(number: Any) -> Any:
    def call(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    return call


def test_a_folder_is_not_there_before_its_block_has_ended(tmp_path: Path) -> None:
    goal = tmp_path / "deep" / "run"
    with whole_folder(goal) as staging:
        (staging / "a").write_text("1")
        assert not goal.exists()
        assert staging.name.startswith(".")
    assert (goal / "a").read_text() == "1"
    assert [path.name for path in goal.parent.iterdir()] == ["run"]


def test_a_block_that_fails_leaves_nothing_not_even_the_parents_it_made(tmp_path: Path) -> None:
    with pytest.raises(KeyError), whole_folder(tmp_path / "deep" / "run") as staging:
        (staging / "a").write_text("1")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_taken_and_a_full_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with whole_folder(tmp_path / "empty") as staging:
        (staging / "a").touch()
    with pytest.raises(RunError, match="overwrites nothing"), whole_folder(tmp_path / "empty") as staging:
        (staging / "b").touch()
    assert [path.name for path in (tmp_path / "empty").iterdir()] == ["a"]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_inside_the_block_is_one_line_even_in_the_words_of_another_library(tmp_path: Path) -> None:
    words = 'Error while serializing: IoError(Os { code: 28, message: "No space left on device" })'
    with (
        pytest.raises(RunError, match="is full: free some") as caught,
        whole_folder(tmp_path / "run"),
    ):
        raise RuntimeError(words)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "curve.png"
    write_whole(path, "old")
    monkeypatch.setattr(os, "fsync", refuse(errno.ENOSPC))
    with pytest.raises(RunError, match="full"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_permission_denied_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "mkdir", refuse(errno.EACCES))
    with pytest.raises(RunError, match="permission denied"), whole_folder(tmp_path / "run"):
        pass


def test_a_library_that_says_little_about_a_full_disk_is_understood_by_the_room_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole.shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    with pytest.raises(RunError, match="is full"), whole_folder(tmp_path / "run"):
        raise RuntimeError("unexpected pos 576 vs 534")


def test_a_mistake_in_the_block_stays_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes"), whole_folder(tmp_path / "run"):
        raise RuntimeError("shapes do not agree")
