"""How long the server waits, how much it keeps, and what it answers to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from straw.engines.tenants.records import IN_MEMORY


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Durations in seconds. A client resends what it could not deliver for five minutes: `gap_s` is above that."""

    names: tuple[str, ...] = ()  # of the base model: its own first, then those it answers to beside
    any_name: bool = False
    stand_ins: Mapping[str, str] = field(default_factory=dict)  # of losses: {"stable_reinforce": "ppo"}
    full: bool = False  # one client trains the base itself
    # waiting
    poll_s: float = 25.0  # a retrieve without a result
    gap_s: float = 330.0  # a number that was lost on the way
    stale_s: float = 600.0  # a session without a heartbeat: its samples are cancelled
    forgotten_s: float = 86_400.0  # and its models closed
    results_s: float = 21_600.0
    sweep_s: float = 10.0
    # keeping
    most_pending: int = 20_000  # requests of all clients that wait
    most_bytes_read: int = 64 << 20  # of bodies that wait in memory, read; others wait on the disk
    most_journal: int = 8 << 30
    most_models: int = 1_000  # open ones of one key
    most_rank: int = 256
    in_memory: int = IN_MEMORY  # models, and as many snapshots; the others lie on the disk
    awake: int = 4 * IN_MEMORY  # models that go on at once, out of a file where they are not in memory
    samplers_kept: int = 64  # snapshots of one model that were never named
    # a model's state is saved behind this many of its requests, or once this much would be computed again
    state_every: int = 256
    state_after_s: float = 20.0

    def is_served(self, name: str) -> bool:
        return self.any_name or name in self.names
