"""What happened to a run, one line a kind: its events in the order in which they first came.

started
checkpoint          3 times, steps 20 to 60
alarm kl_spike      step 31, 0.83: a smaller learning_rate helps
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

PLAIN = ("time", "event", "step", "name", "advice")  # said in the line's own words


def history(events: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What and when: an event that came more than once tells how often, and the facts of its last time."""
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for event in events:
        kinds.setdefault(f"{event.get('event', 'event')} {event.get('name', '')}".strip(), []).append(event)
    return [(kind, _line(same)) for kind, same in kinds.items()]


def _line(same: list[Mapping[str, Any]]) -> str:
    first, last = same[0], same[-1]
    steps = f"step {last.get('step')}" if len(same) == 1 else f"steps {first.get('step')} to {last.get('step')}"
    times = f"{len(same)} times, " if len(same) > 1 else ""
    facts = ", ".join(_fact(name, value) for name, value in last.items() if name not in PLAIN and value not in ({}, []))
    advice = f": {last['advice']}" if last.get("advice") else ""
    return times + steps + (f", {facts}" if facts else "") + advice


def _fact(name: str, value: object) -> str:
    """versions_changed torch 2.12 -> 2.13; what gates found are sentences that need no name."""
    if name == "found" and isinstance(value, Mapping):
        return "; ".join(str(one) for one in value.values() if one)
    return f"{name.replace('_', ' ')} {_brief(value)}"


def _brief(value: object) -> str:
    """Never a dict or a list as Python spells it."""
    if isinstance(value, Mapping):
        return "; ".join(_fact(str(key), one) for key, one in value.items())
    if isinstance(value, list):
        return f"{len(value)}" if any(isinstance(one, Mapping) for one in value) else ", ".join(map(_brief, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
