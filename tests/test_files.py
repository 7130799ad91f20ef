"""What may lie where a file is expected: a link, a pipe, a device, a file without end, JSON without bottom."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from straw import files
from straw.files import close_to_others, lines_of, make_folders, open_file, parse_json, parse_toml, read_file, reading

LARGE = 10 * files.GIB


def sparse(path: Path, size: int = LARGE) -> Path:
    """A file of zeros that takes no room."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def link(path: Path, target: Path | str) -> Path:
    path.symlink_to(target)
    return path


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR | os.O_CREAT | os.O_APPEND])
def test_neither_a_link_nor_a_pipe_nor_a_folder_is_opened(flags: Any, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "folder").mkdir()
    for odd in (
        link(tmp_path / "link", tmp_path / "mine"),
        link(tmp_path / "dangling", tmp_path / "new"),
        link(tmp_path / "zero", "/dev/zero"),
        pipe(tmp_path / "pipe"),
        tmp_path / "folder",
    ):
        with pytest.raises(OSError):
            open_file(odd, flags)
    assert (tmp_path / "mine").read_text() == "mine" and not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_a_name_that_no_file_can_have_is_an_os_error_too(name: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no file can have such a name"):
        open_file(tmp_path / name)


def test_what_a_person_named_may_be_a_link_and_is_a_file_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    assert read_file(link(tmp_path / "link", tmp_path / "mine"), 10, follow=True) == b"mine"
    for odd in (link(tmp_path / "zero", "/dev/zero"), pipe(tmp_path / "pipe")):
        with pytest.raises(OSError, match="no regular file"):
            read_file(odd, 10, follow=True)


def test_a_file_with_a_second_name_is_read_and_not_written(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    os.link(tmp_path / "mine", tmp_path / "metrics.jsonl")
    assert read_file(tmp_path / "metrics.jsonl", 10) == b"mine"
    with pytest.raises(OSError, match="another name"):
        open_file(tmp_path / "metrics.jsonl", os.O_RDWR | os.O_APPEND)


def test_ten_gigabytes_of_nothing_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = sparse(tmp_path / "metrics.jsonl")
    with pytest.raises(OSError, match="10,737,418,240 bytes, and at most 1,000 are read"):
        read_file(path, 1000)
    with reading(path) as file, pytest.raises(OSError, match="a line of more than 1,000 bytes"):
        next(lines_of(file, 1000))


def test_lines_up_to_the_limit_come_whole(tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(b"12\n123\n1")
    with reading(tmp_path / "lines") as file:
        assert list(lines_of(file, 4)) == [b"12\n", b"123\n", b"1"]
    with reading(tmp_path / "lines") as file, pytest.raises(OSError, match="more than 3 bytes"):
        list(lines_of(file, 3))


DEEP = {
    "lists": "[" * 100_000,
    "closed lists": "[" * 100_000 + "]" * 100_000,
    "objects": '{"a":' * 100_000,
    "just too deep": "[" * 101 + "]" * 101,
    "deep beside flat": json.dumps([[1]] * 50 + [json.loads("[" * 200 + "]" * 200)]),
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_json_without_bottom_is_a_value_error(text: Any) -> None:
    for data in (text, text.encode()):
        with pytest.raises(ValueError, match="nested more than 100 deep"):
            parse_json(data)


def test_json_that_is_flat_however_much_of_it_or_a_hundred_deep_is_read() -> None:
    assert parse_json(json.dumps([[1]] * 1000)) == [[1]] * 1000
    assert parse_json("[" * 100 + "]" * 100)


SLOW = {
    "a key of 65,000 parts": "a." * 65_000 + "a = 1",  # Python's own reader takes a minute and a half
    "a header of 65,000 parts": "[" + "a." * 65_000 + "a]",
    "lists": "a = " + "[" * 100_000,
    "tables": "a = " + "{b = " * 50_000,
    "many keys of 190 parts": "".join(f"{'a.' * 190}x{number} = 1\n" for number in range(600)),
    "a long number": "a = " + "1" * 100_000,
    "an open string": 'a = "' + "\\" * 200_001,
    "a megabyte": "# " + "a" * files.MIB,
}


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW)
def test_toml_that_would_take_for_ever_is_refused_in_a_second(text: Any) -> None:
    began = time.process_time()
    with pytest.raises(ValueError):
        parse_toml(text)
    assert time.process_time() - began < 2


def test_nobody_else_may_write_whatever_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_folders(tmp_path / "a" / "b")
        os.close(open_file(tmp_path / "file", os.O_RDWR | os.O_CREAT))
        (tmp_path / "theirs").write_text("of a library")
    finally:
        os.umask(before)
    close_to_others(tmp_path / "theirs")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {"a": 0o775, "b": 0o775, "file": 0o664, "theirs": 0o664}
