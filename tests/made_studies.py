"""Folders of runs whose answers are known: how long each took, at which N, with which reward.

    make_study(folder, {64: [90, 40], 256: [300, never]}, cap=1000, reward_type="binary")

Every list is a condition with a secret for each number: the episodes after which 0.9 of its bits were known. `never`
has not happened within `cap`. The first hit comes at a third of that time. Rows stand where something happens, just
before, and at a few places between, so every time is known well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, inf, log, log2
from pathlib import Path
from random import Random
from typing import Any

from tests.made_runs import rollout, write_run

never = inf
GROUP = 4


def make_study(folder: Path, times: Mapping[int, Sequence[float]], *, cap: float = 1e5, **options: object) -> Path:
    """One run folder a number, named by reward, N and secret."""
    for N, known in times.items():
        for secret, episodes in enumerate(known):
            make_secret_run(folder, N, secret, episodes, cap, **options)
    return folder


def make_secret_run(
    folder: Path, N: int, secret: int, known: float, cap: float, *, name: str = "", done: bool = True, **options: object
) -> Path:
    reward = str(options.get("reward_type", "binary")) + str(options.get("reward_bins", ""))
    path = folder / f"{name or reward}-N-{N}-{secret}"
    path.parent.mkdir(parents=True, exist_ok=True)
    seeds = {"secret_seed": secret, "seed": secret, **options}
    said = [(1, rollout("12", 0.0)), (2, rollout("37", 1.0, prompt="Name <b>it</b>."))]
    return write_run(path, rows_of(N, known, cap), said, done=done, **{"N": N, "learning_rate": 3e-4, **seeds})


def rows_of(N: int, known: float, cap: float) -> list[dict[str, float]]:
    hit = known / 3
    at = {
        0.0,
        cap,
        *(cap * share / 8 for share in range(8)),
        *(part * time for time in (hit, known) if time <= cap for part in (0.999, 1)),
    }
    return [row_at(step, episodes, N, hit, known) for step, episodes in enumerate(sorted(at))]


def row_at(step: int, episodes: float, N: int, hit: float, known: float) -> dict[str, float]:
    """Nothing is known before the hit, the ledger keeps its order, and what was said once costs nothing later."""
    share = 0.0 if episodes < hit or known == inf else min(1.0, 0.9 * (episodes - hit) / (known - hit))
    bits = log2(N) * (share if episodes < known else 0.97)
    row = {"step": step, "episodes": episodes, "time_s": step * 0.1, "reward": share, "hits": float(episodes >= hit)}
    row |= {"bits_known": bits, "p_secret": 2**bits / N, "ledger/absorbed_bits": bits}
    return row | {
        "ledger/offered_bits": bits + 2.0, "ledger/received_bits": min(log2(N), bits + 0.5),
        "ledger/usable_bits": bits + 1.0, "ledger/capacity_bits": episodes,
    }  # fmt: skip


def scattered(
    sizes: Sequence[int], middle: Mapping[int, float], count: int, *, spread: float = 0.5, seed: int = 0
) -> Any:
    """Times around a middle for each N, by a factor that is log-normal."""
    rng = Random(seed)
    return {N: [middle[N] * exp(rng.gauss(0, spread)) for _ in range(count)] for N in sizes}


def in_proportion(sizes: Sequence[int], count: int, a: float = 2.0, **how: float) -> Any:
    return scattered(sizes, {N: a * N for N in sizes}, count, **how)


def by_bits(sizes: Sequence[int], count: int, a: float = 40.0, **how: float) -> Any:
    return scattered(sizes, {N: a * log(N, 2) for N in sizes}, count, **how)


def make_accuracy_run(path: Path, ends: float, *, seed: int = 0, **options: object) -> Path:
    """A task without bits: accuracy rises in a straight line."""
    rows = [
        {
            "step": step, "episodes": step * 8, "time_s": 1.0 * step, "reward": 0.1 * step, "hits": 0.5,
            "accuracy": ends * step / 10, "ledger/offered_bits": 3.0 * step, "ledger/pass_bits": 0.2 * step,
        }
        for step in range(11)
    ]  # fmt: skip
    return write_run(
        path, rows, [(1, rollout("?", 0.0))], **{"kind": "sum_digits", "seed": seed, "learning_rate": 1e-4, **options}
    )
