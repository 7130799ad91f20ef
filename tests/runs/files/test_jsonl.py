from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.errors import RunError
from straw.runs.files.jsonl import Lines, json_line, read_lines

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(record=st.dictionaries(st.text(), PLAIN, max_size=4))
def test_a_record_is_one_line_and_reads_back_equal_to_the_last_bit(record: Any) -> None:
    line = json_line(record)
    assert line.splitlines() == [line[:-1]]
    assert json.loads(line) == record


def test_nan_and_infinities_are_null() -> None:
    record = {"loss": float("nan"), "kl": [1.5, float("inf")], "deep": {"x": -float("inf")}}
    assert json_line(record) == '{"loss":null,"kl":[1.5,null],"deep":{"x":null}}\n'


def test_numbers_of_numpy_and_read_only_mappings_are_plain() -> None:
    record = {"a": np.float32(0.5), "b": np.int64(3), "c": MappingProxyType({"d": np.float32("nan")})}
    assert json.loads(json_line(record)) == {"a": 0.5, "b": 3, "c": {"d": None}}


def test_what_is_no_json_value_is_a_bug_and_not_a_string() -> None:
    with pytest.raises(TypeError, match="plain JSON"):
        json_line({"a": object()})


def test_a_cut_last_line_is_passed_over_and_removed_by_the_next_writer(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step":1}\n{"step":2,"rew')
    assert list(read_lines(path)) == [{"step": 1}]
    lines = Lines(path)
    lines.append([{"step": 2}])
    lines.close()
    assert path.read_bytes() == b'{"step":1}\n{"step":2}\n'


@pytest.mark.parametrize("whole", [b"", b'{"step":1}\n'])
def test_a_cut_line_longer_than_a_block_is_removed_too(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "rollouts.jsonl"
    path.write_bytes(whole + b'{"prompt":"' + b"x" * 200_000)
    Lines(path).close()
    assert path.read_bytes() == whole


def test_a_process_killed_while_it_writes_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    writer = """
import sys
from pathlib import Path
from straw.runs.files.jsonl import Lines
lines = Lines(Path(sys.argv[1]))
print("ready", flush=True)
step = 0
while True:
    lines.append([{"step": step, "text": "x" * 3000} for _ in range(64)])
    step += 1
"""
    process = subprocess.Popen([sys.executable, "-c", writer, str(path)], stdout=subprocess.PIPE)
    process.stdout.readline()
    while path.stat().st_size < 2_000_000 and process.poll() is None:
        pass
    process.kill()
    process.communicate()
    assert len(list(read_lines(path))) >= 500
    assert all(record["text"] == "x" * 3000 for record in read_lines(path))


def disk_is_full(descriptor: Any, data: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_takes_back_what_it_took_of_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = Lines(tmp_path / "metrics.jsonl")
    lines.append([{"step": 1}])
    write = os.write
    answers = iter([lambda descriptor, data: write(descriptor, data[:7]), disk_is_full])
    monkeypatch.setattr(os, "write", lambda descriptor, data: next(answers)(descriptor, data))
    with pytest.raises(RunError, match="full"):
        lines.append([{"step": 2}])
    assert lines.path.read_bytes() == b'{"step":1}\n'


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step":1}\nnonsense\n{"step":3}\n')
    with pytest.raises(RunError, match="line 2 is b'nonsense"):
        list(read_lines(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"holds metrics\.jsonl"):
        list(read_lines(tmp_path / "metrics.jsonl"))
