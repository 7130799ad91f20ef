"""No signal reaches a process that only has the number which another one said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from straw.engines.monarch.processes import identity
from straw.engines.monarch.processes.identity import Identity, Known, identity_of, mine
from straw.engines.monarch.processes.process import Process

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def reported(identity: Identity) -> Process:
    """A process of the engine that said this of itself."""
    process = Process.__new__(Process)
    process.name, process.pid, process.known = "generator-0", identity.pid, Known.here(identity)
    return process


def test_a_process_of_this_machine_is_killed(child: subprocess.Popen[bytes]) -> None:
    process = reported(identity_of(child.pid))
    process.kill()
    assert child.wait(10) == -signal.SIGKILL
    process.kill()  # who is gone stays gone


@pytest.mark.parametrize(
    "elsewhere",
    [{"boot": "5e1c2a0f-another-machine"}, {"namespace": "pid:[4026999999]"}, {"began": "1"}, {"began": ""}],
    ids=["another machine", "another container", "the number was given away", "nothing is known"],
)
def test_a_number_that_was_said_elsewhere_is_never_signalled(
    child: subprocess.Popen[bytes], elsewhere: dict[str, Any]
) -> None:
    process = reported(replace(identity_of(child.pid), **elsewhere))
    process.kill()
    assert process.known is None
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.2)


def test_a_number_that_is_given_away_later_is_not_signalled_either(child: subprocess.Popen[bytes]) -> None:
    """The descriptor stays with the process that is gone, whoever has its number then."""
    known = Known.here(identity_of(child.pid))
    assert known is not None
    child.kill()
    child.wait()
    known.kill()
    known.close()
    known.kill()


def test_a_number_that_is_given_away_just_then_is_not_known(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a look at it and its descriptor."""
    said = identity_of(child.pid)
    looks = iter([said, replace(said, began="1")])
    monkeypatch.setattr(identity, "identity_of", lambda pid: next(looks))
    assert Known.here(said) is None


def test_what_a_process_says_of_itself_is_what_others_see() -> None:
    assert mine() == identity_of(os.getpid())
    assert mine().pid == os.getpid() and mine().began
