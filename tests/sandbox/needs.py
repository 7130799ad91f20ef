"""Whether programs can be run here at all, and which processes a sandbox left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from straw.errors import StrawError
from straw.sandbox import bubblewrap
from straw.sandbox.limits import Limits
from straw.sandbox.process import check

SHORT = Limits(cpu_s=1, wall_s=1.2, memory=256 << 20, disk=8 << 20, output=1 << 20)


def reason() -> str:
    try:
        check()
    except StrawError as error:
        return str(error)
    return ""


needs_sandbox = pytest.mark.skipif(bool(reason()), reason=reason() or "there is one")


class Watched:
    """Notes the process namespace of every sandbox that is begun, and finds who is still in one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.namespaces: set[str] = set()
        entered = bubblewrap.entered

        def noted(told: int, go: int) -> int:
            handle = entered(told, go)
            lines = Path(f"/proc/self/fdinfo/{handle}").read_text().splitlines()
            first = next(int(line.split()[1]) for line in lines if line.startswith("Pid:"))
            self.namespaces.add(os.readlink(f"/proc/{first}/ns/pid"))
            return handle

        monkeypatch.setattr(bubblewrap, "entered", noted)

    @property
    def left(self) -> list[str]:
        return [one for one, namespace in namespaces() if namespace in self.namespaces]


def namespaces() -> Iterator[tuple[str, str]]:
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                yield process.name, os.readlink(process / "ns/pid")
            except OSError:
                continue


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """After the test, nothing is left of any sandbox that it began."""
    found = Watched(monkeypatch)
    yield found
    assert found.namespaces, "no sandbox was begun"
    assert found.left == []
