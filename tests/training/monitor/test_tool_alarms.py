"""How tool use collapses, as rows of metrics; and runs that are sound."""

from __future__ import annotations

import pytest

from straw.training.monitor.alarms import Alarms

SOUND = {"tools/malformed": 0.05, "tools/call_frequency": 6.0, "tools/most_common": 0.6, "environments/failed": 0.0,
         "reward": 0.5}  # fmt: skip


def raised(**late: float) -> set[str]:
    """By forty steps that are sound, and forty that are as `late` says."""
    alarms, found = Alarms(), set()
    for step in range(1, 81):
        row = {**SOUND, **({name.replace("__", "/"): value for name, value in late.items()} if step > 40 else {})}
        found |= {alarm.name for alarm in alarms.watch(step, row)}
    return found


@pytest.mark.parametrize(
    ("late", "name"),
    [
        ({"tools__malformed": 0.4}, "malformed_calls"),
        ({"tools__call_frequency": 2.0}, "calls_vanish"),
        ({"tools__most_common": 1.0}, "one_tool"),
        ({"environments__failed": 0.6}, "environments_fail"),
    ],
)
def test_each_way_to_collapse_has_its_alarm(late: dict[str, float], name: str) -> None:
    assert raised(**late) == {name}


@pytest.mark.parametrize(
    "late",
    [
        {},
        {"tools__malformed": 0.0},
        {"tools__malformed": 0.15},  # few are
        {"tools__call_frequency": 2.0, "reward": 0.9},  # it needs fewer, and is paid better
        {"tools__most_common": 1.0, "reward": 0.9},
        {"environments__failed": 0.3},
    ],
)
def test_a_sound_run_is_left_in_peace(late: dict[str, float]) -> None:
    assert raised(**late) == set()
