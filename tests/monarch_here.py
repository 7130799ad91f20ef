"""Whether Monarch is installed, and may stand behind a wall here; found out without importing it.

An import would begin Monarch's threads outside of the wall (see `straw.engines.monarch.processes.namespace`).
"""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from straw.engines.monarch.processes import namespace as wall
from straw.errors import ConfigError

needs_monarch = pytest.mark.skipif(find_spec("monarch") is None, reason="the extra `monarch` is not installed")


def why_open() -> str:
    """Why there is no wall here; empty where there is one. Containers often allow none."""
    try:
        return wall.raised(shared_machine=True).missing
    except ConfigError as error:
        return str(error)


def words_here() -> list[str]:
    """What a command needs here beside engine=monarch."""
    return ["shared_machine=false"] if why_open() else []
