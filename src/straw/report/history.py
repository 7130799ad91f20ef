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
    facts = ", ".join(f"{name} {_brief(value)}" for name, value in last.items() if name not in PLAIN)
    advice = f": {last['advice']}" if last.get("advice") else ""
    return times + steps + (f", {facts}" if facts else "") + advice


def _brief(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
