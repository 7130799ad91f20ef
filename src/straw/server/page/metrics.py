"""The state in Prometheus' text form: a line a number, each with what it is.

# HELP straw_sampled_tokens_total Tokens that were written.
# TYPE straw_sampled_tokens_total counter
straw_sampled_tokens_total 1234
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isinf, isnan

from straw.server.page.state import State, Tenant

MOST_TENANTS = 100  # with series of their own
COUNTERS = {
    "sampled_tokens": "Tokens that were written.",
    "prompt_tokens": "Tokens of prompts that were read.",
    "trained_tokens": "Tokens that were trained on.",
    "samples": "Replies that were completed.",
    "steps": "Optimiser steps.",
    "errors": "Requests that ended with an error.",
    "replayed": "Requests that were done again after a restart.",
}
GAUGES = {
    "sessions": "Clients with a heartbeat.",
    "waiting": "Requests that wait.",
    "writing": "Replies that are being written.",
    "models_in_memory": "Training models in memory.",
    "models_on_disk": "Training models on the disk.",
    "resident_bytes": "Memory of the process.",
    "journal_bytes": "Size of the journal.",
    "store_bytes": "Size of checkpoints and snapshots.",
}
Sample = tuple[dict[str, str], float | int | None]


def prometheus(state: State) -> str:
    lines = [
        *metric(
            "build_info", "gauge", "What is served.", [({"model": state.served.name, "version": state.version}, 1)]
        ),
        *metric("start_time_seconds", "gauge", "When the server began.", [({}, state.started)]),
        *metric("busy_seconds_total", "counter", "Time that was spent computing.", [({}, state.counts.busy_s)]),
        *metric("checkpoints", "gauge", "Checkpoints that are kept.", [({}, len(state.checkpoints))]),
    ]
    for name, what in COUNTERS.items():
        lines += metric(f"{name}_total", "counter", what, [({}, getattr(state.counts, name))])
    for name, what in GAUGES.items():
        lines += metric(name, "gauge", what, [({}, getattr(state.now, name))])
    shown = state.tenants[:MOST_TENANTS]
    lines += metric("model_step", "gauge", "Optimiser steps of a training model.", each(shown, "step"))
    lines += metric("model_loss", "gauge", "Loss per token at its last step.", latest(shown, "loss"))
    lines += metric("model_reward", "gauge", "Mean reward or advantage at its last step.", latest(shown, "reward"))
    return "\n".join(lines) + "\n"


def each(tenants: Iterable[Tenant], name: str) -> list[Sample]:
    return [({"model": one.id}, getattr(one, name)) for one in tenants]


def latest(tenants: Iterable[Tenant], name: str) -> list[Sample]:
    return [({"model": one.id}, values[-1] if (values := getattr(one.curve, name)) else None) for one in tenants]


def metric(name: str, kind: str, what: str, samples: Iterable[Sample]) -> list[str]:
    """Nothing where nothing is known."""
    known = [f"straw_{name}{labelled(labels)} {number(value)}" for labels, value in samples if value is not None]
    return [f"# HELP straw_{name} {what}", f"# TYPE straw_{name} {kind}", *known] if known else []


def labelled(labels: dict[str, str]) -> str:
    inside = ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def number(value: float | int) -> str:
    if isinstance(value, int):
        return str(value)
    if isnan(value) or isinf(value):
        return "NaN" if isnan(value) else "+Inf" if value > 0 else "-Inf"
    return repr(value)
