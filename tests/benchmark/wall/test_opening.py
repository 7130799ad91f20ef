"""A process in the open is ended once: its number may be another's as soon as it was waited for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from straw.benchmark.wall.opening import InTheOpen, in_the_open


def test_who_is_gone_is_not_killed_again_by_a_number_that_may_be_anothers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = in_the_open([sys.executable, "-c", "input()"], dict(os.environ), tmp_path)
    assert isinstance(opened, InTheOpen)
    killed, kill = list[int](), os.killpg
    monkeypatch.setattr(os, "killpg", lambda group, signal: (killed.append(group), kill(group, signal)))
    opened.end()
    opened.end()
    assert killed == [opened.process.pid] and opened.process.returncode == -9
    opened.reader.close()
    opened.writer.close()
