"""Did a run end with less than it began with? A run that is done is not therefore a run that went well.

    bits known    a bit below the start or more           the policy is sure of another answer
    valid mass    below a half, and above it at the start replies are no answers any more
    accuracy      its interval lies below the start's

A control channel owes nobody bits, so it is judged by the form alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from straw.rewards.channel import Channel
from straw.training.plan import Plan

NAME = "worse_than_start"
MARGIN_BITS = 1.0
WAY_OUT = "lower learning_rate, or set kl_coef, and look at what it wrote (straw show)"
Row = Mapping[str, float]


def worse_than_start(plan: Plan, first: Row, last: Row) -> str | None:
    """One line, or None."""
    found = bits(plan, first, last) if plan.ceiling_bits is not None else accuracy(first, last)
    return f"the run is done and worse than at its start: {found}; {WAY_OUT}" if found else None


def bits(plan: Plan, first: Row, last: Row) -> str | None:
    if not have(("valid_mass", "bits_known"), first, last):
        return None
    if last["valid_mass"] < 0.5 <= first["valid_mass"]:
        return f"{last['valid_mass']:.4f} of its replies are answers at all, {first['valid_mass']:.4f} before"
    if points_at_the_secret(plan.channel, plan.is_sft) and last["bits_known"] < first["bits_known"] - MARGIN_BITS:
        return f"bits known {last['bits_known']:.2f}, {first['bits_known']:.2f} before: it is sure of another answer"
    return None


def have(names: Sequence[str], *rows: Row) -> bool:
    """Whether all of them are numbers: the first row of a run that was resumed comes from a file."""
    return all(isinstance(row.get(name), int | float) for row in rows for name in names)


def points_at_the_secret(channel: Channel, is_sft: bool) -> bool:
    return is_sft or channel.plateau is not None


def accuracy(first: Row, last: Row) -> str | None:
    if not have(("accuracy", "accuracy_low", "accuracy_high"), first, last):
        return None
    if last["accuracy_high"] >= first["accuracy_low"]:
        return None
    return f"accuracy {last['accuracy']:.2f}, {first['accuracy']:.2f} before"
