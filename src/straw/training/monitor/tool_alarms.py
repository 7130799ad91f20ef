"""Alarms of environments: the ways in which people see tool use collapse.

    malformed_calls       a fifth of the calls cannot be read, and twice as many as at the start
    calls_vanish          a rollout makes half as many calls as at the start, or less, for no better reward
    one_tool              nearly all calls are of one tool, which was not so at the start, for no better reward
    environments_fail     half of the environments failed, for five steps

Replies that shrink are `length_drift`'s.
"""

from __future__ import annotations

from typing import Protocol

from straw.training.monitor.series import Series

SHORT, FEW = 20, 5  # rows
WATCHED = ("tools/malformed", "tools/call_frequency", "tools/most_common", "environments/failed")


class Seen(Protocol):
    """The series of a run, by metric."""

    def __getitem__(self, metric: str) -> Series: ...


def malformed_calls(seen: Seen) -> float | None:
    share = seen["tools/malformed"]
    if not share.has(2 * SHORT):
        return None
    now = share.mean(SHORT)
    return now if now > 0.2 and now > 2 * share.start() else None


def calls_vanish(seen: Seen) -> float | None:
    calls = seen["tools/call_frequency"]
    if not calls.has(2 * SHORT) or calls.mean(SHORT) > calls.start() / 2 or is_better(seen):
        return None
    return calls.mean(SHORT)


def one_tool(seen: Seen) -> float | None:
    share = seen["tools/most_common"]
    if not share.has(2 * SHORT) or share.start() > 0.9 or share.mean(SHORT) < 0.98 or is_better(seen):
        return None
    return share.mean(SHORT)


def environments_fail(seen: Seen) -> float | None:
    failed = seen["environments/failed"]
    return failed.mean(FEW) if failed.has(FEW) and failed.mean(FEW) >= 0.5 else None


def is_better(seen: Seen) -> bool:
    reward = seen["reward"]
    return reward.has(2 * SHORT) and reward.mean(SHORT) > reward.start()


ADVICE = {
    "malformed_calls": (
        malformed_calls, "{:.0%} of the calls cannot be read, far more than at the start: lower learning_rate, set "
        "kl_coef, and look at the rollouts (straw show)",
    ),
    "calls_vanish": (
        calls_vanish, "a rollout makes {:.3g} calls, half as many as at the start or fewer, and is paid no better: "
        "lower learning_rate, or pay for what only the tools can tell",
    ),
    "one_tool": (
        one_tool, "{:.0%} of the calls are of one tool, and the reward is no better: lower learning_rate, set "
        "entropy_coef, and see what the other tools give (straw show)",
    ),
    "environments_fail": (
        environments_fail, "{:.0%} of the environments failed, and nothing is learned from those: the reasons are in "
        "rollouts.jsonl and events.jsonl; mend the environment, or raise env_seconds",
    ),
}  # fmt: skip
